"""Both HTTP/2 codecs against a server of the library h2, in memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from h2 import events as seen
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.settings import SettingCodes, Settings
from hypothesis import given
from hypothesis import strategies as st

from odradek_engine.invoker.remote import http2_codec as h2
from odradek_engine.invoker.remote.http2_codec import CONNECTION_WINDOW_BYTES, STREAM_WINDOW_BYTES, Http2Codec
from odradek_engine.invoker.remote.http2_h2 import H2Codec
from odradek_engine.invoker.remote.http2_ngh2 import Ngh2Codec

HEADERS = [(b":method", b"POST"), (b":scheme", b"http"), (b":authority", b"there"), (b":path", b"/x")]
OK = [(b":status", b"200"), (b"content-type", b"text/plain")]
CODECS: list[Callable[[], Http2Codec]] = [Ngh2Codec, H2Codec]


class Pair:
    """A codec and a server, with everything carried between them at once."""

    def __init__(self, new_codec: Callable[[], Http2Codec], **settings: int) -> None:
        self.codec = new_codec()
        self.server = H2Connection(H2Configuration(client_side=False, header_encoding=None))
        chosen = {SettingCodes[name]: value for name, value in settings.items()}
        self.server.local_settings = Settings(client=False, initial_values=chosen)
        self.server.initiate_connection()
        self.events: list[h2.Event] = []
        self.seen: list[Any] = []
        self.broken_off: set[int] = set()
        self.carry()

    def carry(self) -> list[h2.Event]:
        """The codec's events since the last time."""
        found: list[h2.Event] = []
        while True:
            out, back = self.codec.output(), b""
            if out:
                self.seen += self.server.receive_data(out)
            back = self.server.data_to_send()
            if back:
                found += self.codec.receive(back)
            if not out and not back:
                found = [event for event in found if getattr(event, "stream", None) not in self.broken_off]
                self.events += found
                return found

    def reset(self, stream: int) -> None:
        """What a codec reports of a stream that it was told to reset is of no interest."""
        self.codec.reset(stream)
        self.broken_off.add(stream)

    def open(self) -> int:
        stream = self.codec.open(HEADERS)
        self.carry()
        return stream

    def answered(self) -> int:
        stream = self.open()
        self.server.send_headers(stream, OK)
        assert self.carry() == [h2.Responded(stream, 200, {"content-type": "text/plain"})]
        return stream

    def body(self, stream: int) -> bytes:
        """What of a request's body has reached the server."""
        return b"".join(e.data for e in self.seen if isinstance(e, seen.DataReceived) and e.stream_id == stream)

    def saw(self, kind: type) -> list[Any]:
        return [event for event in self.seen if isinstance(event, kind)]


@pytest.fixture(params=CODECS, ids=lambda codec: codec.__name__)
def new_codec(request: pytest.FixtureRequest) -> Callable[[], Http2Codec]:
    chosen: Callable[[], Http2Codec] = request.param
    return chosen


NewCodec = Callable[[], Http2Codec]


def test_a_conversation_both_ways(new_codec: NewCodec) -> None:
    pair = Pair(new_codec)
    stream = pair.answered()
    (request,) = pair.saw(seen.RequestReceived)
    assert request.headers == HEADERS
    pair.codec.write(stream, b"one")
    pair.carry()
    pair.server.send_data(stream, b"two")
    assert pair.carry() == [h2.Received(stream, b"two")]
    pair.codec.write(stream, b"three")
    pair.codec.end(stream)
    pair.carry()
    assert pair.body(stream) == b"onethree"
    assert len(pair.saw(seen.StreamEnded)) == 1
    pair.server.end_stream(stream)
    assert h2.Ended(stream) in pair.carry()


def test_a_response_of_headers_alone(new_codec: NewCodec) -> None:
    pair = Pair(new_codec)
    stream = pair.open()
    pair.server.send_headers(stream, [(b":status", b"404"), (b"x-a", b"1"), (b"x-a", b"2")], end_stream=True)
    assert pair.carry()[:2] == [h2.Responded(stream, 404, {"x-a": "1, 2"}), h2.Ended(stream)]


def test_a_response_with_trailers_ends(new_codec: NewCodec) -> None:
    pair = Pair(new_codec)
    stream = pair.answered()
    pair.server.send_headers(stream, [(b"x-trailer", b"1")], end_stream=True)
    assert h2.Ended(stream) in pair.carry()


def test_what_the_other_side_has_no_window_for_stays_here(new_codec: NewCodec) -> None:
    pair = Pair(new_codec)
    stream = pair.answered()
    payload = bytes(range(256)) * 1024
    pair.codec.write(stream, payload)
    pair.codec.end(stream)
    pair.carry()
    window = 65_535
    assert len(pair.body(stream)) == window
    assert pair.codec.queued_bytes(stream) == len(payload) - window
    while pair.codec.queued_bytes(stream):
        pair.server.acknowledge_received_data(window // 2, stream)
        pair.carry()
    assert pair.body(stream) == payload
    assert len(pair.saw(seen.StreamEnded)) == 1


def test_one_stream_without_a_window_does_not_hold_up_another(new_codec: NewCodec) -> None:
    pair = Pair(new_codec, INITIAL_WINDOW_SIZE=1000)
    first, second = pair.answered(), pair.answered()
    pair.codec.write(first, bytes(5000))
    pair.codec.write(second, b"x" * 500)
    pair.carry()
    assert len(pair.body(first)) == 1000
    assert len(pair.body(second)) == 500


def test_windows_open_as_bytes_are_worked_off(new_codec: NewCodec) -> None:
    pair = Pair(new_codec)
    stream = pair.answered()
    assert pair.server.local_flow_control_window(stream) == STREAM_WINDOW_BYTES
    sent = 0
    while pair.server.local_flow_control_window(stream):
        size = min(pair.server.local_flow_control_window(stream), 16_384)
        pair.server.send_data(stream, bytes(size))
        sent += size
        pair.carry()
    assert sent == STREAM_WINDOW_BYTES
    pair.codec.consumed(stream, sent)
    pair.carry()
    assert pair.server.local_flow_control_window(stream) == STREAM_WINDOW_BYTES


def test_what_closed_streams_never_read_is_given_back(new_codec: NewCodec) -> None:
    pair = Pair(new_codec)
    size = 1 << 20
    for _ in range(3 * CONNECTION_WINDOW_BYTES // size):
        stream = pair.answered()
        for _ in range(size // 16_384):
            pair.server.send_data(stream, bytes(16_384))
        pair.carry()
        pair.reset(stream)
        pair.codec.consumed(stream, size)
        pair.carry()
    assert pair.server.outbound_flow_control_window >= CONNECTION_WINDOW_BYTES // 2


def test_streams_are_as_many_as_the_other_side_says(new_codec: NewCodec) -> None:
    pair = Pair(new_codec, MAX_CONCURRENT_STREAMS=7)
    assert pair.codec.streams_max == 7
    pair.server.update_settings({SettingCodes.MAX_CONCURRENT_STREAMS: 9})
    pair.carry()
    assert pair.codec.streams_max == 9


def test_resets_of_either_side(new_codec: NewCodec) -> None:
    pair = Pair(new_codec)
    ours, theirs, refused = pair.answered(), pair.answered(), pair.open()
    pair.reset(ours)
    pair.carry()
    assert [event.error_code for event in pair.saw(seen.StreamReset)] == [ErrorCodes.CANCEL]
    pair.server.reset_stream(theirs, ErrorCodes.INTERNAL_ERROR)
    pair.server.reset_stream(refused, ErrorCodes.REFUSED_STREAM)
    found = pair.carry()
    assert [type(event) for event in found] == [h2.Closed, h2.Refused]
    assert [event.stream for event in found if isinstance(event, h2.Closed | h2.Refused)] == [theirs, refused]
    for stream in (ours, theirs, refused, 99):
        pair.codec.write(stream, b"late")
        pair.codec.end(stream)
        pair.codec.reset(stream)
        pair.codec.consumed(stream, 0)
        assert pair.codec.queued_bytes(stream) == 0
    pair.carry()


def test_after_goaway_streams_that_were_seen_go_on_and_others_are_refused(new_codec: NewCodec) -> None:
    pair = Pair(new_codec)
    seen_stream = pair.answered()
    late = pair.codec.open(HEADERS)
    out = pair.codec.output()
    pair.codec.write(seen_stream, b"more")
    goaway = b"\0\0\x08\x07\0\0\0\0\0" + seen_stream.to_bytes(4, "big") + bytes(4)
    found = pair.codec.receive(goaway)
    assert h2.Refused(late) in found
    assert any(isinstance(event, h2.Leaving) for event in found)
    with pytest.raises(h2.ConnectionBroken):
        pair.codec.open(HEADERS)
    pair.server.receive_data(out)
    pair.carry()
    assert pair.body(seen_stream) == b"more"
    pair.server.send_data(seen_stream, b"answer", end_stream=True)
    assert pair.carry()[:2] == [h2.Received(seen_stream, b"answer"), h2.Ended(seen_stream)]
    pair.codec.end(seen_stream)
    pair.carry()
    assert pair.codec.finished


def test_a_ping_is_answered(new_codec: NewCodec) -> None:
    pair = Pair(new_codec)
    pair.codec.ping()
    assert pair.carry() == [h2.Ponged()]
    pair.server.ping(b"12345678")
    pair.carry()
    assert pair.saw(seen.PingAckReceived)


def test_goodbye_is_said(new_codec: NewCodec) -> None:
    pair = Pair(new_codec)
    assert not pair.codec.finished
    pair.codec.close()
    pair.carry()
    assert pair.saw(seen.ConnectionTerminated)
    assert pair.codec.finished


@pytest.mark.parametrize("answer", [b"HTTP/1.1 400 Bad Request\r\n\r\n", bytes(60), b"\xff" * 60])
def test_what_is_no_http2_ends_the_connection(new_codec: NewCodec, answer: bytes) -> None:
    codec = new_codec()
    codec.output()
    try:
        codec.receive(answer)
    except h2.ConnectionBroken:
        return
    codec.output()
    assert codec.finished


@pytest.mark.parametrize("codec", CODECS, ids=lambda each: each.__name__)
@given(st.data())
def test_damaged_bytes_do_no_harm(codec: NewCodec, data: st.DataObject) -> None:
    pair = Pair(codec)
    stream = pair.answered()
    pair.server.send_data(stream, data.draw(st.binary(max_size=50)))
    raw = bytearray(pair.server.data_to_send())
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    try:
        pair.codec.receive(bytes(raw))
        pair.codec.receive(data.draw(st.binary(max_size=50)))
    except h2.ConnectionBroken:
        pass
    pair.codec.write(stream, b"x")
    pair.codec.reset(stream)
    pair.codec.output()
