"""Asks a deployment what it serves.

The answer is its endpoint manifest. What else comes, or nothing, is a `DiscoveryFailed` with the documented code:
META0003 nobody answers, or not with success, META0012 no common protocol version, META0013 something else answers,
META0014 it speaks HTTP/1.1 only, META0015 it wants what its transport cannot do.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final, Literal, NamedTuple, TypeAlias

import msgspec

from odradek.protocol.codec import MAX_VERSION, MIN_VERSION
from odradek.protocol.manifest import EndpointManifest, ServiceManifest
from odradek_engine.invoker.remote.address import Address
from odradek_engine.invoker.remote.http2_connection import HTTP1_ONLY
from odradek_engine.invoker.remote.lambda_arn import LambdaArn
from odradek_engine.invoker.remote.manifest_shape import check_shape
from odradek_engine.invoker.remote.pool import NO_HTTP2
from odradek_engine.invoker.remote.transport import RequestHead, Requests, Stream

DISCOVERY_PATH: Final = "/discover"
MANIFEST_VERSIONS: Final = (1, 2, 3, 4)
MANIFEST_BYTES_MAX: Final = 8 * 1024 * 1024
ANSWER_SECONDS: Final = 20.0
"""So long a deployment may take for its answer."""
TRIES_MAX: Final = 3
TRY_AGAIN_SECONDS: Final = 0.1

_MEDIA_TYPES: Final = tuple(f"application/vnd.restate.endpointmanifest.v{n}+json" for n in MANIFEST_VERSIONS)
_BAD: Final = "the deployment at {address} did not answer as a service deployment does: "
_PASSING: Final = frozenset((408, 429, 500, 502, 503, 504))
"""Statuses that may be others soon."""
_DUPLEX: Final = "BIDI_STREAM"
_MODES: Final = (_DUPLEX, "REQUEST_RESPONSE")
_OLD_SOFTWARE: Final = tuple(f"restate-sdk-typescript/1.{n}." for n in range(3))
"""They claim versions that they do not speak."""


Place: TypeAlias = Address | LambdaArn
"""Where a deployment is."""


class DiscoveryFailed(Exception):
    """The deployment cannot be used. `code`: the documented one."""

    def __init__(self, code: str, message: str, *, passing: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.passing = passing


class Discovered(NamedTuple):
    """What a deployment says of itself."""

    manifest: EndpointManifest
    software: str
    """Name and version of its SDK, empty where it does not say."""
    compression: str = ""
    """What a function takes requests in: `zstd`, or nothing."""

    @property
    def duplex(self) -> bool:
        """Whether both sides of an attempt may talk at once."""
        return self.manifest.protocol_mode == _DUPLEX


class _SentManifest(EndpointManifest, frozen=True, kw_only=True, rename="camel"):
    """As it comes over the wire, where nothing of this may be left out."""

    protocol_mode: str
    min_protocol_version: int
    max_protocol_version: int
    services: tuple[ServiceManifest, ...]
    lambda_compression: Literal["zstd"] | None = None


class _Answer:
    """Implements `Receiver`: takes a whole response."""

    def __init__(self) -> None:
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.status = 0
        self.headers: Mapping[str, str] = {}
        self.body = bytearray()
        self.failure = ""
        self._stream: Stream | None = None

    def opened(self, stream: Stream) -> None:
        """See `Receiver`."""
        self._stream = stream
        stream.end()

    def writable(self) -> None:
        """See `Receiver`."""

    def responded(self, status: int, headers: Mapping[str, str]) -> None:
        """See `Receiver`."""
        self.status = status
        self.headers = headers

    def received(self, data: bytes) -> None:
        """See `Receiver`."""
        self.body += data
        assert self._stream is not None
        if len(self.body) > MANIFEST_BYTES_MAX:
            self._stream.reset()
            self._end("its answer is too large")
        else:
            self._stream.consumed(len(data))

    def ended(self) -> None:
        """See `Receiver`."""
        self._end("")

    def refused(self) -> None:
        """See `Receiver`."""
        self._end("it refused the request")

    def broken(self, reason: str) -> None:
        """See `Receiver`."""
        self._end(reason)

    def _end(self, failure: str) -> None:
        self.failure = failure
        if not self.done.done():
            self.done.set_result(None)


async def discover(requests: Requests, address: Place, headers: Mapping[str, str]) -> Discovered:
    """The deployment's answer; what may pass is tried again a few times. Raises `DiscoveryFailed`."""
    for tries_left in range(TRIES_MAX - 1, -1, -1):
        try:
            return await _ask(requests, address, headers)
        except DiscoveryFailed as error:
            if not error.passing or not tries_left:
                raise
        await asyncio.sleep(TRY_AGAIN_SECONDS)
    raise AssertionError("the last try returns or raises")


async def _ask(requests: Requests, address: Place, headers: Mapping[str, str]) -> Discovered:
    answer = _Answer()
    head = RequestHead("GET", DISCOVERY_PATH, {"accept": ", ".join(_MEDIA_TYPES), **headers})
    reservation = requests.request(head, answer)
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            await answer.done
    except TimeoutError:
        reservation.cancel()
        raise DiscoveryFailed(
            "META0003", f"the deployment at {address} did not answer within {ANSWER_SECONDS:g} s", passing=False
        ) from None
    if answer.failure:
        raise _unreachable(address, answer.failure)
    return _read(address, answer)


def _unreachable(address: Place, reason: str) -> DiscoveryFailed:
    if reason.endswith((HTTP1_ONLY, NO_HTTP2)):
        return DiscoveryFailed(
            "META0014",
            f"the deployment at {address} cannot be spoken to over HTTP/2 ({reason}): register it with use_http_11 "
            "(--use-http1.1) if it is an HTTP/1.1 server",
        )
    return DiscoveryFailed(
        "META0003",
        f"the deployment at {address} cannot be reached: {reason.removeprefix(f'{address}: ')}",
        passing=True,
    )


def _read(address: Place, answer: _Answer) -> Discovered:
    bad = _BAD.format(address=address)
    if not 200 <= answer.status < 300:
        passing = answer.status in _PASSING
        raise DiscoveryFailed("META0003", f"{bad}it answered with status {answer.status}", passing=passing)
    media_type = answer.headers.get("content-type")
    if media_type not in _MEDIA_TYPES:
        raise DiscoveryFailed("META0013", f"{bad}its answer is of type {media_type}")
    software = answer.headers.get("x-restate-server", "")
    return read_manifest(address, bytes(answer.body), software if software.isascii() else "")


def read_manifest(address: Place, body: bytes, software: str) -> Discovered:
    """What a deployment's answer says. Raises `DiscoveryFailed`."""
    bad = _BAD.format(address=address)
    try:
        manifest = msgspec.json.decode(body, type=_SentManifest)
        check_shape(msgspec.json.decode(body))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DiscoveryFailed("META0013", f"{bad}its manifest cannot be read: {error}") from None
    _check_versions(address, manifest, software)
    if manifest.protocol_mode not in _MODES:
        raise DiscoveryFailed("META0013", f"{bad}its protocol mode is '{manifest.protocol_mode}'")
    if manifest.protocol_mode == _DUPLEX and isinstance(address, LambdaArn):
        raise DiscoveryFailed(
            "META0015", f"{bad}it wants to talk both ways at once, and a function is asked once and answers once"
        )
    return Discovered(manifest, software, manifest.lambda_compression or "")


def _check_versions(address: Place, manifest: EndpointManifest, software: str) -> None:
    least, most = manifest.min_protocol_version, manifest.max_protocol_version
    if not 0 < least <= most < 2**31:
        raise DiscoveryFailed(
            "META0013", f"the deployment at {address} claims the protocol versions {least} to {most}, which is no range"
        )
    if software.startswith(_OLD_SOFTWARE):
        most = 1
    if most < MIN_VERSION or least > MAX_VERSION:
        raise DiscoveryFailed(
            "META0012",
            f"the deployment at {address} speaks the versions {least} to {most} of the service protocol, "
            f"and this server {MIN_VERSION} to {MAX_VERSION}: use an SDK of this server's age",
        )
