"""Makes the connections to deployments: which protocol, over TLS or not, how patiently."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple, Protocol

from odradek_engine.invoker.remote.address import Address
from odradek_engine.invoker.remote.http1_connection import Http1Connection
from odradek_engine.invoker.remote.http2_codec import Http2Codec
from odradek_engine.invoker.remote.http2_connection import STREAMS_MAX, Http2Connection
from odradek_engine.invoker.remote.lambda_arn import LambdaArn
from odradek_engine.invoker.remote.lambda_client import FunctionTerms, LambdaClient
from odradek_engine.invoker.remote.lambda_function import LambdaFunction
from odradek_engine.invoker.remote.pool import ConnectionPool, Kind
from odradek_engine.invoker.remote.transport import Requests, Timing

ALPN_HTTP1: Final = "http/1.1"
ALPN_HTTP2: Final = "h2"


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


class BadTlsFile(Exception):
    """A file for TLS cannot be used. Says which."""


class Connector:
    """Opens pools. Raises `BadTlsFile`."""

    def __init__(
        self,
        timing: Timing = Timing(),
        streams_max: int = STREAMS_MAX,
        tls: TlsFiles = TlsFiles(),
        functions: FunctionTerms = FunctionTerms(),
    ) -> None:
        self._timing = timing
        self._streams_max = streams_max
        self._tls = tls
        self._functions = functions
        self._contexts: dict[str, ssl.SSLContext] = {}
        if any(tls):
            self._make_context(ALPN_HTTP2)

    def pool(self, address: Address, *, http1: bool) -> Pool:
        """The connections to an address; none is made before it is needed."""
        timing = self._timing
        if http1:
            tls = self._context(address, ALPN_HTTP1)
            return ConnectionPool(address, Kind(partial(Http1Connection, address, timing), 1, timing.connect, tls))
        tls = self._context(address, ALPN_HTTP2)
        make = partial(_new_http2, address, timing, self._streams_max)
        return ConnectionPool(address, Kind(make, self._streams_max, timing.connect, tls, ALPN_HTTP2))

    def function(self, arn: LambdaArn, assume_role_arn: str, compression: str) -> Pool:
        """The way to a function on AWS Lambda."""
        return LambdaFunction(LambdaClient(arn, assume_role_arn, compression, self._functions), str(arn))

    def _context(self, address: Address, protocol: str) -> ssl.SSLContext | None:
        if not address.secure:
            return None
        return self._contexts.get(protocol) or self._make_context(protocol)

    def _make_context(self, protocol: str) -> ssl.SSLContext:
        files = self._tls
        try:
            context = ssl.create_default_context(cafile=files.authorities)
            if files.certificate is not None:
                context.load_cert_chain(files.certificate, files.key)
        except OSError as error:
            names = ", ".join(str(file) for file in files if file is not None)
            raise BadTlsFile(f"the files for TLS ({names}) cannot be used: {error}") from None
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols([protocol])
        self._contexts[protocol] = context
        return context


def _new_http2(
    address: Address, timing: Timing, streams_max: int, on_change: Callable[[Http2Connection], None]
) -> Http2Connection:
    return Http2Connection(new_codec(), address, timing, streams_max, on_change)


def new_codec() -> Http2Codec:
    """libnghttp2's, or the pure Python one where that cannot be had."""
    try:
        from odradek_engine.invoker.remote.http2_ngh2 import Ngh2Codec
    except ImportError:
        from odradek_engine.invoker.remote.http2_h2 import H2Codec

        return H2Codec()
    return Ngh2Codec()
