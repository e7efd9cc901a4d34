"""Which deployment serves a service when several do, and one goes: at a node of ours, and at the real server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from scripted_deployment import ScriptedDeployment, manifest, service
from twin_server import Server

pytestmark = pytest.mark.live


class Deployments:
    """Several of them, each at its own address, under one name each."""

    def __init__(self, server: Server, stack: ExitStack) -> None:
        self._server = server
        self._stack = stack
        self.ids: dict[str, str] = {}
        self.scripts: dict[str, ScriptedDeployment] = {}
        self._urls: dict[str, str] = {}

    def register(self, label: str, *services: dict[str, Any], **options: Any) -> None:
        """A new one, or with `force` what is behind the label by now."""
        if label not in self.scripts:
            self.scripts[label] = ScriptedDeployment()
            self._urls[label] = self._stack.enter_context(self.scripts[label].serving())
        self.scripts[label].manifest = manifest(*services)
        self.ids[label] = self._server.register(self._urls[label], **options)["id"]

    def remove(self, label: str) -> None:
        assert self._server.admin("DELETE", f"/deployments/{self.ids[label]}?force=true").status_code == 202

    def patch(self, label: str, **options: Any) -> Any:
        """Asks what is behind the label again."""
        body = {"uri": self._urls[label], **options}
        return self._server.admin("PATCH", f"/deployments/{self.ids[label]}", body)

    def revisions(self, label: str) -> dict[str, int]:
        shown = self._server.get(f"/deployments/{self.ids[label]}")["services"]
        return {each["name"]: each["revision"] for each in shown}

    def serving(self, name: str) -> tuple[str, int] | None:
        """The label of the one that serves new invocations, and the service's revision."""
        answer = self._server.admin("GET", f"/services/{name}")
        if answer.status_code == 404:
            return None
        labels = {identifier: label for label, identifier in self.ids.items()}
        return labels[answer.json()["deployment_id"]], answer.json()["revision"]


@pytest.fixture
def deployments(server: Server) -> Iterator[Deployments]:
    with ExitStack() as stack:
        yield Deployments(server, stack)


@pytest.mark.row("A15")
def test_when_the_newest_goes_the_one_before_serves(server: Server, deployments: Deployments, name: str) -> None:
    one = service(name, "h")
    for label in ("first", "second", "third"):
        deployments.register(label, one)
    deployments.remove("third")
    assert deployments.serving(name) == ("second", 2)
    assert server.call(f"{name}/h", 7).json() == 7
    assert len(deployments.scripts["second"].invoked) == 1
    deployments.register("fourth", one)
    assert deployments.serving(name) == ("fourth", 3)
    deployments.remove("second")
    assert deployments.serving(name) == ("fourth", 3)
    deployments.remove("fourth")
    assert deployments.serving(name) == ("first", 1)
    deployments.remove("first")
    assert deployments.serving(name) is None


@pytest.mark.row("N11")
def test_settings_that_were_changed_stay_with_their_deployment(
    server: Server, deployments: Deployments, name: str
) -> None:
    deployments.register("old", service(name, "h"))
    server.admin("PATCH", f"/services/{name}", {"public": False, "idempotency_retention": "1h"})
    deployments.register("new", service(name, "h"))
    assert server.call(f"{name}/h").status_code == 200
    (shown,) = server.get(f"/deployments/{deployments.ids['old']}")["services"]
    assert (shown["public"], shown["idempotency_retention"]) == (False, "1h")
    deployments.remove("new")
    assert server.get(f"/services/{name}")["idempotency_retention"] == "1h"
    assert server.call(f"{name}/h").status_code == 400


@pytest.mark.row("A6")
def test_what_the_newest_serves_no_more_falls_to_the_one_before(deployments: Deployments, name: str) -> None:
    other = service(f"{name}_other", "h")
    deployments.register("old", service(name, "h"))
    deployments.register("new", service(name, "h"), other)
    deployments.register("new", other, force=True)
    assert deployments.serving(name) == ("old", 1)
    deployments.register("new", other, service(name, "h"), force=True)
    assert deployments.serving(name) == ("new", 2)
    deployments.register("old", service(name, "h"), force=True)
    assert deployments.serving(name) == ("old", 3)
    assert deployments.revisions("new") == {name: 2, f"{name}_other": 3}


@pytest.mark.row("A14")
def test_an_overwritten_one_takes_no_service_from_another(deployments: Deployments, name: str) -> None:
    deployments.register("here", service(f"{name}_own", "h"))
    deployments.register("there", service(name, "h"))
    deployments.register("there", service(name, "h"), force=True)
    deployments.scripts["here"].manifest = manifest(service(name, "h"))
    tried = deployments.patch("here", overwrite=True, dry_run=True)
    done = deployments.patch("here", overwrite=True)
    for answer in (tried, done):
        assert [(each["name"], each["revision"]) for each in answer.json()["services"]] == [(name, 1)]
    assert deployments.revisions("here") == {name: 1}
    assert deployments.serving(name) == ("there", 2)
    assert deployments.serving(f"{name}_own") is None
    deployments.remove("there")
    assert deployments.serving(name) == ("here", 1)


@pytest.mark.row("A14")
@pytest.mark.parametrize("overwrite", [False, True])
def test_only_the_range_of_versions_must_stay(deployments: Deployments, name: str, overwrite: bool) -> None:
    deployments.register("one", service(name, "h", "g"))
    script = deployments.scripts["one"]
    script.manifest = manifest(service(name, "h", ty="VIRTUAL_OBJECT"))
    answer = deployments.patch("one", overwrite=overwrite, dry_run=True)
    assert answer.status_code == 200
    assert answer.json()["services"][0]["ty"] == ("VirtualObject" if overwrite else "Service")
    for versions in ({"least": 6}, {"most": 6}):
        script.manifest = manifest(service(name, "h", "g"), **versions)
        refused = deployments.patch("one", overwrite=overwrite)
        assert (refused.status_code, refused.json()["restate_code"]) == (400, "META0016")


def test_a_change_of_nothing_asks_nobody(server: Server, name: str) -> None:
    deployment = ScriptedDeployment(service(name, "h"))
    with deployment.serving() as url:
        path = f"/deployments/{server.register(url)['id']}"
        for body in ({}, {"dry_run": True}, {"uri": None, "additional_headers": None}):
            answer = server.admin("PATCH", path, body)
            assert (answer.status_code, answer.json()) == (200, server.get(path))
    assert len(deployment.discovered) == 1


def test_a_slash_at_the_end_makes_another_address(server: Server, name: str) -> None:
    deployment = ScriptedDeployment(service(name, "h"))
    with deployment.serving() as url:
        first = server.register(url)
        assert server.admin("POST", "/deployments", {"uri": f"{url}?a=b#c"}).json()["id"] == first["id"]
        second = server.admin("POST", "/deployments", {"uri": f"{url}/"})
        assert second.status_code == 201
        assert server.get(f"/deployments/{second.json()['id']}")["uri"] == f"{url}/"
        assert server.call(f"{name}/h", 1).json() == 1


JSON = "application/json"


@pytest.mark.row("B18")
@pytest.mark.parametrize(
    ("rule", "body", "content_type", "status"),
    [
        ({"contentType": JSON}, b"", JSON, 200),
        ({"contentType": JSON}, b"", None, 200),
        ({"contentType": JSON}, b"1", None, 400),
        ({"contentType": JSON, "jsonSchema": {"type": "integer"}}, b"", JSON, 400),
        ({"contentType": JSON, "jsonSchema": {"type": "integer"}}, b"", None, 200),
        ({"contentType": JSON, "jsonSchema": {"type": "integer"}}, b'"no integer"', JSON, 200),
        ({"contentType": JSON, "required": True}, b"", None, 400),
        ({"contentType": "x/y", "jsonSchema": True}, b"", "x/y", 400),
        ({"contentType": "x/y"}, b"", "x/y", 200),
        ({"contentType": "*/*", "jsonSchema": True}, b"", "a/b", 400),
        ({"required": True}, b"", None, 400),
        ({}, b"", None, 200),
        ({}, b"", JSON, 400),
    ],
)
def test_what_a_rule_lets_in(
    server: Server, name: str, rule: dict[str, Any], body: bytes, content_type: str | None, status: int
) -> None:
    with ScriptedDeployment(service(name, {"name": "h", "input": rule})).serving() as url:
        server.register(url)
        headers = {} if content_type is None else {"content-type": content_type}
        assert server.post(f"{name}/h", body, headers).status_code == status
