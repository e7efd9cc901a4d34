"""What the engine speaks of: rows, commands, events, effects, outcomes. Frozen structs without behaviour.

Rows and events are stored as MessagePack arrays and outlive every release: fields are only ever appended, with
a default, and an event's or a command's tag is never used for another one.

Frozen structs of plain values cannot be part of a reference cycle: Python's cycle collector does not look at them
(`gc=False`), which spares it the larger part of its work.
"""
