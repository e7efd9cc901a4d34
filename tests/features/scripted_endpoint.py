"""An endpoint over HTTP/1.1 that answers its attempts one after the other as a test says, whatever they ask."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from odradek.protocol.codec import CODECS, MAX_VERSION, MIN_VERSION, content_type
from odradek.protocol.messages import Message
from odradek.remote.negotiation import manifest_type

MANIFEST_VERSION = 4


@dataclass(frozen=True)
class Status:
    """An answer without messages."""

    code: int
    headers: dict[str, str] = field(default_factory=dict)


Answer = Status | Sequence[Message]


class ScriptedEndpoint:
    """For each handler of the service `Scripted` its answers, the last one for good; and when attempts came."""

    def __init__(self, scripts: dict[str, list[Answer]], settings: dict[str, Any]) -> None:
        self.scripts = scripts
        self.came: dict[str, list[float]] = {name: [] for name in scripts}
        self.url = ""
        handlers = [{"name": name, **settings} for name in scripts]
        self.manifest = {
            "protocolMode": "REQUEST_RESPONSE",
            "minProtocolVersion": MIN_VERSION,
            "maxProtocolVersion": MAX_VERSION,
            "services": [{"name": "Scripted", "ty": "SERVICE", "handlers": handlers}],
        }

    def answer(self, handler: str) -> Answer:
        """What the next attempt gets."""
        self.came[handler].append(time.monotonic())
        script = self.scripts[handler]
        return script.pop(0) if len(script) > 1 else script[0]


@contextmanager
def scripted_endpoint(scripts: dict[str, list[Answer]], **settings: Any) -> Iterator[ScriptedEndpoint]:
    """A running one. `settings`: of each handler, as in a manifest."""
    endpoint = ScriptedEndpoint(scripts, settings)

    class Request(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._say(200, {"content-type": manifest_type(MANIFEST_VERSION)}, json.dumps(endpoint.manifest).encode())

        def do_POST(self) -> None:
            self._read()
            answer = endpoint.answer(self.path.rpartition("/")[2])
            if isinstance(answer, Status):
                self._say(answer.code, answer.headers, b"")
            else:
                codec = CODECS[int(self.headers["content-type"].rpartition(".v")[2])]
                headers = {"content-type": content_type(codec.version)}
                self._say(200, headers, b"".join(codec.encode(message) for message in answer))

        def log_message(self, format: str, *_: Any) -> None:  # noqa: A002
            """Says nothing."""

        def _read(self) -> None:
            if self.headers.get("transfer-encoding") == "chunked":
                while size := int(self.rfile.readline(), 16):
                    self.rfile.read(size + 2)
                self.rfile.readline()
            else:
                self.rfile.read(int(self.headers.get("content-length", 0)))

        def _say(self, status: int, headers: dict[str, str], body: bytes) -> None:
            self.send_response(status)
            for name, value in (headers | {"content-length": str(len(body))}).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Request)
    endpoint.url = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield endpoint
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
