"""HTTP/2 by libnghttp2."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final

import ngh2

from odradek_engine.invoker.remote.http2_codec import (
    CANCEL,
    CONNECTION_WINDOW_BYTES,
    HEADER_BYTES_MAX,
    NO_ERROR,
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

_SETTINGS: Final = {ngh2.Setting.INITIAL_WINDOW_SIZE: STREAM_WINDOW_BYTES, ngh2.Setting.ENABLE_PUSH: 0}
_CONFIGURATION: Final = ngh2.Configuration(
    auto_window_update=False,
    peer_max_concurrent_streams=STREAMS_UNTIL_KNOWN,
    max_inbound_header_list_size=HEADER_BYTES_MAX,
)


class Ngh2Codec:
    """Implements `Http2Codec`."""

    def __init__(self) -> None:
        self._connection = ngh2.Connection(ngh2.Role.CLIENT, _CONFIGURATION)
        self._connection.initiate_connection(_SETTINGS)
        self._connection.set_local_window_size(CONNECTION_WINDOW_BYTES)
        self.output = self._connection.data_to_send
        self.queued_bytes = self._connection.queued_body_size
        self.streams_max = STREAMS_UNTIL_KNOWN

    @property
    def finished(self) -> bool:
        """See `Http2Codec`."""
        return not (self._connection.want_read or self._connection.want_write)

    def receive(self, data: bytes) -> list[Event]:
        """See `Http2Codec`."""
        try:
            self._connection.receive_data(data)
        except ngh2.NGH2Error as error:
            raise ConnectionBroken(str(error)) from error
        found: list[Event] = []
        for event in self._connection.events():
            read = _READ.get(type(event))
            if read is not None:
                read(self, event, found)
        return found

    def open(self, headers: Headers) -> int:
        """See `Http2Codec`."""
        try:
            return self._connection.send_request(headers)
        except ngh2.NGH2Error as error:
            raise ConnectionBroken(str(error)) from error

    def write(self, stream: int, data: bytes) -> None:
        """See `Http2Codec`."""
        with suppress(ngh2.StreamProtocolError):
            self._connection.send_data(stream, data)

    def end(self, stream: int) -> None:
        """See `Http2Codec`."""
        with suppress(ngh2.StreamProtocolError):
            self._connection.end_stream(stream)

    def reset(self, stream: int) -> None:
        """See `Http2Codec`."""
        self._connection.reset_stream(stream, CANCEL)

    def consumed(self, stream: int, count: int) -> None:
        """See `Http2Codec`."""
        self._connection.acknowledge_received_data(count, stream)

    def ping(self) -> None:
        """See `Http2Codec`."""
        self._connection.ping()

    def close(self) -> None:
        """See `Http2Codec`."""
        self._connection.terminate_connection(NO_ERROR)

    # --- events -----------------------------------------------------------------------------------

    def _responded(self, event: ngh2.ResponseReceived, found: list[Event]) -> None:
        found.append(Responded(event.stream_id, *read_headers(event.headers)))
        if event.end_stream:
            found.append(Ended(event.stream_id))

    def _received(self, event: ngh2.DataReceived, found: list[Event]) -> None:
        found.append(Received(event.stream_id, event.data))
        if event.end_stream:
            found.append(Ended(event.stream_id))

    def _trailed(self, event: ngh2.TrailersReceived, found: list[Event]) -> None:
        found.append(Ended(event.stream_id))

    def _closed(self, event: ngh2.StreamClosed, found: list[Event]) -> None:
        if event.error_code == REFUSED_STREAM:
            found.append(Refused(event.stream_id))
        elif event.local_error is not None:
            found.append(Closed(event.stream_id, str(event.local_error)))
        else:
            found.append(Closed(event.stream_id, f"the stream was reset with error {event.error_code}"))

    def _told(self, event: ngh2.SettingsReceived, _found: list[Event]) -> None:
        self.streams_max = event.settings.get(ngh2.Setting.MAX_CONCURRENT_STREAMS, self.streams_max)

    def _leaving(self, event: ngh2.GoAwayReceived, found: list[Event]) -> None:
        found.append(Leaving(f"GOAWAY with error {event.error_code}"))

    def _ponged(self, _event: ngh2.PingAcknowledged, found: list[Event]) -> None:
        found.append(Ponged())


_READ: Final[Mapping[type, Callable[[Ngh2Codec, Any, list[Event]], None]]] = {
    ngh2.ResponseReceived: Ngh2Codec._responded,
    ngh2.DataReceived: Ngh2Codec._received,
    ngh2.TrailersReceived: Ngh2Codec._trailed,
    ngh2.StreamClosed: Ngh2Codec._closed,
    ngh2.SettingsReceived: Ngh2Codec._told,
    ngh2.GoAwayReceived: Ngh2Codec._leaving,
    ngh2.PingAcknowledged: Ngh2Codec._ponged,
}
