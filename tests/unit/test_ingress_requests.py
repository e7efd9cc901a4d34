"""Requests and the commands they become."""

from __future__ import annotations

import pytest
from fakes_http import DAY_MS, JSON, NOW_MS, handler, make_schema

from odradek.protocol.messages import Failure, Header, SignalNotification
from odradek_engine.ingress.requests import (
    HeaderReader,
    check_input,
    complete_awakeable,
    invoke,
    named_result,
    read_delay,
)
from odradek_engine.ingress.responses import RequestError
from odradek_engine.ingress.routes import AwakeableRoute, HandlerRoute, find_route
from odradek_engine.model.rows import SourceKind
from odradek_engine.partition.routing import new_invocation_id

SCHEMA = make_schema()


def test_headers_for_the_handler() -> None:
    raw = [
        (b"host", b"localhost"),
        (b"connection", b"keep-alive"),
        (b"idempotency-key", b"k1"),
        (b"idempotency-expires", b"1"),
        (b"content-type", b"application/json"),
        (b"x-a", b"1"),
        (b"x-a", b"2"),
        (b"origin", b"http://o"),
    ]
    reader = HeaderReader()
    for _ in range(2):
        head = reader.read("/Svc/greet?a=b%20c", raw)
        assert head.forwarded == [
            Header("x-restate-ingress-path", "/Svc/greet?a=b%20c"),
            Header("content-type", "application/json"),
            Header("x-a", "1"),
            Header("x-a", "2"),
            Header("origin", "http://o"),
        ]
        assert (head.content_type, head.idempotency_key, head.origin) == (JSON, "k1", b"http://o")


def test_an_empty_idempotency_key_is_none() -> None:
    assert HeaderReader().read("/", [(b"idempotency-key", b"")]).idempotency_key is None


@pytest.mark.parametrize("name", [b"x-foo", b"idempotency-key"])
def test_header_values_are_ascii(name: bytes) -> None:
    with pytest.raises(RequestError, match=f"bad header {name.decode()}") as refused:
        HeaderReader().read("/", [(name, "bär".encode())])
    assert refused.value.status == 400


def test_a_limit_key_needs_a_scope() -> None:
    with pytest.raises(RequestError, match="limit-key requires a scope to be set"):
        HeaderReader().read("/", [(b"x-restate-limit-key", b"a")])


def test_the_memory_of_headers_is_bounded() -> None:
    reader = HeaderReader()
    for number in range(5000):
        reader.read("/", [(b"x-n", b"%d" % number)])
    assert len(reader._remembered) <= 2048


@pytest.mark.parametrize(
    ("rule", "required", "body", "content_type"),
    [
        (None, False, b"", None),
        (JSON, False, b"", None),
        (JSON, False, b"", JSON),
        (JSON, False, b"1", JSON),
        (JSON, True, b"1", "application/json; charset=utf-8"),
        (JSON, True, b"1", "Application/JSON"),
        ("*/*", False, b"", None),
        ("*/*", False, b"1", "x/y"),
        ("*/*", False, b"", "x/y"),
        ("text/*", False, b"1", "text/plain"),
    ],
)
def test_input_that_fits(rule: str | None, required: bool, body: bytes, content_type: str | None) -> None:
    check_input(handler("S", "h", input_type=rule, required=required), body, content_type)


@pytest.mark.parametrize(
    ("rule", "required", "body", "content_type", "reason"),
    [
        (None, False, b"x", None, "Expected body and content-type to be empty, but wasn't with content-type 'None'"),
        (
            None,
            False,
            b"",
            "text/plain",
            "Expected body and content-type to be empty, but wasn't with content-type 'Some(\"text/plain\")'",
        ),
        (JSON, False, b"1", None, "Empty content-type"),
        (JSON, True, b"", None, "Empty content-type"),
        (JSON, False, b"1", "text/plain", "Content-type 'text/plain' does not match 'application/json'"),
        ("*/*", False, b"1", None, "Empty content-type"),
        ("text/*", False, b"1", "textual/x", "Content-type 'textual/x' does not match 'text/*'"),
    ],
)
def test_input_that_does_not_fit(
    rule: str | None, required: bool, body: bytes, content_type: str | None, reason: str
) -> None:
    with pytest.raises(RequestError) as refused:
        check_input(handler("S", "h", input_type=rule, required=required), body, content_type)
    assert (refused.value.status, refused.value.message) == (400, f"input validation error: {reason}")


@pytest.mark.parametrize("rule", [JSON, "*/*", "application/octet-stream"])
def test_where_there_is_a_schema_a_content_type_comes_with_a_body(rule: str) -> None:
    kept = handler("S", "h", input_type=rule, body_required=True)
    check_input(kept, b"1", rule)
    check_input(kept, b"", None)
    with pytest.raises(RequestError, match="Empty body not allowed"):
        check_input(kept, b"", rule)


@pytest.mark.parametrize("body", [b"", b"x"])
def test_input_that_is_required_and_of_no_type_never_fits(body: bytes) -> None:
    with pytest.raises(RequestError, match="Bad configuration of the input validation rules"):
        check_input(handler("S", "h", required=True), body, None)


@pytest.mark.parametrize(
    ("query", "delay"),
    [
        ("", None),
        ("foo=1", None),
        ("xdelay=1s", None),
        ("delay=0", 0),
        ("delay=1500", 1500),
        ("delay=500ms", 500),
        ("delay=1+s", 1000),
        ("delay=1%20s", 1000),
        ("delay=PT1H", 3_600_000),
        ("delay=1s&delay=2s", 1000),
    ],
)
def test_delay(query: str, delay: int | None) -> None:
    assert read_delay(query, send=True) == delay


@pytest.mark.parametrize("query", ["delay=", "delay=-1s", "delay=x", "delay=P1M", "delay=%zz", "delay=-5"])
def test_malformed_delay(query: str) -> None:
    with pytest.raises(RequestError, match="bad delay query parameter, must be a ISO8601 duration: ") as refused:
        read_delay(query, send=True)
    assert refused.value.status == 400


def test_calls_have_no_delay() -> None:
    with pytest.raises(RequestError, match="cannot use the delay query parameter with calls"):
        read_delay("delay=1s", send=False)


def test_a_delayed_send_becomes_a_command() -> None:
    route = find_route("/Obj/k/add/send", b"POST", SCHEMA)
    assert isinstance(route, HandlerRoute)
    head = HeaderReader().read("/Obj/k/add/send", [])
    command = invoke(route, head, b"5", "ik", 250, NOW_MS)
    invocation = command.invocation
    assert not command.wait
    assert invocation.id == new_invocation_id(route.target, "ik", b"")
    assert invocation.idempotency_key == "ik"
    assert invocation.execution_time == NOW_MS + 250
    assert (invocation.created_at, invocation.source.kind) == (NOW_MS, SourceKind.INGRESS)
    assert (invocation.completion_retention, invocation.journal_retention) == (DAY_MS, DAY_MS)
    assert command.input.value == b"5"
    assert command.input.headers == (Header("x-restate-ingress-path", "/Obj/k/add/send"),)


def test_awakeables() -> None:
    resolved = complete_awakeable(AwakeableRoute(b"i" * 24, 17, resolve=True), b"\xff")
    assert (resolved.invocation, resolved.notification) == (b"i" * 24, SignalNotification(17, value=b"\xff"))
    rejected = complete_awakeable(AwakeableRoute(b"i" * 24, 17, resolve=False), b"no")
    assert rejected.notification == SignalNotification(17, failure=Failure(500, "no"))


def test_results_named_in_a_body() -> None:
    by_id = named_result(
        b'{"target":"invocation","invocationId":"inv_1gA1bkjbSDNe5Oe8AYv0PhmXuI38GnZKGV"}', True, SCHEMA
    )
    assert by_id.invocation.hex() == "a8608806caec20c1e54a431d84931828eeff318b5f10e7be"
    by_key = named_result(
        b'{"target":"idempotentInvocation","service":"Obj","key":"k","handler":"add","idempotencyKey":"ik"}',
        False,
        SCHEMA,
    )
    assert by_key == find_route("/restate/invocation/Obj/k/add/ik/output", b"GET", SCHEMA)


@pytest.mark.parametrize("body", [b"", b"{", b"{}", b'{"target":"nope"}', b'{"target":"invocation"}', b"\xff"])
def test_bodies_that_name_nothing(body: bytes) -> None:
    with pytest.raises(RequestError, match="cannot read body: invalid request body: ") as refused:
        named_result(body, True, SCHEMA)
    assert refused.value.status == 500
