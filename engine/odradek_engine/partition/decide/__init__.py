"""What each command brings about: one module per command, `decide(decision, command)` in each.

The moves that several commands share stand beside them: `finding`, `starting`, `notifying`, `failing`, `completing`.
"""
