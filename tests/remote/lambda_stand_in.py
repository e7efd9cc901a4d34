"""A stand-in of AWS Lambda's invoke API, on a thread, with one function; and of the API that lends roles.

The function is an application of our SDK behind its Lambda handler, on a thread of its own as in a function's process.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, NamedTuple
from urllib.parse import parse_qs, unquote

from odradek.endpoint import Application
from odradek.remote.aws_lambda import LambdaHandler, lambda_handler

ROLE_KEY = "ASIAROLE"
ROLE = f"""<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials>
<AccessKeyId>{ROLE_KEY}</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken>
<Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>"""


class Reply(NamedTuple):
    """What the API says instead of the function's answer."""

    status: int
    headers: dict[str, str]
    body: dict[str, Any]


class StandIn:
    """`events`: what functions were invoked with. `keys`: the access keys that signed. `replies`: given first, once."""

    def __init__(self, application: Application) -> None:
        self.events: list[dict[str, Any]] = []
        self.arns: list[str] = []
        self.keys: list[str] = []
        self.replies: list[Reply] = []
        self.role_requests: list[dict[str, list[str]]] = []
        self.url = ""
        self._process = ThreadPoolExecutor(1)
        self._handler: LambdaHandler = self._process.submit(lambda_handler, application).result()

    @contextlib.contextmanager
    def serving(self) -> Iterator[StandIn]:
        server = ThreadingHTTPServer(("127.0.0.1", 0), self._request_handler())
        server.daemon_threads = True
        self.url = f"http://127.0.0.1:{server.server_address[1]}"
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield self
        finally:
            server.shutdown()
            server.server_close()
            self._process.shutdown(wait=False)

    @property
    def environment(self) -> dict[str, str]:
        """With which boto3 finds it."""
        return {
            "AWS_ENDPOINT_URL_LAMBDA": self.url,
            "AWS_ENDPOINT_URL_STS": self.url,
            "AWS_ACCESS_KEY_ID": "AKIAOWN",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def invoked(self, path: str, authorization: str, event: dict[str, Any]) -> Reply:
        self.arns.append(unquote(path.split("/")[3]))
        self.keys.append(authorization.partition("Credential=")[2].partition("/")[0])
        self.events.append(event)
        if self.replies and event["path"] != "/discover":
            return self.replies.pop(0)
        return Reply(200, {}, self._process.submit(self._handler, event, None).result())

    def _request_handler(self) -> type[BaseHTTPRequestHandler]:
        stand_in = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                if not self.path.startswith("/2015-03-31/functions/"):
                    stand_in.role_requests.append(parse_qs(body.decode()))
                    self._answer(200, {"content-type": "text/xml"}, ROLE.encode())
                    return
                reply = stand_in.invoked(self.path, self.headers["authorization"], json.loads(body))
                headers = {"content-type": "application/json", **reply.headers}
                self._answer(reply.status, headers, json.dumps(reply.body).encode())

            def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
                self.send_response(status)
                for name, value in {**headers, "content-length": str(len(body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                """Nothing."""

        return Handler
