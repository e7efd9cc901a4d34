"""An application as an AWS Lambda function: one request of an engine for each event, answered as a whole.

An event is an HTTP request in JSON as API Gateway would send it, `{path, httpMethod, headers, body, isBase64Encoded}`,
and so is the answer, `{statusCode, headers, body, isBase64Encoded}`; bodies are Base64. Large ones are compressed with
zstd where both sides have it.
"""

from __future__ import annotations

import asyncio
import base64
import importlib
import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from odradek.remote.asgi import Event, Receive, Scope

if TYPE_CHECKING:
    from odradek.endpoint import Application

LambdaHandler: TypeAlias = Callable[[Mapping[str, Any], Any], dict[str, Any]]
"""What AWS calls: event and context in, answer out."""

COMPRESSED_FROM_BYTES: Final = 3 * 1024 * 1024
"""With Base64 an answer must stay below the 6 MB that a function may say."""
ZSTD: Final = "zstd"
_FUNCTION_NAME: Final = "AWS_LAMBDA_FUNCTION_NAME"


def is_on_lambda() -> bool:
    """Whether this process is a Lambda function."""
    return _FUNCTION_NAME in os.environ


def find_zstd() -> Any:
    """The module with `compress` and `decompress`; None where there is none."""
    for name in ("compression.zstd", "backports.zstd"):
        try:
            return importlib.import_module(name)
        except ModuleNotFoundError:
            continue
    return None


def lambda_handler(application: Application) -> LambdaHandler:
    """The function's handler. It has an event loop of its own, which lasts as long as the function's process."""
    loop = asyncio.new_event_loop()

    def handle(event: Mapping[str, Any], _context: Any) -> dict[str, Any]:
        headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
        answer = _Answer()
        loop.run_until_complete(application(_scope(event, headers), _request_body(event, headers), answer.take))
        return answer.as_event(headers.get("accept-encoding", ""))

    return handle


def _scope(event: Mapping[str, Any], headers: Mapping[str, str]) -> Scope:
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.0"},
        "http_version": "1.1",
        "method": event["httpMethod"],
        "scheme": "https",
        "path": event["path"],
        "raw_path": event["path"].encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()],
    }


def _request_body(event: Mapping[str, Any], headers: Mapping[str, str]) -> Receive:
    """The whole body, and then nothing: the engine stays until it is answered."""
    body = event.get("body") or ""
    raw = base64.b64decode(body) if event.get("isBase64Encoded") else body.encode()
    if ZSTD in headers.get("content-encoding", ""):
        raw = find_zstd().decompress(raw)
    events: list[Event] = [{"type": "http.request", "body": raw, "more_body": False}]

    async def receive() -> Event:
        if events:
            return events.pop()
        never: asyncio.Future[Event] = asyncio.get_running_loop().create_future()
        return await never

    return receive


class _Answer:
    def __init__(self) -> None:
        self._status = 500
        self._headers: dict[str, str] = {}
        self._body = bytearray()

    async def take(self, event: Event) -> None:
        if event["type"] == "http.response.start":
            self._status = event["status"]
            self._headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in event["headers"]}
        else:
            self._body += event.get("body", b"")

    def as_event(self, accepted: str) -> dict[str, Any]:
        body, headers = bytes(self._body), self._headers
        zstd = find_zstd() if ZSTD in accepted and len(body) > COMPRESSED_FROM_BYTES else None
        if zstd is not None:
            body = zstd.compress(body)
            headers = {name: value for name, value in headers.items() if name != "content-length"}
            headers["content-encoding"] = ZSTD
        return {
            "statusCode": self._status,
            "headers": headers,
            "body": base64.b64encode(body).decode(),
            "isBase64Encoded": True,
        }
