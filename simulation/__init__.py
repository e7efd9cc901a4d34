"""The whole engine on one thread, from one seed: nodes, log, disks, handlers and clients, and all that befalls them.

`make simulate` runs it; docs/simulation.md says how to read what it prints. A seed draws a `plan` (what is asked, what
goes wrong, and when), a `run` carries it out on the production code, the `checkers` watch, each for one property.
"""
