"""Makes the connections to deployments: which protocol, over TLS or not, how patiently."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import NamedTuple, Protocol

from odradek_engine.invoker.remote.address import Address
from odradek_engine.invoker.remote.http2_codec import Http2Codec
from odradek_engine.invoker.remote.http2_connection import STREAMS_MAX, Timing
from odradek_engine.invoker.remote.pool import ALPN, Http2Pool
from odradek_engine.invoker.remote.transport import Requests


class Pool(Requests, Protocol):
    """The connections to one address."""

    @property
    def idle(self) -> bool:
        """Whether there are none."""

    async def close(self) -> None:
        """Ends them; requests under way are broken."""


class TlsFiles(NamedTuple):
    """PEM files. None: the system's authorities, and no certificate of our own."""

    authorities: Path | None = None
    certificate: Path | None = None
    key: Path | None = None


class Connector:
    """Opens pools."""

    def __init__(self, timing: Timing = Timing(), streams_max: int = STREAMS_MAX, tls: TlsFiles = TlsFiles()) -> None:
        self._timing = timing
        self._streams_max = streams_max
        self._tls = tls

    def pool(self, address: Address, *, http1: bool) -> Pool:
        """The connections to an address; none is made before it is needed. Raises `OSError` for bad TLS files."""
        return Http2Pool(address, new_codec, self._timing, self._streams_max, self._context(address, ALPN))

    def _context(self, address: Address, protocol: str) -> ssl.SSLContext | None:
        if not address.secure:
            return None
        context = ssl.create_default_context(cafile=self._tls.authorities)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols([protocol])
        if self._tls.certificate is not None:
            context.load_cert_chain(self._tls.certificate, self._tls.key)
        return context


def new_codec() -> Http2Codec:
    """libnghttp2's, or the pure Python one where that cannot be had."""
    try:
        from odradek_engine.invoker.remote.http2_ngh2 import Ngh2Codec
    except ImportError:
        from odradek_engine.invoker.remote.http2_h2 import H2Codec

        return H2Codec()
    return Ngh2Codec()
