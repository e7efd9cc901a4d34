"""The paths of an endpoint, matched from their ends: an application may be mounted under any prefix."""

from __future__ import annotations

from typing import Final, NamedTuple, TypeAlias


class Discover(NamedTuple):
    """`GET .../discover`: what the application consists of."""

    signed_path: str = "/discover"


class Health(NamedTuple):
    """`GET .../health`: whether it is up."""


class Invoke(NamedTuple):
    """`POST .../invoke/{service}/{handler}`: an attempt."""

    service: str
    handler: str

    @property
    def signed_path(self) -> str:
        """The path without the prefix, as the engine signs it."""
        return f"/invoke/{self.service}/{self.handler}"


Route: TypeAlias = Discover | Health | Invoke

_SINGLE: Final[dict[str, Route]] = {"discover": Discover(), "health": Health()}


def find_route(method: str, path: str) -> Route | None:
    """What a request asks for, None if nothing here answers it."""
    parts = path.split("/")
    if method == "POST" and len(parts) > 3 and parts[-3] == "invoke":
        return Invoke(parts[-2], parts[-1])
    if method == "GET" and len(parts) > 1:
        return _SINGLE.get(parts[-1])
    return None
