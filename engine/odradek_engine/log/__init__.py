"""The log: a port and its adapters."""
