"""The handler side of an attempt: a journal machine without I/O."""
