"""Paths and what they ask for."""

from __future__ import annotations

import pytest
from fakes_http import make_schema

from odradek.protocol.ids import format_awakeable_id, format_invocation_id
from odradek_engine.ingress.responses import RequestError
from odradek_engine.ingress.routes import (
    AwakeableRoute,
    HandlerRoute,
    HealthRoute,
    NamedResultRoute,
    ResultRoute,
    find_route,
)
from odradek_engine.model.target import Target, TargetKind
from odradek_engine.partition.routing import new_invocation_id

SCHEMA = make_schema()
INVOCATION = "inv_1gA1bkjbSDNe5Oe8AYv0PhmXuI38GnZKGV"
RAW_ID = bytes.fromhex("a8608806caec20c1e54a431d84931828eeff318b5f10e7be")
AWAKEABLE = format_awakeable_id(RAW_ID, 17)
BAD_PATH = "bad path, expected either /:service-name/:handler or /:object-name/:object-key/:handler"


def target(path: str) -> tuple[str, bool]:
    route = find_route(path, b"POST", SCHEMA)
    assert isinstance(route, HandlerRoute)
    return str(route.target), route.send


@pytest.mark.parametrize(
    ("path", "expected", "send"),
    [
        ("/Svc/greet", "Svc/greet", False),
        ("/Svc/greet/", "Svc/greet", False),
        ("/Svc/greet/send", "Svc/greet", True),
        ("/Svc/greet/send/", "Svc/greet", True),
        ("/Obj/k/add", "Obj/k/add", False),
        ("/Obj/k/add/send", "Obj/k/add", True),
        ("/Obj//add", "Obj//add", False),
        ("/Obj/a%2Fb+c/add", "Obj/a/b+c/add", False),
        ("/Obj/%zz/add", "Obj/%zz/add", False),
        ("/Obj/%C3%A4/add", "Obj/ä/add", False),
        ("/restate/call/Svc/greet", "Svc/greet", False),
        ("/restate/send/Svc/greet", "Svc/greet", True),
        ("/restate/send/Obj/a%2Fb/add", "Obj/a/b/add", True),
    ],
)
def test_handlers(path: str, expected: str, send: bool) -> None:
    assert target(path) == (expected, send)


def test_an_objects_handler_has_its_kind() -> None:
    route = find_route("/Obj/k/get", b"GET", SCHEMA)
    assert isinstance(route, HandlerRoute)
    assert route.target == Target(TargetKind.OBJECT_SHARED, "Obj", "get", "k")


@pytest.mark.parametrize(
    ("path", "status", "message"),
    [
        ("/", 400, "bad path: /"),
        ("/Svc", 400, "bad path: /Svc"),
        ("/Svc/", 400, "bad path: /Svc"),
        ("/openapi", 400, "bad path: /openapi"),
        ("/restate/", 400, "bad path: /restate"),
        ("/1/2/3/4/5/6/7/8", 400, "bad path: /1/2/3/4/5/6/7/8"),
        ("/1/2/3/4/5/6/7", 404, "service '1' not found, make sure to register the service before calling it."),
        ("/openapi/x", 404, "not found"),
        ("/restate/nope", 404, "not found"),
        ("/Nope/x", 404, "service 'Nope' not found, make sure to register the service before calling it."),
        ("/Svc/k/noin", 400, BAD_PATH),
        ("/Svc//noin", 400, BAD_PATH),
        ("/Svc/noin/send/x", 400, BAD_PATH),
        ("/Priv/k/h", 400, BAD_PATH),
        ("/Obj/add", 400, BAD_PATH),
        ("/Obj/k/get/x", 400, BAD_PATH),
        ("/Obj/%ff/get", 400, "bad path, cannot decode key: it is not UTF-8"),
        (
            "/Obj/k/send",
            404,
            "the service 'Obj' exists, but the handler 'send' was not found, check that the handler exists in the "
            "latest registered service version.",
        ),
        (
            "/Svc/no%69n",
            404,
            "the service 'Svc' exists, but the handler 'no%69n' was not found, check that the handler exists in the "
            "latest registered service version.",
        ),
        ("/Priv/h", 400, "the invoked service is not public"),
        ("/restate/workflow/w/k/watch", 404, "not found"),
        ("/restate/scope/s/call/Svc/noin", 400, "scoped invocations require vqueues to be enabled"),
        ("/restate/invocation/x/attach", 400, "bad invocation id 'x': bad format"),
        ("/restate/invocation/x/nope", 404, "not found"),
        ("/restate/invocation/Svc/noin/ik/nope", 404, "not found"),
        ("/restate/invocation/Svc/k/noin/ik/output", 404, "not found"),
        (
            "/restate/invocation/Nope/noin/ik/output",
            404,
            "service 'Nope' not found, make sure to register the service before calling it.",
        ),
        ("/restate/attach/x", 400, "bad invocation id 'x': bad format"),
        ("/restate/a/x/nope", 404, "not found"),
        ("/restate/a/x/resolve", 400, "bad awakeable id 'x': bad format"),
    ],
)
def test_paths_that_ask_for_nothing(path: str, status: int, message: str) -> None:
    with pytest.raises(RequestError) as refused:
        find_route(path, b"POST", SCHEMA)
    assert (refused.value.status, refused.value.message) == (status, message)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/restate/call/Svc", "/restate/call/:service/:handler"),
        ("/restate/call/Svc/noin/send", "/restate/call/:service/:handler"),
        ("/restate/attach/x/y", "/restate/attach/:invocation_id"),
        ("/restate/invocation", "/restate/invocation/:invocation_id/output"),
        ("/restate/invocation/x", "/restate/invocation/:invocation_id/output"),
        ("/restate/invocation/Obj/add/ik/output", "/restate/invocation/:invocation_id/output"),
        ("/restate/awakeables/x", "/restate/awakeables/:id/resolve"),
    ],
)
def test_incomplete_reserved_paths_say_what_is_expected(path: str, expected: str) -> None:
    with pytest.raises(RequestError, match="bad path, expected") as refused:
        find_route(path, b"POST", SCHEMA)
    assert refused.value.status == 400
    assert expected in refused.value.message


@pytest.mark.parametrize(
    ("method", "path"),
    [
        (b"PUT", "/Svc/noin"),
        (b"HEAD", "/Svc/noin"),
        (b"DELETE", "/restate/call/Svc/noin"),
        (b"POST", "/restate/health"),
        (b"POST", f"/restate/output/{INVOCATION}"),
        (b"POST", f"/restate/invocation/{INVOCATION}/attach"),
        (b"GET", "/restate/attach"),
        (b"GET", "/restate/a/malformed/resolve"),
    ],
)
def test_methods(method: bytes, path: str) -> None:
    with pytest.raises(RequestError) as refused:
        find_route(path, method, SCHEMA)
    assert (refused.value.status, refused.value.message) == (405, "method not allowed")


def test_errors_of_the_path_come_before_those_of_the_method() -> None:
    with pytest.raises(RequestError) as refused:
        find_route("/Nope/x", b"PUT", SCHEMA)
    assert refused.value.status == 404


@pytest.mark.parametrize("form", ["/restate/invocation/{}/{}", "/restate/{1}/{0}"])
@pytest.mark.parametrize("verb", ["attach", "output"])
def test_results_by_id(form: str, verb: str) -> None:
    assert find_route(form.format(INVOCATION, verb), b"GET", SCHEMA) == ResultRoute(RAW_ID, wait=verb == "attach")


def test_results_by_idempotency_key_lead_to_the_id_that_a_call_gets() -> None:
    route = find_route("/restate/invocation/Svc/noin/a%20b/output", b"GET", SCHEMA)
    assert isinstance(route, ResultRoute)
    service = Target(TargetKind.SERVICE, "Svc", "noin")
    assert format_invocation_id(route.invocation) == format_invocation_id(new_invocation_id(service, "a b", b""))
    keyed = find_route("/restate/invocation/Obj/k/add/ik/attach", b"GET", SCHEMA)
    assert isinstance(keyed, ResultRoute)
    exclusive = Target(TargetKind.OBJECT_EXCLUSIVE, "Obj", "add", "k")
    assert keyed.invocation == new_invocation_id(exclusive, "ik", b"")
    assert keyed.handler is not None
    assert keyed.handler.handler == "add"


def test_other_routes() -> None:
    assert find_route("/restate/health/", b"GET", SCHEMA) == HealthRoute()
    assert find_route("/restate/attach", b"POST", SCHEMA) == NamedResultRoute(wait=True)
    assert find_route("/restate/output", b"POST", SCHEMA) == NamedResultRoute(wait=False)
    assert find_route(f"/restate/a/{AWAKEABLE}/resolve", b"POST", SCHEMA) == AwakeableRoute(RAW_ID, 17, resolve=True)
    reject = find_route(f"/restate/awakeables/{AWAKEABLE}/reject", b"POST", SCHEMA)
    assert reject == AwakeableRoute(RAW_ID, 17, resolve=False)


def test_slashes_in_front_of_a_path_count_as_one() -> None:
    assert find_route("//Svc/noin", b"POST", SCHEMA) == find_route("/Svc/noin", b"POST", SCHEMA)
