"""A small HTTP server that answers like a node's admin API, as a test tells it to, and keeps what it was asked."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

HANG_UP = object()
"""As an answer: the connection is closed without one."""


@dataclass
class Request:
    method: str
    path: str
    body: Any
    headers: dict[str, str]


@dataclass
class FakeAdmin:
    url: str
    answers: dict[str, Any] = field(default_factory=dict)
    """`GET /topics` -> JSON (200), (status, JSON), `HANG_UP`, or a function of the request that returns one."""
    requests: list[Request] = field(default_factory=list)

    def answer(self, request: Request) -> tuple[int, Any] | object:
        self.requests.append(request)
        found = self.answers.get(f"{request.method} {request.path}", (404, {"message": f"no {request.path} here"}))
        if isinstance(found, Callable):
            found = found(request)
        return found if isinstance(found, tuple) or found is HANG_UP else (200, found)


@contextmanager
def fake_admin(port: int = 0) -> Iterator[FakeAdmin]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            raw = self.rfile.read(int(self.headers.get("content-length", 0)))
            body = json.loads(raw) if raw else None
            headers = {name.lower(): value for name, value in self.headers.items()}
            answer = admin.answer(Request(self.command, self.path, body, headers))
            if answer is HANG_UP:
                self.close_connection = True
                return
            status, content = answer
            text = content if isinstance(content, bytes) else b"" if content is None else json.dumps(content).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = do_PATCH = do_DELETE = _serve  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    admin = FakeAdmin(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield admin
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
