"""What remote deployments say: frames of the service protocol, endpoint manifests, their addresses."""

from __future__ import annotations

import msgspec
from fuzz_target import FuzzTarget, check

from odradek.protocol import messages as m
from odradek.protocol.codec import CODECS, UnknownMessage
from odradek.protocol.framing import FrameReader, FrameTooLarge
from odradek.protocol.future import FutureTooDeep
from odradek.protocol.wire import MalformedMessage
from odradek_engine.invoker.remote.address import BadAddress, parse_address
from odradek_engine.invoker.remote.discovery import DiscoveryFailed, read_manifest

ADDRESS = parse_address("http://127.0.0.1:9080")
MESSAGES: tuple[m.Message, ...] = (
    m.Start(bytes(24), "inv_1", 3, {b"k": b"v"}, False, "key", 1, 2, 3, None, None, None),
    m.InputCommand((m.Header("h", "v"),), b"in"),
    m.OutputCommand(b"out"),
    m.Suspension(m.Future((1,), (2,), ("n",), (m.Future((3,)),), m.Combinator.FIRST_COMPLETED)),
    m.Error(500, "no", "trace"),
    m.CallCommand("S", "h", b"p", (m.Header("a", "b"),), "k", "i", 1, 2, "n"),
    m.OneWayCallCommand("S", "h", b"p", 99, (), "k", None, 3),
    m.ProposeRunCompletion(1, None, m.Failure(500, "no", (("a", "b"),))),
    m.GetEagerStateKeysCommand((b"a", b"b")),
    m.AttachInvocationCommand(m.WorkflowTarget("W", "k"), 12),
    m.SignalNotification("go", b"1"),
    m.End(),
)
MANIFEST = b"""{"protocolMode": "BIDI_STREAM", "minProtocolVersion": 5, "maxProtocolVersion": 7, "services": [
  {"name": "S", "ty": "VIRTUAL_OBJECT", "documentation": "d", "metadata": {"a": "b"}, "handlers": [
    {"name": "h", "ty": "EXCLUSIVE", "input": {"required": true, "contentType": "*/*", "jsonSchema": {"type": "x"}},
     "output": {"setContentTypeIfEmpty": false, "contentType": "a/b"}, "inactivityTimeout": 1000}]}]}"""


def read_frames(data: bytes) -> None:
    """The first byte says which version is spoken and where the stream is cut."""
    version, cut = (5 + data[0] % 3, data[0]) if data else (7, 0)
    codec = CODECS[version]
    reader = FrameReader(body_bytes_max=1_000_000)
    try:
        frames = [frame for piece in (data[1:cut], data[max(1, cut) :]) for frame in reader.feed(piece)]
        messages = [codec.decode(frame) for frame in frames]
    except (FrameTooLarge, UnknownMessage, MalformedMessage, FutureTooDeep):
        return
    for message in messages:
        (frame,) = FrameReader().feed(codec.encode(message))
        carried = codec.decode(frame)  # where nothing was said for a result, an empty one is written
        (again,) = FrameReader().feed(codec.encode(carried))
        assert codec.decode(again) == carried


def read_discovery(data: bytes) -> None:
    try:
        found = read_manifest(ADDRESS, data, "sdk/1")
    except DiscoveryFailed as error:
        check(error.code.startswith("META"))
        return
    assert read_manifest(ADDRESS, msgspec.json.encode(found.manifest), "sdk/1") == found


def read_address(data: bytes) -> None:
    try:
        address = parse_address(data.decode("utf-8", "surrogateescape"))
    except BadAddress:
        return
    assert parse_address(str(address)) == address


TARGETS = (
    FuzzTarget(
        "protocol frames",
        read_frames,
        tuple(bytes([version - 5]) + CODECS[version].encode(each) for version in (5, 7) for each in MESSAGES),
    ),
    FuzzTarget("discovery documents", read_discovery, (MANIFEST,)),
    FuzzTarget(
        "addresses", read_address, (b"http://h:9080/a/b", b"https://[::1]:1/", b"HTTP://H", b"http://\xc3\xa9.x:99999")
    ),
)
