"""Where a deployment is: its URI, taken apart."""

from __future__ import annotations

from typing import Final, NamedTuple
from urllib.parse import urlsplit

_PORTS: Final = {"http": 80, "https": 443}


class BadAddress(ValueError):
    """The text is no address of a deployment. Says why."""


class MalformedUri(BadAddress):
    """The text is no URI at all."""


class Address(NamedTuple):
    """`path` is as it was given, and at least a slash: with and without one at its end are two addresses."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def base_path(self) -> str:
        """What is asked for is put behind it."""
        return self.path.removesuffix("/")

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
        return f"{self.scheme}://{self.authority}{self.path}"


def _is_plain(uri: str) -> bool:
    return uri.isascii() and uri.isprintable() and " " not in uri


def parse_address(uri: str) -> Address:
    """Raises `BadAddress` unless `uri` is an absolute `http` or `https` one without a user. Query and fragment drop."""
    if not uri or not _is_plain(uri):
        raise MalformedUri(f"The provided uri '{uri}' has characters that no URI has, or none at all.")
    try:
        parts = urlsplit(uri)
        port = parts.port
    except ValueError as error:
        raise BadAddress(f"The provided uri {uri} is invalid: {error}") from None
    if "://" in uri and not parts.netloc:
        raise MalformedUri(f"The provided uri {uri} has no host.")
    if not parts.scheme or not parts.hostname:
        raise BadAddress(f"The provided uri {uri} is not absolute, only absolute URIs can be used.")
    if parts.scheme not in _PORTS:
        raise BadAddress(f"The provided uri {uri} is neither http nor https.")
    if parts.username is not None:
        raise BadAddress(f"The provided uri {uri} names a user: send what says who asks with additional_headers.")
    return Address(parts.scheme, parts.hostname, port or _PORTS[parts.scheme], parts.path or "/")
