"""The partition machine: a deterministic state machine without I/O.

`decide` reads tables and says what happens (events) and what must follow outside (effects); `apply` is the only
code that writes tables, from events alone.
"""
