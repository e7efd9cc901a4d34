"""Runs handlers on the event loop of the process: the I/O around `odradek.vm`.

`attempt` owns the task of one attempt and what it sends; `invocation` is the context that handlers see; `durable`
has the futures they await; `run_block` executes the actions of run blocks; `endpoint` opens attempts.
"""
