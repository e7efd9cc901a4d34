"""The admin API as the commands see it: one request, one answer, and every failure as one line for a person.

Requests go straight to the node, past any proxy that the environment names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import click
import msgspec

if TYPE_CHECKING:
    import httpx

REQUEST_TIMEOUT_S: Final = 60.0
CONNECT_TIMEOUT_S: Final = 5.0
MAX_MESSAGE_LENGTH: Final = 2_000


@dataclass(frozen=True)
class Endpoints:
    """Where the node is that the commands talk to."""

    admin_url: str
    ingress_url: str
    auth_token: str = field(default="", repr=False)
    """Sent along with every request, for who stands in front of the node."""


class NodeUnreachable(click.ClickException):
    """No answer came."""


class RequestRefused(click.ClickException):
    """The node answered with an error."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def api_path(*segments: str) -> str:
    """A path of the API; what is in the segments stands for itself."""
    return "/" + "/".join(quote(segment, safe="") for segment in segments)


def _authorization(token: str) -> dict[str, str]:
    if not token.isascii() or not token.isprintable():
        raise click.UsageError("the token has characters that no header can have")
    return {"authorization": f"Bearer {token}"} if token else {}


class AdminClient:
    """A connection to one node's admin API. Close it, or use it in a `with`."""

    def __init__(self, endpoints: Endpoints, timeout_s: float = REQUEST_TIMEOUT_S) -> None:
        import httpx

        self.url = endpoints.admin_url
        try:
            self._http = httpx.Client(
                base_url=self.url,
                timeout=httpx.Timeout(timeout_s, connect=min(timeout_s, CONNECT_TIMEOUT_S)),
                headers={"accept": "application/json"} | _authorization(endpoints.auth_token),
                trust_env=False,
            )
        except httpx.InvalidURL as error:
            raise click.UsageError(f"'{self.url}' is not a URL: {error}") from None

    def __enter__(self) -> AdminClient:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def get(self, path: str, **parameters: str) -> Any:
        """The answer's JSON."""
        return self._request("GET", path, parameters=parameters)

    def post(self, path: str, body: object) -> Any:
        """The answer's JSON; `body` is sent as JSON."""
        return self._request("POST", path, body=body)

    def patch(self, path: str, body: object = None, **parameters: str) -> Any:
        """The answer's JSON, None where it is empty; `body`, if there is one, is sent as JSON."""
        return self._request("PATCH", path, parameters=parameters, body=body)

    def delete(self, path: str, **parameters: str) -> Any:
        """The answer's JSON, None where it is empty."""
        return self._request("DELETE", path, parameters=parameters)

    def query(self, statement: str) -> list[dict[str, Any]]:
        """The rows of an SQL query; columns that are null are left out."""
        rows: list[dict[str, Any]] = self.post("/query", {"query": statement})["rows"]
        return rows

    def _request(
        self, method: str, path: str, *, parameters: Mapping[str, str] | None = None, body: object = None
    ) -> Any:
        import httpx

        content = None if body is None else msgspec.json.encode(body)
        headers = {} if body is None else {"content-type": "application/json"}
        try:
            response = self._http.request(method, path, params=parameters, content=content, headers=headers)
        except httpx.UnsupportedProtocol:
            raise click.UsageError(f"'{self.url}' is not a URL that begins with http:// or https://") from None
        except httpx.TimeoutException as error:
            raise NodeUnreachable(f"the node at {self.url} did not answer in time ({type(error).__name__})") from None
        except httpx.TransportError as error:
            raise NodeUnreachable(
                f"no node answers at {self.url} ({error}): start one with 'odradek dev app.py', "
                "or say where it is with --admin-url"
            ) from None
        return self._answer(response)

    def _answer(self, response: httpx.Response) -> Any:
        if response.status_code >= 300:
            raise RequestRefused(response.status_code, self._complaint(response))
        if not response.content:
            return None
        try:
            return msgspec.json.decode(response.content)
        except msgspec.DecodeError:
            raise click.ClickException(
                f"{self.url} did not answer with JSON: is it the admin port of a node?"
            ) from None

    def _complaint(self, response: httpx.Response) -> str:
        try:
            body = msgspec.json.decode(response.content)
        except (msgspec.DecodeError, UnicodeDecodeError):
            body = None
        message = body.get("message") if isinstance(body, dict) else None
        text = str(message) if message else response.text
        one_line = " ".join(text.split())[:MAX_MESSAGE_LENGTH]
        return one_line or f"{self.url}{response.url.path} answered {response.status_code} {response.reason_phrase}"


def connect(context: click.Context, timeout_s: float = REQUEST_TIMEOUT_S) -> AdminClient:
    """A client for the node that the command line names; no answer may take longer than `timeout_s`."""
    endpoints = context.find_object(Endpoints)
    assert endpoints is not None
    return AdminClient(endpoints, timeout_s)
