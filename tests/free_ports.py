"""Ports for processes that tests start, stop and start again at the same address."""

from __future__ import annotations

import contextlib
import random
import socket

PORTS = range(10_000, 32_768)
"""Below those that systems give to outgoing connections: one of these could take a port while its server is away, and
a client that tries again and again at a local port of that kind may in the end be connected with itself."""


def free_ports(count: int) -> list[int]:
    """Ports of 127.0.0.1 on which nothing listened a moment ago."""
    found: list[int] = []
    with contextlib.ExitStack() as listening:
        while len(found) < count:
            port = random.SystemRandom().choice(PORTS)
            probe = listening.enter_context(socket.socket())
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do
            with contextlib.suppress(OSError):
                probe.bind(("127.0.0.1", port))
                probe.listen()
                found.append(port)
    return found
