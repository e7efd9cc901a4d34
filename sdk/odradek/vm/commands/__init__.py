"""The operations of a handler, one module per family of commands. Each takes the machine first."""
