"""The real server and our endpoint before it, as tests see them."""

from __future__ import annotations

from typing import NamedTuple

from served_endpoint import ServedEndpoint

from restate_server import RestateServer


class Variant(NamedTuple):
    """How the server speaks with the endpoint."""

    version: int
    http_11: bool = False
    signed: bool = False

    def __str__(self) -> str:
        return f"v{self.version}-{'request-response' if self.http_11 else 'duplex'}{'-signed' if self.signed else ''}"


class Oracle(NamedTuple):
    """The server, and our endpoint as it knows it."""

    server: RestateServer
    endpoint: ServedEndpoint
    variant: Variant
