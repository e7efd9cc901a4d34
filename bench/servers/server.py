"""A running server, as the measurements see it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bench.admin import Admin

HOST = "127.0.0.1"


@dataclass(frozen=True)
class Server:
    """Where a server that runs the application is reached, and what it consists of."""

    ingress_port: int
    admin: Admin
    process_ids: tuple[int, ...]
    data: Path
    tells_lag: bool
    """Whether its subscriptions say how many records wait."""
