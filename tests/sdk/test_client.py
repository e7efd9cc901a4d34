"""The ingress client: paths, headers, bodies, errors, over a transport in memory."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

import odradek
from odradek.client import IngressClient

SDK = Path(__file__).resolve().parents[2] / "sdk"

svc = odradek.Service("Svc")
obj = odradek.VirtualObject("Obj")
flow = odradek.Workflow("Flow")


@svc.handler()
async def greet(ctx: odradek.Context, name: str) -> dict[str, str]: ...


@svc.handler()
async def no_input(ctx: odradek.Context) -> None: ...


@svc.handler(accept="image/*", input_serde=odradek.serde.BytesSerde())
async def picture(ctx: odradek.Context, image: bytes) -> None: ...


@obj.handler()
async def add(ctx: odradek.ObjectContext, number: int) -> int: ...


@flow.main()
async def main(ctx: odradek.WorkflowContext, name: str) -> str: ...


Scenario = Callable[[odradek.RestateClient], Awaitable[Any]]


def ask(scenario: Scenario, answer: httpx.Response | None = None, codec: Any = None) -> tuple[Any, httpx.Request]:
    """What the scenario gives, and the one request that it makes."""
    seen: list[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return answer or httpx.Response(200, content=b'{"hello":"ada"}')

    async def run() -> Any:
        transport = httpx.MockTransport(handle)
        async with httpx.AsyncClient(base_url="http://ingress:1", headers={"x": "y"}, transport=transport) as http:
            return await scenario(IngressClient(http, codec))

    result = asyncio.run(run())
    (request,) = seen
    return result, request


def test_a_call() -> None:
    result, request = ask(lambda client: client.service_call(greet, "ada", idempotency_key="k", headers={"a": "b"}))
    assert result == {"hello": "ada"}
    assert (request.method, str(request.url), request.content) == ("POST", "http://ingress:1/Svc/greet", b'"ada"')
    headers = {name: request.headers.get(name) for name in ("content-type", "idempotency-key", "a", "x")}
    assert headers == {"content-type": "application/json", "idempotency-key": "k", "a": "b", "x": "y"}


def test_keys_may_be_anything() -> None:
    five = httpx.Response(200, content=b"5")
    result, request = ask(lambda client: client.object_call(add, "a/b c?ü", 5), five)
    assert (result, request.url.raw_path) == (5, b"/Obj/a%2Fb%20c%3F%C3%BC/add")


def test_a_send() -> None:
    accepted = httpx.Response(202, content=json.dumps({"invocationId": "inv_1x", "status": "Accepted"}).encode())
    delay = timedelta(seconds=1.5)
    handle, request = ask(lambda client: client.workflow_send(main, "ada", "x", send_delay=delay), accepted)
    assert (handle.invocation_id, handle.status_code) == ("inv_1x", 202)
    assert request.url.raw_path == b"/Flow/ada/main/send?delay=1500ms"


def test_what_a_handler_takes_decides_the_content_type() -> None:
    nothing = httpx.Response(200)
    result, request = ask(lambda client: client.service_call(no_input, None), nothing)
    assert (result, request.content, "content-type" in request.headers) == (None, b"", False)
    _, request = ask(lambda client: client.service_call(picture, b"png"), nothing)
    assert (request.content, request.headers["content-type"]) == (b"png", "application/octet-stream")
    _, request = ask(lambda client: client.service_call(picture, b"", headers={"Content-Type": "image/png"}), nothing)
    assert request.headers["content-type"] == "image/png"


def test_generic() -> None:
    result, request = ask(
        lambda client: client.generic_call("S", "h", b"in", key="k"), httpx.Response(200, content=b"o")
    )
    assert (result, request.url.path, request.content) == (b"o", "/S/k/h", b"in")


def test_a_scope_stands_in_the_path() -> None:
    answer = httpx.Response(200, content=b"o")
    _, request = ask(lambda client: client.generic_call("S", "h", b"in", "k", scope="a.b", limit_key="l"), answer)
    assert (request.url.path, request.headers["x-restate-limit-key"]) == ("/restate/scope/a.b/call/S/k/h", "l")


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (httpx.Response(409, json={"code": 409, "message": "no", "source": "x"}), "no"),
        (httpx.Response(502), "Bad Gateway"),
    ],
)
def test_errors(answer: httpx.Response, message: str) -> None:
    with pytest.raises(odradek.HttpError) as raised:
        ask(lambda client: client.workflow_call(main, "ada", "x"), answer)
    error = raised.value
    assert (error.status_code, error.message, error.body) == (answer.status_code, message, answer.text)


def test_a_codec() -> None:
    class Reversed(odradek.JournalValueCodec):
        def encode(self, buf: bytes) -> bytes:
            return buf[::-1]

        async def decode(self, buf: bytes) -> bytes:
            return buf[::-1]

    answer = httpx.Response(200, content=b'"tuo"'[::-1][::-1])
    result, request = ask(lambda client: client.workflow_call(main, "k", "in"), answer, Reversed())
    assert (result, request.content) == ("out", b'"ni"')


def test_a_client_is_made_and_closed() -> None:
    async def scenario() -> None:
        async with odradek.create_client("http://127.0.0.1:1", headers={"a": "b"}) as client:
            assert isinstance(client, odradek.RestateClient)
            with pytest.raises(httpx.ConnectError):
                await client.service_call(greet, "ada")

    asyncio.run(scenario())


def test_handlers_do_not_need_the_http_library() -> None:
    code = "import sys, odradek; sys.exit('httpx' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": str(SDK)}, check=False).returncode == 0
