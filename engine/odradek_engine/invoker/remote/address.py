"""Where a deployment is: its URI, taken apart."""

from __future__ import annotations

from typing import Final, NamedTuple
from urllib.parse import urlsplit

_PORTS: Final = {"http": 80, "https": 443}


class BadAddress(ValueError):
    """The text is no address of a deployment. Says why."""


class Address(NamedTuple):
    """`base_path` has no slash at its end: what is asked for is put behind it."""

    scheme: str
    host: str
    port: int
    base_path: str

    @property
    def secure(self) -> bool:
        """Whether it is spoken to over TLS."""
        return self.scheme == "https"

    @property
    def authority(self) -> str:
        """Host, and port where it is not the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if _PORTS[self.scheme] == self.port else f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}{self.base_path or '/'}"


def _is_plain(uri: str) -> bool:
    return uri.isascii() and uri.isprintable() and " " not in uri


def parse_address(uri: str) -> Address:
    """Raises `BadAddress` unless `uri` is an absolute `http` or `https` one without user, query or fragment."""
    try:
        parts = urlsplit(uri)
        port = parts.port
    except ValueError as error:
        raise BadAddress(f"The provided uri {uri} is invalid: {error}") from None
    if not parts.scheme or not parts.hostname:
        raise BadAddress(f"The provided uri {uri} is not absolute, only absolute URIs can be used.")
    if parts.scheme not in _PORTS:
        raise BadAddress(f"The provided uri {uri} is neither http nor https.")
    if parts.username is not None or parts.query or parts.fragment or not _is_plain(uri):
        raise BadAddress(f"The provided uri {uri} has more than scheme, host, port and path.")
    return Address(parts.scheme, parts.hostname, port or _PORTS[parts.scheme], parts.path.rstrip("/"))
