"""Runs handlers: the engine side of attempts and the transports to where handlers live."""
