"""The service protocol: what engine and handler say to each other. No I/O, no clock, no randomness.

Source of the formats: Restate's open service protocol, versions 5 to 7 (package `dev.restate.service.protocol`).
"""
