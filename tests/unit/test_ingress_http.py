"""The ingress over HTTP: every status, header and body that a client can meet."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from fakes_http import NOW_MS, FakeGateway, echo, ingress

from odradek.protocol.ids import format_awakeable_id, format_invocation_id
from odradek.protocol.messages import Failure
from odradek_engine.gateway import Overloaded
from odradek_engine.ingress.limits import IngressLimits
from odradek_engine.model.commands import AnyCommand, Attach, Invoke, ReadOutput, Signal
from odradek_engine.model.outcomes import (
    Accepted,
    AlreadyCompleted,
    AnyOutcome,
    Done,
    Ended,
    NotCompleted,
    NotFound,
    Refused,
)
from odradek_engine.model.rows import Result
from odradek_engine.model.target import Target, TargetKind
from odradek_engine.partition.routing import new_invocation_id
from until import until

RAW_ID = bytes.fromhex("a8608806caec20c1e54a431d84931828eeff318b5f10e7be")
INVOCATION = "inv_1gA1bkjbSDNe5Oe8AYv0PhmXuI38GnZKGV"
JSON_TYPE = {"content-type": "application/json"}
Answer = Callable[[AnyCommand], AnyOutcome | None]


def ask(method: str, path: str, answer: Answer = echo, **options: Any) -> tuple[httpx.Response, FakeGateway]:
    async def scenario() -> tuple[httpx.Response, FakeGateway]:
        gateway = FakeGateway(answer)
        async with ingress(gateway) as (_, client):
            return await client.request(method, path, **options), gateway

    return asyncio.run(scenario())


def assert_error(response: httpx.Response, status: int, body: dict[str, object]) -> None:
    assert response.status_code == status
    assert response.json() == body
    assert response.headers["content-type"] == "application/json"
    assert response.headers["x-restate-error-source"] == body["source"]


def failing(failure: Failure, stacktrace: str = "") -> Answer:
    def answer(command: AnyCommand) -> AnyOutcome:
        assert isinstance(command, Invoke)
        return Ended(command.invocation.id, Result(failure=failure, stacktrace=stacktrace))

    return answer


def test_a_call() -> None:
    response, gateway = ask("POST", "/Svc/greet", content=b'"Ada"', headers=JSON_TYPE)
    (command,) = gateway.commands
    assert isinstance(command, Invoke)
    assert command.wait
    assert (response.status_code, response.content) == (200, b'"Ada"')
    assert response.headers["content-type"] == "application/json"
    assert response.headers["x-restate-id"] == format_invocation_id(command.invocation.id)
    assert "idempotency-expires" not in response.headers
    assert response.headers["vary"] == "origin, access-control-request-method, access-control-request-headers"
    assert response.headers["access-control-allow-credentials"] == "true"
    assert response.headers["date"].endswith("GMT")


def test_a_get_is_a_call_without_body() -> None:
    response, gateway = ask("GET", "/Obj/k/get")
    (command,) = gateway.commands
    assert isinstance(command, Invoke)
    assert (response.status_code, command.input.value) == (200, b"")
    assert str(command.invocation.target) == "Obj/k/get"


def test_an_empty_result_has_no_content_type_unless_the_handler_wants_it() -> None:
    without, _ = ask("POST", "/Svc/noin")
    assert (without.status_code, without.content) == (200, b"")
    assert "content-type" not in without.headers
    wanted, _ = ask("POST", "/Svc/text")
    assert wanted.headers["content-type"] == "text/plain"


def test_a_key_of_the_client_fixes_the_id() -> None:
    _, gateway = ask("POST", "/Svc/noin", headers={"Idempotency-Key": "abc"})
    (command,) = gateway.commands
    assert isinstance(command, Invoke)
    assert command.invocation.idempotency_key == "abc"
    assert command.invocation.id == new_invocation_id(Target(TargetKind.SERVICE, "Svc", "noin"), "abc", b"")
    assert all(header.key != "idempotency-key" for header in command.input.headers)


def test_requests_without_a_key_get_one_each() -> None:
    async def scenario() -> list[AnyCommand]:
        gateway = FakeGateway()
        async with ingress(gateway) as (_, client):
            for path in ("/Svc/noin", "/Svc/noin", "/Obj/k/get/send"):
                await client.post(path)
        return gateway.commands

    invocations = [command.invocation for command in asyncio.run(scenario()) if isinstance(command, Invoke)]
    keys = [invocation.idempotency_key or "" for invocation in invocations]
    assert len(set(keys)) == 3
    assert all(len(key) == 26 for key in keys)
    for invocation, key in zip(invocations, keys, strict=True):
        assert invocation.id == new_invocation_id(invocation.target, key, b"")


def test_a_stored_result_says_when_it_expires() -> None:
    def answer(command: AnyCommand) -> AnyOutcome:
        assert isinstance(command, Invoke)
        return Ended(command.invocation.id, Result(value=b"1"), expires_at=NOW_MS)

    response, _ = ask("POST", "/Svc/noin", answer, headers={"idempotency-key": "abc"})
    assert response.headers["idempotency-expires"] == "2026-11-22T14:23:11.533+00:00"


def test_a_stored_failure_says_so_too() -> None:
    def answer(command: AnyCommand) -> AnyOutcome:
        assert isinstance(command, Invoke)
        return Ended(command.invocation.id, Result(failure=Failure(409, "no")), expires_at=NOW_MS)

    response, _ = ask("POST", "/Svc/noin", answer, headers={"idempotency-key": "abc"})
    assert response.status_code == 409
    assert response.headers["idempotency-expires"] == "2026-11-22T14:23:11.533+00:00"


def test_a_send() -> None:
    response, gateway = ask("POST", "/Svc/greet/send", content=b"1", headers=JSON_TYPE)
    (command,) = gateway.commands
    assert isinstance(command, Invoke)
    assert not command.wait
    text = format_invocation_id(command.invocation.id)
    assert response.status_code == 202
    assert response.json() == {"invocationId": text, "status": "Accepted"}
    assert response.headers["x-restate-id"] == text
    assert response.headers["content-type"] == "application/json"


def test_a_delayed_send_says_when_it_runs() -> None:
    response, gateway = ask("POST", "/Svc/noin/send?delay=1s")
    (command,) = gateway.commands
    assert isinstance(command, Invoke)
    assert command.invocation.execution_time == NOW_MS + 1000
    assert response.json()["executionTime"] == "2026-11-22T14:23:12.533000000Z"


def test_a_repeated_send() -> None:
    def answer(command: AnyCommand) -> AnyOutcome:
        assert isinstance(command, Invoke)
        return Accepted(command.invocation.id, existing=True)

    response, _ = ask("POST", "/restate/send/Svc/noin", answer, headers={"idempotency-key": "k"})
    assert response.status_code == 202
    assert response.json()["status"] == "PreviouslyAccepted"


@pytest.mark.parametrize(
    ("method", "path", "options", "status", "message"),
    [
        ("POST", "/Svc", {}, 400, "bad path: /Svc"),
        ("POST", "/Priv/h", {}, 400, "the invoked service is not public"),
        ("POST", "/Svc/greet", {"content": b"1"}, 400, "input validation error: Empty content-type"),
        ("POST", "/Svc/greet", {"headers": JSON_TYPE}, 400, "input validation error: Empty body not allowed"),
        (
            "POST",
            "/Svc/noin?delay=1s",
            {},
            400,
            "cannot use the delay query parameter with calls. The delay is supported only with sends",
        ),
        ("GET", "/restate/attach/x", {}, 400, "bad invocation id 'x': bad format"),
        ("POST", "/restate/awakeables/x/resolve", {}, 400, "bad awakeable id 'x': bad format"),
        (
            "POST",
            "/restate/a/sign_1AAAA/reject",
            {},
            400,
            "bad awakeable id 'sign_1AAAA': id doesn't match the expected type",
        ),
        ("POST", "/Nope/h", {}, 404, "service 'Nope' not found, make sure to register the service before calling it."),
        ("PUT", "/Svc/noin", {}, 405, "method not allowed"),
        ("POST", "/restate/health", {}, 405, "method not allowed"),
    ],
)
def test_requests_that_the_ingress_refuses(
    method: str, path: str, options: dict[str, Any], status: int, message: str
) -> None:
    response, gateway = ask(method, path, **options)
    assert_error(response, status, {"code": status, "message": message, "source": "ingress"})
    assert "x-restate-id" not in response.headers
    assert response.headers["access-control-allow-credentials"] == "true"
    assert not gateway.commands


def test_a_malformed_delay() -> None:
    response, _ = ask("POST", "/Svc/noin/send?delay=x")
    assert response.status_code == 400
    assert response.json()["message"].startswith("bad delay query parameter, must be a ISO8601 duration: ")


def test_a_malformed_name_of_a_result() -> None:
    response, _ = ask("POST", "/restate/output", content=b"{")
    assert response.status_code == 500
    assert response.json()["message"].startswith("cannot read body: invalid request body: ")
    lookup, _ = ask("POST", "/restate/lookup", content=b'{"target":"invocation"}')
    expected = {"code": 500, "message": "cannot read body: invalid lookup body: missing field `invocationId`"}
    assert_error(lookup, 500, {**expected, "source": "ingress"})


@pytest.mark.parametrize(
    ("code", "status"), [(409, 409), (500, 500), (299, 299), (999, 999), (99, 500), (1409, 500), (101, 500)]
)
def test_a_terminal_failure_is_the_status(code: int, status: int) -> None:
    response, gateway = ask("POST", "/Svc/noin", failing(Failure(code, "boom")))
    assert_error(response, status, {"code": code, "message": "boom", "source": "invocation"})
    (command,) = gateway.commands
    assert isinstance(command, Invoke)
    assert response.headers["x-restate-id"] == format_invocation_id(command.invocation.id)


def test_a_failure_whose_status_has_no_body() -> None:
    response, _ = ask("POST", "/Svc/noin", failing(Failure(204, "boom")))
    assert (response.status_code, response.content) == (204, b"")
    assert response.headers["x-restate-error-source"] == "invocation"


def test_a_failure_with_metadata_and_stacktrace() -> None:
    response, _ = ask("POST", "/Svc/noin", failing(Failure(400, "boom", (("k", "v"),)), stacktrace="at line 1"))
    body = {"code": 400, "message": "boom", "source": "invocation", "metadata": {"k": "v"}, "stacktrace": "at line 1"}
    assert_error(response, 400, body)


def test_attach_and_output_read_the_result() -> None:
    for verb, command_type in (("attach", Attach), ("output", ReadOutput)):
        response, gateway = ask(
            "GET", f"/restate/{verb}/{INVOCATION}", lambda _: Ended(RAW_ID, Result(value=b"1"), NOW_MS)
        )
        (command,) = gateway.commands
        assert isinstance(command, command_type)
        assert command.invocation == RAW_ID
        assert (response.status_code, response.content) == (200, b"1")
        assert response.headers["x-restate-id"] == INVOCATION
        assert "idempotency-expires" in response.headers


def test_a_result_by_idempotency_key_has_its_handlers_content_type() -> None:
    response, _ = ask(
        "GET", "/restate/invocation/Svc/noin/ik/output", lambda _: Ended(RAW_ID, Result(value=b"1"), NOW_MS)
    )
    assert response.headers["content-type"] == "application/json"


def test_attach_by_a_body_that_names_the_invocation() -> None:
    response, gateway = ask(
        "POST",
        "/restate/attach",
        lambda _: Ended(RAW_ID, Result(value=b"1")),
        json={"target": "invocation", "invocationId": INVOCATION},
    )
    assert gateway.commands == [Attach(RAW_ID)]
    assert response.status_code == 200


def test_attach_to_an_unknown_invocation() -> None:
    response, _ = ask("GET", f"/restate/invocation/{INVOCATION}/attach", lambda _: NotFound(RAW_ID))
    assert_error(response, 404, {"code": 404, "message": "not found", "source": "invocation"})
    assert response.headers["x-restate-id"] == INVOCATION


def test_output_of_an_unknown_invocation() -> None:
    response, _ = ask("GET", f"/restate/invocation/{INVOCATION}/output", lambda _: NotFound(RAW_ID))
    assert_error(response, 404, {"code": 404, "message": "invocation not found", "source": "ingress"})
    assert "x-restate-id" not in response.headers


def test_output_that_is_not_ready() -> None:
    response, _ = ask("GET", f"/restate/output/{INVOCATION}", lambda _: NotCompleted(RAW_ID))
    message = "the invocation exists but has not completed yet"
    assert_error(response, 470, {"code": 470, "message": message, "source": "ingress"})


@pytest.mark.parametrize("answer", [echo, lambda _: NotFound(RAW_ID), lambda _: AlreadyCompleted(RAW_ID)])
@pytest.mark.parametrize("prefix", ["awakeables", "a"])
def test_completing_an_awakeable_is_always_accepted(answer: Answer, prefix: str) -> None:
    response, gateway = ask(
        "POST", f"/restate/{prefix}/{format_awakeable_id(RAW_ID, 17)}/resolve", answer, content=b"1"
    )
    (command,) = gateway.commands
    assert isinstance(command, Signal)
    assert command.notification.value == b"1"
    assert (response.status_code, response.content) == (202, b"")
    assert response.headers["content-length"] == "0"


def test_health_lists_the_services() -> None:
    response, _ = ask("GET", "/restate/health")
    assert (response.status_code, response.json()) == (200, {"services": ["Obj", "Priv", "Svc"]})


def test_a_refusal_of_the_engine() -> None:
    response, _ = ask("POST", "/Svc/noin", lambda _: Refused(413, "the input does not fit a record"))
    assert_error(response, 413, {"code": 413, "message": "the input does not fit a record", "source": "ingress"})


def test_an_overloaded_partition() -> None:
    def answer(command: AnyCommand) -> AnyOutcome:
        raise Overloaded("the partition's queue is full, try again later")

    response, _ = ask("POST", "/Svc/noin", answer)
    message = "the partition's queue is full, try again later"
    assert_error(response, 503, {"code": 503, "message": message, "source": "ingress"})


def test_a_bug_in_the_engine_is_a_500_and_not_a_lost_request() -> None:
    def answer(command: AnyCommand) -> AnyOutcome:
        raise ZeroDivisionError

    response, _ = ask("POST", "/Svc/noin", answer)
    assert_error(response, 500, {"code": 500, "message": "internal error", "source": "ingress"})


def test_the_limit_of_concurrent_requests() -> None:
    async def scenario() -> None:
        gateway = FakeGateway(lambda _: None)
        async with ingress(gateway, IngressLimits(concurrent_requests=1)) as (_, client):
            first = asyncio.ensure_future(client.post("/Svc/noin"))
            await until(lambda: gateway.replies)
            refused = await client.post("/Svc/noin")
            assert refused.status_code == 429
            assert refused.json()["source"] == "ingress"
            gateway.replies[0](Ended(RAW_ID, Result(value=b"")))
            assert (await first).status_code == 200
            gateway.answer = echo
            assert (await client.post("/Svc/noin")).status_code == 200

    asyncio.run(scenario())


def test_a_client_that_leaves_is_let_go() -> None:
    async def leave() -> None:
        gateway = FakeGateway(lambda _command: None)
        async with ingress(gateway, IngressLimits(concurrent_requests=1)) as (server, client):
            _, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(b"GET /Svc/noin HTTP/1.1\r\nhost: x\r\n\r\n")
            await until(lambda: gateway.replies)
            assert (await client.get("/Svc/noin")).status_code == 429
            writer.close()
            await until(lambda: gateway.detached)
            (begun,), (reply,) = gateway.commands, gateway.replies
            assert isinstance(begun, Invoke)
            assert gateway.detached == [(begun.invocation.id, reply)]
            assert server.counters.running == 0
            assert server.counters.of("Svc", "call").abandoned == 1
            reply(Done())  # it was on its way already
            assert server.counters.running == 0
            gateway.answer = echo
            assert (await client.get("/Svc/noin")).status_code == 200

    asyncio.run(leave())


def test_a_connection_that_is_gone_does_not_wait_for_the_cycle_collector() -> None:
    async def come_and_go() -> None:
        async with ingress(FakeGateway()) as (server, _):
            _, writer = await asyncio.open_connection("127.0.0.1", server.port)
            await until(lambda: server.open_connections)
            (connection,) = map(weakref.ref, server._connections.open)
            writer.close()
            await until(lambda: connection() is None)

    gc.disable()
    try:
        asyncio.run(come_and_go())
    finally:
        gc.enable()


def test_cors() -> None:
    allowed, _ = ask("POST", "/Svc/noin", headers={"origin": "http://x.y"})
    assert allowed.headers["access-control-allow-origin"] == "http://x.y"
    refused, _ = ask("POST", "/Nope/noin", headers={"origin": "http://x.y"})
    assert refused.headers["access-control-allow-origin"] == "http://x.y"
    preflight, gateway = ask(
        "OPTIONS",
        "/Svc/noin",
        headers={
            "origin": "http://x.y",
            "access-control-request-method": "POST",
            "access-control-request-headers": "x-foo",
        },
    )
    assert preflight.status_code == 200
    assert preflight.headers["access-control-allow-origin"] == "http://x.y"
    assert preflight.headers["access-control-allow-methods"] == "POST"
    assert preflight.headers["access-control-allow-headers"] == "x-foo"
    assert not gateway.commands


def test_a_new_schema_is_seen_at_once() -> None:
    async def scenario() -> None:
        gateway = FakeGateway()
        known = gateway.schema
        async with ingress(gateway) as (_, client):
            assert (await client.post("/Svc/noin")).status_code == 200
            gateway.schema = type(known)({}, {}, {})
            assert (await client.post("/Svc/noin")).status_code == 404
            gateway.schema = known
            assert (await client.post("/Svc/noin")).status_code == 200

    asyncio.run(scenario())
