"""The few words of ASGI that an endpoint needs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any, TypeAlias

Scope: TypeAlias = MutableMapping[str, Any]
Event: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Event]]
Send: TypeAlias = Callable[[Event], Awaitable[None]]


class Disconnected(Exception):
    """The other side has left: the connection is closed, or the stream was reset."""


def headers_of(scope: Scope) -> dict[str, str]:
    """The request's headers by lower-case name; of a repeated one the values joined by commas."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


async def begin_response(send: Send, status: int, headers: Iterable[tuple[bytes, bytes]]) -> None:
    """Sends status and headers. Raises `Disconnected`."""
    await deliver(send, {"type": "http.response.start", "status": status, "headers": list(headers)})


async def send_body(send: Send, body: bytes, *, more: bool) -> None:
    """Sends a part of the body, and waits while the other side does not read. Raises `Disconnected`."""
    await deliver(send, {"type": "http.response.body", "body": body, "more_body": more})


async def deliver(send: Send, event: Event) -> None:
    """Sends one event; servers report a lost connection as an `OSError`."""
    try:
        await send(event)
    except OSError as error:
        raise Disconnected from error


async def receive_body(receive: Receive) -> tuple[bytes, bool]:
    """The next part of the request's body, and whether more will follow. Raises `Disconnected`."""
    event = await receive()
    if event["type"] != "http.request":
        raise Disconnected
    return event.get("body", b""), event.get("more_body", False)
