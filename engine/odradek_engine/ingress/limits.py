"""Every bound of the ingress, with its default. What happens beyond each of them stands beside it."""

from __future__ import annotations

import msgspec

MIB = 1024 * 1024


class IngressLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Sizes in bytes, times in seconds."""

    body_bytes: int = 32 * MIB
    """A request body; beyond it 413."""
    buffered_body_bytes: int = 1024 * MIB
    """All bodies that are still coming in, together; beyond it 503."""
    head_bytes: int = 64 * 1024
    """Request line and headers; beyond it 431. A head that does not end is held up to this and one read more."""
    headers: int = 256
    """Headers of a request; beyond it 431."""
    connections: int = 16_384
    """Open connections; further ones get 503 and are closed."""
    pipelined: int = 16
    """Requests of one connection that run at a time; further ones wait, and reading stops meanwhile."""
    concurrent_requests: int | None = None
    """Requests of all connections that run at a time; beyond it 429."""
    head_seconds: int = 30
    """For the whole head; after it 408."""
    body_seconds: int = 60
    """Without progress in a body; after it 408."""
    idle_seconds: int = 600
    """Without any request; after it the connection is closed."""
    write_seconds: int = 60
    """Without the client taking any of its responses; after it the connection is dropped."""
    linger_seconds: int = 3
    """For a client to read a refusal while it still sends, and for answers to one that sends no more; after it the
    connection is dropped."""
