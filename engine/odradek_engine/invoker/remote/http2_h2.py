"""HTTP/2 by the pure Python library h2: slower, and with nothing to compile.

The library refuses what the other side has no window for: bodies wait here until it has.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    PingAckReceived,
    RemoteSettingsChanged,
    ResponseReceived,
    StreamEnded,
    StreamReset,
)
from h2.events import Event as Http2Event
from h2.exceptions import H2Error
from h2.settings import SettingCodes, Settings
from hyperframe.frame import Frame, GoAwayFrame

from odradek_engine.invoker.remote.http2_codec import (
    CONNECTION_WINDOW_BYTES,
    HEADER_BYTES_MAX,
    REFUSED_STREAM,
    STREAM_WINDOW_BYTES,
    STREAMS_UNTIL_KNOWN,
    Closed,
    ConnectionBroken,
    Ended,
    Event,
    Headers,
    Leaving,
    Ponged,
    Received,
    Refused,
    Responded,
    read_headers,
)

_CONFIGURATION: Final = H2Configuration(client_side=True, header_encoding=None)
_SETTINGS: Final[dict[SettingCodes, int]] = {
    SettingCodes.INITIAL_WINDOW_SIZE: STREAM_WINDOW_BYTES,
    SettingCodes.ENABLE_PUSH: 0,
    SettingCodes.MAX_HEADER_LIST_SIZE: HEADER_BYTES_MAX,
}
_FIRST_WINDOW: Final = 65_535
_FRAME_HEADER_BYTES: Final = 9
_FRAME_TYPE_AT: Final = 3
_SETTINGS_FRAME: Final = 4
_PING: Final = b"odradek?"


class _PatientConnection(H2Connection):
    """A connection whose streams go on after the other side has said that it takes no new ones.

    The library takes a GOAWAY for the end of everything. The override has the library's name for it.
    """

    def _receive_goaway_frame(self, frame: GoAwayFrame) -> tuple[list[Frame], list[Http2Event]]:
        event = ConnectionTerminated()
        event.error_code = frame.error_code
        event.last_stream_id = frame.last_stream_id
        return [], [event]


class _Body:
    """What of a request's body has not gone out yet."""

    __slots__ = ("data", "ended")

    def __init__(self) -> None:
        self.data = bytearray()
        self.ended = False


class H2Codec:
    """Implements `Http2Codec`."""

    def __init__(self) -> None:
        self._connection = _PatientConnection(_CONFIGURATION)
        self._connection.local_settings = Settings(client=True, initial_values=_SETTINGS)
        self._connection.initiate_connection()
        self._connection.increment_flow_control_window(CONNECTION_WINDOW_BYTES - _FIRST_WINDOW)
        self.streams_max = STREAMS_UNTIL_KNOWN
        self._bodies: dict[int, _Body] = {}
        """By stream, until they are complete."""
        self._open: set[int] = set()
        """Streams whose response is not complete."""
        self._leaving = False
        self._closed = False
        self._first_bytes: bytes | None = b""
        """Until it is known whether the other side begins as it must."""

    @property
    def finished(self) -> bool:
        """See `Http2Codec`."""
        return self._closed or (self._leaving and not self._open)

    def receive(self, data: bytes) -> list[Event]:
        """See `Http2Codec`."""
        if self._first_bytes is not None:
            self._check_beginning(data)
        found: list[Event] = []
        try:
            for event in self._connection.receive_data(data):
                read = _READ.get(type(event))
                if read is not None:
                    read(self, event, found)
        except H2Error as error:
            self._closed = True
            raise ConnectionBroken(str(error) or type(error).__name__) from error
        return found

    def _check_beginning(self, data: bytes) -> None:
        """The first frame must be SETTINGS; the library would wait for the end of anything else."""
        assert self._first_bytes is not None
        self._first_bytes += data[:_FRAME_HEADER_BYTES]
        if len(self._first_bytes) >= _FRAME_TYPE_AT + 1:
            if self._first_bytes[_FRAME_TYPE_AT] != _SETTINGS_FRAME or self._first_bytes[0]:
                self._closed = True
                raise ConnectionBroken("its first frame is not SETTINGS")
            self._first_bytes = None

    def output(self) -> bytes:
        """See `Http2Codec`."""
        for stream in list(self._bodies):
            self._send(stream)
        return self._connection.data_to_send()

    def _send(self, stream: int) -> None:
        """As much of a body as the other side has a window for."""
        body = self._bodies[stream]
        try:
            while body.data:
                room = min(self._connection.local_flow_control_window(stream), self._connection.max_outbound_frame_size)
                if room <= 0:
                    return
                self._connection.send_data(stream, bytes(body.data[:room]))
                del body.data[:room]
            if body.ended:
                self._connection.end_stream(stream)
                del self._bodies[stream]
        except H2Error:
            del self._bodies[stream]  # the stream is closed, or the connection: their events say so

    def open(self, headers: Headers) -> int:
        """See `Http2Codec`."""
        if self._leaving:
            raise ConnectionBroken("the other side takes no further requests")
        try:
            stream = self._connection.get_next_available_stream_id()
            self._connection.send_headers(stream, list(headers))
        except H2Error as error:
            raise ConnectionBroken(str(error) or type(error).__name__) from error
        self._bodies[stream] = _Body()
        self._open.add(stream)
        return stream

    def write(self, stream: int, data: bytes) -> None:
        """See `Http2Codec`."""
        body = self._bodies.get(stream)
        if body is not None:
            body.data += data

    def end(self, stream: int) -> None:
        """See `Http2Codec`."""
        body = self._bodies.get(stream)
        if body is not None:
            body.ended = True

    def reset(self, stream: int) -> None:
        """See `Http2Codec`."""
        self._forget(stream)
        try:
            self._connection.reset_stream(stream, ErrorCodes.CANCEL)
        except H2Error:
            return  # it is closed already

    def queued_bytes(self, stream: int) -> int:
        """See `Http2Codec`."""
        body = self._bodies.get(stream)
        return 0 if body is None else len(body.data)

    def consumed(self, stream: int, count: int) -> None:
        """See `Http2Codec`."""
        try:
            self._connection.acknowledge_received_data(count, stream)
        except H2Error:
            return  # the connection is closed

    def ping(self) -> None:
        """See `Http2Codec`."""
        self._connection.ping(_PING)

    def close(self) -> None:
        """See `Http2Codec`."""
        self._closed = True
        self._connection.close_connection()

    def _forget(self, stream: int) -> None:
        self._bodies.pop(stream, None)
        self._open.discard(stream)

    # --- events -----------------------------------------------------------------------------------

    def _responded(self, event: ResponseReceived, found: list[Event]) -> None:
        found.append(Responded(event.stream_id, *read_headers(event.headers)))

    def _received(self, event: DataReceived, found: list[Event]) -> None:
        padding = event.flow_controlled_length - len(event.data)
        if padding:
            self.consumed(event.stream_id, padding)
        if event.data:
            found.append(Received(event.stream_id, event.data))

    def _ended(self, event: StreamEnded, found: list[Event]) -> None:
        self._open.discard(event.stream_id)
        found.append(Ended(event.stream_id))

    def _reset(self, event: StreamReset, found: list[Event]) -> None:
        self._forget(event.stream_id)
        if event.error_code == REFUSED_STREAM:
            found.append(Refused(event.stream_id))
        else:
            found.append(Closed(event.stream_id, f"the stream was reset with error {int(event.error_code)}"))

    def _told(self, event: RemoteSettingsChanged, _found: list[Event]) -> None:
        changed = event.changed_settings.get(SettingCodes.MAX_CONCURRENT_STREAMS)
        if changed is not None:
            self.streams_max = changed.new_value

    def _terminated(self, event: ConnectionTerminated, found: list[Event]) -> None:
        self._leaving = True
        found.append(Leaving(f"GOAWAY with error {int(event.error_code or 0)}"))
        for stream in sorted(self._open):
            if event.last_stream_id is not None and stream > event.last_stream_id:
                self._forget(stream)
                found.append(Refused(stream))

    def _ponged(self, _event: PingAckReceived, found: list[Event]) -> None:
        found.append(Ponged())


_READ: Final[Mapping[type, Callable[[H2Codec, Any, list[Event]], None]]] = {
    ResponseReceived: H2Codec._responded,
    DataReceived: H2Codec._received,
    StreamEnded: H2Codec._ended,
    StreamReset: H2Codec._reset,
    RemoteSettingsChanged: H2Codec._told,
    ConnectionTerminated: H2Codec._terminated,
    PingAckReceived: H2Codec._ponged,
}
