"""Deployments registered, changed and removed: at a node of ours, and at the real server, with the same outcome."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

import pytest
from fake_endpoint import Handler
from scripted_deployment import ScriptedDeployment, answer_with_input, manifest, service
from twin_server import Server

from live_node import wait_until
from odradek.protocol import messages as m

pytestmark = pytest.mark.live


def revisions(answer: dict[str, Any]) -> dict[str, int]:
    return {each["name"]: each["revision"] for each in answer["services"]}


async def fail_after_a_step(exchange: Any) -> None:
    """A handler whose first step pins the invocation, and which fails over and over from there."""
    handler = Handler(exchange)
    start = (await handler.begin())[0]
    if start.known_entries == 1:
        await handler.say(m.SleepCommand(1, 1, ""))
    await handler.say(m.Error(500, "not today"))
    await exchange.end()


class TestRegistering:
    @pytest.mark.row("A4")
    def test_a_dry_run_stores_nothing(self, server: Server, name: str) -> None:
        with ScriptedDeployment(service(name, "h")).serving() as url:
            answer = server.admin("POST", "/deployments", {"uri": url, "dry_run": True})
            assert (answer.status_code, revisions(answer.json())) == (201, {name: 1})
            assert server.admin("GET", f"/deployments/{answer.json()['id']}").status_code == 404
            assert server.call(f"{name}/h").status_code == 404

    def test_what_is_registered_can_be_called_at_once(self, server: Server, name: str) -> None:
        with ScriptedDeployment(service(name, "h")).serving() as url:
            answer = server.admin("POST", "/deployments", {"uri": url})
            assert answer.status_code == 201
            assert answer.headers["location"] == f"deployments/{answer.json()['id']}"
            assert answer.json()["sdk_version"] == "scripted/1"
            assert server.call(f"{name}/h", 5).json() == 5

    @pytest.mark.row("A5", "A6")
    def test_a_known_address_is_asked_again_by_force_only(self, server: Server, name: str) -> None:
        deployment = ScriptedDeployment(service(name, "h"))
        with deployment.serving() as url:
            first = server.register(url, metadata={"team": "a"})
            deployment.manifest = manifest(service(name, "other"))
            again = server.admin("POST", "/deployments", {"uri": url, "metadata": {"team": "b"}})
            assert (again.status_code, again.json()) == (200, first)
            assert len(deployment.discovered) == 1
            forced = server.admin("POST", "/deployments", {"uri": url, "force": True})
            assert (forced.status_code, forced.json()["id"], revisions(forced.json())) == (200, first["id"], {name: 2})
            assert "metadata" not in server.get(f"/deployments/{first['id']}")
            assert [each["name"] for each in server.get(f"/services/{name}")["handlers"]] == ["other"]

    def test_version_2_of_the_api_asks_again_by_itself(self, server: Server, name: str) -> None:
        with ScriptedDeployment(service(name, "h")).serving() as url:
            server.register(url)
            again = server.admin("POST", "/v2/deployments", {"uri": url})
            assert (again.status_code, revisions(again.json())) == (201, {name: 2})
            assert server.admin("POST", "/v2/deployments", {"uri": url, "force": False}).status_code == 409
            assert revisions(server.admin("POST", "/v4/deployments", {"uri": url}).json()) == {name: 2}

    @pytest.mark.row("A7")
    @pytest.mark.parametrize("allowed", ["breaking", "force"])
    def test_another_type_of_a_service_is_refused_unless_allowed(self, server: Server, name: str, allowed: str) -> None:
        with ScriptedDeployment(service(name, "h")).serving() as url:
            server.register(url)
        with ScriptedDeployment(service(name, "h", ty="VIRTUAL_OBJECT")).serving() as url:
            for dry_run in (True, False):
                answer = server.admin("POST", "/deployments", {"uri": url, "dry_run": dry_run})
                assert (answer.status_code, answer.json()["restate_code"]) == (409, "META0006")
            assert revisions(server.register(url, **{allowed: True})) == {name: 2}
            assert server.get(f"/services/{name}")["ty"] == "VirtualObject"

    @pytest.mark.row("A9", "A10")
    def test_headers_and_metadata(self, server: Server, name: str) -> None:
        deployment = ScriptedDeployment(service(name, "h"))
        with deployment.serving() as url:
            made = server.register(url, additional_headers={"X-Team": "a b"}, metadata={"Build": "7"})
            shown = server.get(f"/deployments/{made['id']}")
            assert (shown["additional_headers"], shown["metadata"]) == ({"x-team": "a b"}, {"Build": "7"})
            server.call(f"{name}/h")
        assert [sent["x-team"] for sent in (*deployment.discovered, *deployment.invoked)] == ["a b", "a b"]

    @pytest.mark.row("A13")
    def test_an_address_below_a_path(self, server: Server, name: str) -> None:
        deployment = ScriptedDeployment(service(name, "h"))
        with deployment.serving() as url:
            server.register(f"{url}/pre/fix/")
            assert server.call(f"{name}/h", 1).json() == 1
        base = urlsplit(url).path
        assert deployment.discovered[0][":path"] == f"{base}/pre/fix/discover"
        assert deployment.invoked[0][":path"] == f"{base}/pre/fix/invoke/{name}/h"

    @pytest.mark.row("A2")
    def test_over_http1(self, server: Server, name: str) -> None:
        deployment = ScriptedDeployment(
            service(name, {"name": "h", "inactivityTimeout": 7}, inactivityTimeout=5), mode="REQUEST_RESPONSE"
        )
        with deployment.serving(http1=True) as url:
            refused = server.admin("POST", "/deployments", {"uri": url})
            assert (refused.status_code, refused.json()["restate_code"]) == (500, "META0014")
            made = server.register(url, use_http_11=True)
            shown = server.get(f"/deployments/{made['id']}")
            assert (shown["http_version"], shown["protocol_type"]) == ("HTTP/1.1", "RequestResponse")
            assert made["services"][0]["inactivity_timeout"] == "0s"
            assert made["services"][0]["info"][0]["code"] == "RT0021"
            assert made["services"][0]["handlers"][0]["info"][0]["code"] == "RT0021"
            assert server.call(f"{name}/h", [1]).json() == [1]

    @pytest.mark.parametrize(("least", "most", "spoken"), [(5, 5, 5), (5, 9, 6), (6, 7, 6)])
    def test_the_highest_common_version_is_spoken(
        self, server: Server, name: str, least: int, most: int, spoken: int
    ) -> None:
        deployment = ScriptedDeployment(service(name, "h"), least=least, most=most)
        with deployment.serving() as url:
            server.register(url)
            assert server.call(f"{name}/h", 1).json() == 1
        assert deployment.invoked[0]["content-type"] == f"application/vnd.restate.invocation.v{spoken}"


SETTINGS = {
    "documentation": "about it",
    "metadata": {"a": "b"},
    "inactivityTimeout": 1500,
    "abortTimeout": 3000,
    "journalRetention": 60_000,
    "idempotencyRetention": 120_000,
    "enableLazyState": True,
    "ingressPrivate": True,
    "retryPolicyInitialInterval": 100,
    "retryPolicyMaxInterval": 2000,
    "retryPolicyMaxAttempts": 0,
    "retryPolicyExponentiationFactor": 1.5,
    "retryPolicyOnMaxAttempts": "KILL",
}
SHOWN = {
    "documentation": "about it",
    "metadata": {"a": "b"},
    "inactivity_timeout": "1s 500ms",
    "abort_timeout": "3s",
    "journal_retention": "1m",
    "idempotency_retention": "2m",
    "enable_lazy_state": True,
    "public": False,
    "retry_policy": {
        "initial_interval": "100ms",
        "max_interval": "2s",
        "max_attempts": 1,
        "exponentiation_factor": 1.5,
        "on_max_attempts": "Kill",
    },
}


class TestWhatIsShown:
    @pytest.mark.row("A11")
    def test_settings_of_a_service(self, server: Server, name: str) -> None:
        with ScriptedDeployment(service(name, "h", **SETTINGS)).serving() as url:
            made = server.register(url)
            shown = {**SHOWN, "name": name, "ty": "Service", "deployment_id": made["id"], "revision": 1}
            assert {key: value for key, value in made["services"][0].items() if key != "handlers"} == shown
            assert server.call(f"{name}/h").status_code == 400

    @pytest.mark.row("A11")
    def test_settings_of_a_handler(self, server: Server, name: str) -> None:
        with ScriptedDeployment(service(name, {"name": "h", **SETTINGS})).serving() as url:
            server.register(url)
        handler = server.get(f"/services/{name}/handlers/h")
        assert handler == {**SHOWN, "name": "h", "input_description": "*/*", "output_description": "application/json"}

    @pytest.mark.parametrize(
        ("ty", "handler", "shown"),
        [
            ("SERVICE", None, None),
            ("SERVICE", "SHARED", None),
            ("VIRTUAL_OBJECT", None, "Exclusive"),
            ("VIRTUAL_OBJECT", "SHARED", "Shared"),
            ("WORKFLOW", None, "Shared"),
            ("WORKFLOW", "WORKFLOW", "Workflow"),
        ],
    )
    def test_what_kind_a_handler_is(
        self, server: Server, name: str, ty: str, handler: str | None, shown: str | None
    ) -> None:
        one = {"name": "h"} if handler is None else {"name": "h", "ty": handler}
        with ScriptedDeployment(service(name, one, ty=ty)).serving() as url:
            server.register(url)
        assert server.get(f"/services/{name}/handlers/h").get("ty") == shown

    @pytest.mark.row("A12")
    @pytest.mark.parametrize(
        ("rule", "said"),
        [
            ({}, "none"),
            ({"contentType": "text/*"}, "text/*"),
            ({"contentType": "application/json", "jsonSchema": {"type": "array"}}, "JSON array"),
            ({"contentType": "application/json", "jsonSchema": {"type": "object", "title": "Order"}}, "JSON 'Order'"),
            ({"contentType": "application/json", "jsonSchema": {"type": ["string", "null"]}}, "application/json"),
            ({"contentType": "application/json", "jsonSchema": True}, "application/json"),
        ],
    )
    def test_what_goes_in(self, server: Server, name: str, rule: dict[str, Any], said: str) -> None:
        with ScriptedDeployment(service(name, {"name": "h", "input": rule})).serving() as url:
            server.register(url)
        handler = server.get(f"/services/{name}/handlers/h")
        assert handler["input_description"] == said
        assert handler.get("input_json_schema") == rule.get("jsonSchema")

    def test_what_may_be_left_out(self, server: Server, name: str) -> None:
        output = {"contentType": "text/plain", "setContentTypeIfEmpty": True}
        with ScriptedDeployment(service(name, {"name": "h", "output": output})).serving() as url:
            server.register(url)
        assert server.get(f"/services/{name}/handlers/h")["output_description"] == "optional text/plain"


class TestChanging:
    @pytest.mark.row("A14")
    def test_an_invocation_under_way_moves_with_its_deployment(self, server: Server, name: str) -> None:
        here, there = ScriptedDeployment(service(name, "h")), ScriptedDeployment(service(name, "h"))
        here.handle = fail_after_a_step
        with here.serving() as url, there.serving() as other_url:
            made = server.register(url)
            invocation = server.send(f"{name}/h", 7)
            wait_until(lambda: len(here.invoked) > 2, "the attempts fail")
            assert server.unfinished(made["id"]) == 1
            moved = server.admin("PATCH", f"/deployments/{made['id']}", {"uri": other_url})
            assert moved.status_code == 200
            assert (moved.json()["uri"], revisions(moved.json())) == (other_url, {name: 1})
            assert server.attach(invocation) == 7
            assert [sent["x-restate-invocation-id"] for sent in there.invoked] == [invocation]
            assert server.unfinished(made["id"]) == 0

    def test_headers_are_replaced(self, server: Server, name: str) -> None:
        deployment = ScriptedDeployment(service(name, "h"))
        with deployment.serving() as url:
            made = server.register(url, additional_headers={"x-a": "1"})
            answer = server.admin("PATCH", f"/deployments/{made['id']}", {"additional_headers": {"X-B": "2"}})
            assert answer.json()["additional_headers"] == {"x-b": "2"}
            server.call(f"{name}/h")
        assert deployment.invoked[0]["x-b"] == "2"
        assert "x-a" not in deployment.invoked[0]

    def test_a_dry_run_changes_nothing(self, server: Server, name: str) -> None:
        with ScriptedDeployment(service(name, "h")).serving() as url:
            made = server.register(url)
            body = {"additional_headers": {"x-b": "2"}, "dry_run": True}
            assert server.admin("PATCH", f"/deployments/{made['id']}", body).status_code == 200
            assert "additional_headers" not in server.get(f"/deployments/{made['id']}")

    def test_another_range_of_versions_is_refused(self, server: Server, name: str) -> None:
        deployment = ScriptedDeployment(service(name, "h"))
        with deployment.serving() as url:
            made = server.register(url)
            deployment.manifest = manifest(service(name, "h"), least=6)
            answer = server.admin("PATCH", f"/deployments/{made['id']}", {"uri": url})
            assert (answer.status_code, answer.json()["restate_code"]) == (400, "META0016")

    def test_an_older_deployment_is_overwritten_without_taking_services_back(self, server: Server, name: str) -> None:
        old, new = ScriptedDeployment(service(name, "h")), ScriptedDeployment(service(name, "h"))
        with old.serving() as url, new.serving() as newer_url:
            older = server.register(url)
            newer = server.register(newer_url)
            assert revisions(newer) == {name: 2}
            old.manifest = manifest(service(name, "h", "more"), service(f"{name}_new", "h"))
            answer = server.admin("PATCH", f"/deployments/{older['id']}", {"uri": url, "overwrite": True})
            assert revisions(answer.json()) == {name: 1, f"{name}_new": 1}
            assert server.get(f"/services/{name}")["deployment_id"] == newer["id"]
            assert server.get(f"/services/{name}_new")["deployment_id"] == older["id"]

    def test_it_cannot_be_replaced(self, server: Server, name: str) -> None:
        with ScriptedDeployment(service(name, "h")).serving() as url:
            made = server.register(url)
            assert server.admin("PUT", f"/deployments/{made['id']}", {"uri": url}).status_code == 405


class TestRemoving:
    @pytest.mark.row("A20")
    def test_running_invocations_stay_and_new_ones_go_to_the_newest(self, server: Server, name: str) -> None:
        old, new = ScriptedDeployment(service(name, "h")), ScriptedDeployment(service(name, "h"))
        old.handle = fail_after_a_step
        with old.serving() as url, new.serving() as newer_url:
            older = server.register(url)
            invocation = server.send(f"{name}/h", 1)
            wait_until(lambda: len(old.invoked) > 2, "the attempts fail")
            newer = server.register(newer_url)
            assert server.call(f"{name}/h", 2).json() == 2
            assert [server.unfinished(each["id"]) for each in (older, newer)] == [1, 0]
            old.handle = answer_with_input
            assert server.attach(invocation) == 1
            assert [sent["x-restate-invocation-id"] for sent in new.invoked] != [invocation]

    @pytest.mark.row("A15")
    def test_it_goes_by_force_only(self, server: Server, name: str) -> None:
        deployment = ScriptedDeployment(service(name, "h"))
        deployment.handle = fail_after_a_step
        with deployment.serving() as url:
            path = f"/deployments/{server.register(url)['id']}"
            invocation = server.send(f"{name}/h", 1)
            wait_until(lambda: len(deployment.invoked) > 1, "the invocation is pinned")
            assert server.admin("DELETE", path).status_code == 501
            assert server.admin("DELETE", f"{path}?force=true").status_code == 202
            assert server.admin("GET", path).status_code == 404
            assert server.admin("DELETE", f"{path}?force=true").status_code == 404
            assert server.call(f"{name}/h").status_code == 404
            (row,) = server.rows(f"SELECT status FROM sys_invocation_status WHERE id = '{invocation}'")
            assert row["status"] == "invoked"
            server.admin("PATCH", f"/invocations/{invocation}/kill")


def refused_manifests() -> Iterator[Any]:
    """What no server takes: the manifest, and the status and code of the answer."""
    one = service("Bad", "h")
    public = {"name": "h", "ingressPrivate": False}
    runs = {"name": "h", "ty": "WORKFLOW", "idempotencyRetention": 1}
    for case, sent, status, code in (
        ("reserved", manifest(service("restateful", "h")), 400, "META0005"),
        ("reserved in other letters", manifest(service("OpenAPI", "h")), 400, "META0005"),
        ("old versions", manifest(one, least=1, most=4), 500, "META0012"),
        ("new versions", manifest(one, least=8, most=9), 500, "META0012"),
        ("no range", manifest(one, least=7, most=5), 500, "META0013"),
        ("no mode", {**manifest(one), "protocolMode": None}, 500, "META0013"),
        ("another mode", manifest(one, mode="SMOKE_SIGNALS"), 500, None),
        ("not JSON", b"<html></html>", 500, None),
        ("cut off", b"{", 500, None),
        ("a list", [], 500, None),
        ("no list of services", {**manifest(), "services": None}, 500, None),
        ("no list of handlers", manifest({"name": "Bad", "ty": "SERVICE"}), 500, None),
        ("unknown field", manifest(one, new=1), 500, None),
        ("unknown setting of a service", manifest(service("Bad", "h", workflowCompletionRetention=1)), 500, None),
        ("unknown setting of a handler", manifest(service("Bad", {"name": "h", "retries": 1})), 500, None),
        ("name of a service", manifest(service("a b", "h")), 500, None),
        ("name of a handler", manifest(service("Bad", "a-b")), 500, None),
        ("retention of a run", manifest(service("Bad", runs, ty="WORKFLOW")), 400, None),
        ("*/json", manifest(service("Bad", {"name": "h", "input": {"contentType": "*/json"}})), 400, None),
        ("negative time", manifest(service("Bad", "h", abortTimeout=-1)), 500, None),
        ("broken content type", manifest(service("Bad", {"name": "h", "input": {"contentType": "x"}})), 400, None),
        ("wrong type", manifest(service("Bad", {"name": "h", "ty": "EXCLUSIVE"})), 400, None),
        ("public in private", manifest(service("Bad", public, ingressPrivate=True)), 400, None),
    ):
        yield pytest.param(sent, status, code, id=case)


@contextmanager
def talking_nonsense(said: bytes) -> Iterator[str]:
    """The address of something that says the same to everybody."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(1000)
                    connection.sendall(said)

        Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/{secrets.token_hex(8)}"
        listening.shutdown(socket.SHUT_RDWR)


class TestBadInput:
    """One clear error, and nothing is registered."""

    @pytest.mark.row("A8")
    @pytest.mark.parametrize(("sent", "status", "code"), list(refused_manifests()))
    def test_manifests(self, server: Server, sent: Any, status: int, code: str | None) -> None:
        deployment = ScriptedDeployment()
        deployment.manifest = sent
        before = server.get("/deployments")
        with deployment.serving() as url:
            answer = server.admin("POST", "/deployments", {"uri": url})
        assert answer.status_code == status
        assert code is None or answer.json()["restate_code"] == code
        assert server.get("/deployments") == before
        assert server.admin("GET", "/services/Bad").status_code == 404

    @pytest.mark.parametrize(
        ("status", "kind", "code"),
        [
            (404, "text/plain", "META0003"),
            (401, "application/json", "META0003"),
            (503, "text/html", "META0003"),
            (200, "text/html", "META0013"),
            (200, "application/json", "META0013"),
            (200, "application/vnd.restate.endpointmanifest.v5+json", "META0013"),
        ],
    )
    def test_answers(self, server: Server, name: str, status: int, kind: str, code: str) -> None:
        deployment = ScriptedDeployment(service(name, "h"))
        deployment.status, deployment.manifest_type = status, kind
        with deployment.serving() as url:
            answer = server.admin("POST", "/deployments", {"uri": url})
        assert (answer.status_code, answer.json()["restate_code"]) == (500, code)
        assert server.admin("GET", f"/services/{name}").status_code == 404

    def test_any_success_is_one(self, server: Server, name: str) -> None:
        deployment = ScriptedDeployment(service(name, "h"))
        deployment.status = 206
        with deployment.serving() as url:
            assert revisions(server.register(url)) == {name: 1}

    @pytest.mark.parametrize("said", [b"", b"<html>hello</html>", b"HTTP/1.1 400 Bad Request\r\n\r\n"])
    @pytest.mark.parametrize("http1", [False, True])
    def test_what_is_no_deployment(self, server: Server, said: bytes, http1: bool) -> None:
        before = server.get("/deployments")
        with talking_nonsense(said) as url:
            answer = server.admin("POST", "/deployments", {"uri": url, "use_http_11": http1})
        assert answer.status_code == 500
        assert answer.json()["restate_code"] in ("META0003", "META0014")
        assert server.get("/deployments") == before

    def test_nobody_there(self, server: Server) -> None:
        answer = server.admin("POST", "/deployments", {"uri": "http://127.0.0.1:1"})
        assert (answer.status_code, answer.json()["restate_code"]) == (500, "META0003")

    @pytest.mark.parametrize("uri", ["greeter", "/x", "localhost:9080"])
    def test_addresses_that_are_not_absolute(self, server: Server, uri: str) -> None:
        answer = server.admin("POST", "/deployments", {"uri": uri})
        assert answer.status_code == 400
        assert "The provided uri" in answer.json()["message"]

    @pytest.mark.parametrize(
        "body",
        [
            {},
            [],
            {"uri": ""},
            {"uri": "http://"},
            {"uri": "http://a b/"},
            {"uri": "http://h", "metadata": None},
            {"uri": "http://h", "force": 1},
            {"uri": "http://h", "additional_headers": {"a b": "c"}},
            {"uri": "http://h", "additional_headers": {"a": "b\n"}},
        ],
    )
    def test_bodies_of_another_shape(self, server: Server, body: Any) -> None:
        answer = server.admin("POST", "/deployments", body)
        assert answer.status_code == 422
        assert answer.text.startswith("Failed to deserialize the JSON body into the target type: ")
