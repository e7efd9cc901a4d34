"""Endpoints of official SDKs that die, change, move or refuse; and a node that dies while they run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sdk_endpoint import SdkEndpoint
from sdk_node import SdkNode
from variants import Variant, require

from live_node import Refused, live_node, wait_until
from odradek_engine.invoker.remote.signing import RequestSigner

pytestmark = [pytest.mark.sdks, pytest.mark.live]

SDKS = [
    Variant("python", "duplex", 6),
    Variant("typescript", "duplex", 7),
    Variant("go", "duplex", 7),
    Variant("rust", "duplex", 7),
    Variant("java", "duplex", 6),
    Variant("kotlin", "duplex", 6),
]
CHANGED = 'await ctx.run_typed("another step", lambda: identifier)'
JOURNEYS = 200
LEGS = 6


@contextmanager
def served(
    variant: Variant, directory: Path, environment: dict[str, str] | None = None, identity_key: str = ""
) -> Iterator[SdkNode]:
    require(variant)
    settings = {
        "RESTATE_EXPERIMENTAL_ENABLE_PROTOCOL_V7": str(variant.version == 7).lower(),
        "RESTATE_DEFAULT_RETRY_POLICY__INITIAL_INTERVAL": "50ms",
        "RESTATE_DEFAULT_RETRY_POLICY__MAX_INTERVAL": "500ms",
        **(environment or {}),
    }
    endpoint = SdkEndpoint(variant, directory / "endpoint", identity_key)
    endpoint.start()
    try:
        with live_node(directory, environment=settings) as node:
            yield SdkNode(node, endpoint, variant)
    finally:
        endpoint.kill()


def legs_of(endpoint: SdkEndpoint) -> dict[str, list[int]]:
    """For each journey the legs in the order in which they were recorded."""
    legs: dict[str, list[int]] = {}
    for line in endpoint.effects.read_text().splitlines():
        name, number = line.split()
        legs.setdefault(name, []).append(int(number))
    return legs


def check_journeys(remote: SdkNode, invocations: list[str]) -> None:
    """Each went through all its legs, and never back behind one whose successor had begun."""
    for number, invocation in enumerate(invocations):
        assert remote.node.attach(invocation) == f"j{number}"
    found = legs_of(remote.endpoint)
    assert len(found) == len(invocations)
    for legs in found.values():
        assert sorted(set(legs)) == list(range(LEGS))
        assert legs == sorted(legs)


class Acknowledged:
    """The legs that the node has acknowledged by now: none of them is recorded from now on."""

    def __init__(self, remote: SdkNode, invocations: list[str]) -> None:
        rows = remote.node.sql(
            "SELECT id, COUNT(1) AS legs FROM sys_journal WHERE entry_type = 'Notification: Run' GROUP BY id"
        )
        legs = {row["id"]: row["legs"] for row in rows}
        self._legs = {f"j{number}": legs.get(each, 0) for number, each in enumerate(invocations)}
        self._endpoint = remote.endpoint
        self._recorded = len(self._lines())
        assert 0 < sum(self._legs.values()) < JOURNEYS * LEGS

    def _lines(self) -> list[str]:
        assert self._endpoint is not None
        return self._endpoint.effects.read_text().splitlines()

    def check(self) -> None:
        for line in self._lines()[self._recorded :]:
            name, number = line.split()
            assert int(number) >= self._legs[name], line


def under_way(remote: SdkNode) -> bool:
    """The journeys are in their middle."""
    return sum(map(len, legs_of(remote.endpoint).values())) > JOURNEYS * LEGS // 3


@pytest.mark.row("E14", "E2")
@pytest.mark.parametrize("variant", SDKS, ids=str)
def test_a_node_that_dies_goes_on_from_the_last_acknowledged_step(variant: Variant, tmp_path: Path) -> None:
    with served(variant, tmp_path) as remote:
        invocations = [remote.node.send("Greeter", "journey", f"j{number}") for number in range(JOURNEYS)]
        wait_until(lambda: under_way(remote), "the journeys are under way")
        acknowledged = Acknowledged(remote, invocations)
        remote.node.restart()
        check_journeys(remote, invocations)
        acknowledged.check()


@pytest.mark.row("E2")
@pytest.mark.parametrize("variant", SDKS, ids=str)
def test_an_endpoint_that_dies_goes_on_from_the_last_acknowledged_step(variant: Variant, tmp_path: Path) -> None:
    with served(variant, tmp_path) as remote:
        invocations = [remote.node.send("Greeter", "journey", f"j{number}") for number in range(JOURNEYS)]
        wait_until(lambda: under_way(remote), "the journeys are under way")
        acknowledged = Acknowledged(remote, invocations)
        remote.endpoint.kill()
        remote.endpoint.start()
        check_journeys(remote, invocations)
        acknowledged.check()


@pytest.mark.parametrize("variant", SDKS, ids=str)
def test_an_endpoint_that_hangs_is_left_and_its_invocations_go_on_when_it_is_back(
    variant: Variant, tmp_path: Path
) -> None:
    impatient = {
        "RESTATE_WORKER__INVOKER__HTTP2_KEEP_ALIVE_INTERVAL": "1s",
        "RESTATE_WORKER__INVOKER__HTTP2_KEEP_ALIVE_TIMEOUT": "1s",
        "RESTATE_WORKER__INVOKER__CONNECT_TIMEOUT": "1s",
    }
    with served(variant, tmp_path, impatient) as remote:
        invocations = [remote.node.send("Greeter", "journey", f"j{number}") for number in range(JOURNEYS)]
        wait_until(lambda: under_way(remote), "the journeys are under way")
        acknowledged = Acknowledged(remote, invocations)
        remote.endpoint.freeze()
        failed = "SELECT id FROM sys_invocation WHERE last_failure_error_code = 'RT0010'"
        wait_until(lambda: remote.node.sql(failed), "attempts are given up")
        remote.endpoint.thaw()
        check_journeys(remote, invocations)
        acknowledged.check()


def test_an_endpoint_that_comes_back_with_other_code_is_told_apart(tmp_path: Path) -> None:
    with served(Variant("python", "duplex", 6), tmp_path) as remote:
        endpoint = remote.endpoint
        key, handlers = remote.fresh(), endpoint.python_handlers
        invocation = remote.node.send("Greeter", "wait_for", key)
        identifier = wait_until(lambda: remote.node.call("Notes", key, "get", None), "the awakeable's id")
        endpoint.kill()
        before = handlers.read_text()
        handlers.write_text(before.replace("await ctx.object_call(put, key=key, arg=identifier)", CHANGED))
        assert handlers.read_text() != before
        endpoint.start()
        refused = ("RT0016", "backing-off")  # after attempts that found nobody there

        def refusal() -> dict[str, Any] | None:
            row: dict[str, Any] = remote.status(invocation)
            return row if (row.get("last_failure_error_code"), row["status"]) == refused else None

        row = wait_until(refusal, "the replay is refused")
        assert row["last_failure_related_command_index"] == 1
        endpoint.kill()
        handlers.write_text(before)
        endpoint.start()
        remote.node.resolve_awakeable(identifier, "here")
        assert remote.node.attach(invocation) == "here"


@pytest.mark.row("H12")
def test_an_endpoint_that_is_away_is_waited_for(tmp_path: Path) -> None:
    with served(Variant("python", "duplex", 6), tmp_path) as remote:
        remote.endpoint.kill()
        invocation = remote.node.send("Greeter", "greet", "Ada")
        row = wait_until(
            lambda: (row := remote.status(invocation))["status"] == "backing-off" and row, "the invocation backs off"
        )
        assert row["last_failure_error_code"] == "RT0010"
        remote.endpoint.start()
        assert remote.node.attach(invocation) == "Hello Ada"


@pytest.mark.row("A16")
def test_running_invocations_stay_with_their_deployment(tmp_path: Path) -> None:
    old, new = Variant("python", "duplex", 6), Variant("typescript", "duplex", 7)
    with served(old, tmp_path) as remote:
        require(new)
        key = remote.fresh()
        waiting = remote.node.send("Greeter", "wait_for", key)
        identifier = wait_until(lambda: remote.node.call("Notes", key, "get", None), "the awakeable's id")
        other = SdkEndpoint(new, tmp_path / "other")
        other.start()
        try:
            newer = SdkNode(remote.node, other, new).deployment["id"]
            fresh = remote.node.send("Greeter", "greet", "Ada")
            assert remote.node.attach(fresh) == "Hello Ada"
            assert remote.status(fresh)["pinned_deployment_id"] == newer
            assert remote.status(waiting)["pinned_deployment_id"] == remote.deployment["id"]
            remote.node.resolve_awakeable(identifier, "here")
            assert remote.node.attach(waiting) == "here"
            assert remote.status(waiting)["pinned_deployment_id"] == remote.deployment["id"]
        finally:
            other.kill()


@pytest.mark.row("A14")
def test_a_deployment_that_moves_takes_its_invocations_along(tmp_path: Path) -> None:
    variant = Variant("typescript", "duplex", 6)
    with served(variant, tmp_path, {"RESTATE_WORKER__INVOKER__INACTIVITY_TIMEOUT": "100ms"}) as remote:
        key = remote.fresh()
        waiting = remote.node.send("Greeter", "wait_for", key)
        identifier = wait_until(lambda: remote.node.call("Notes", key, "get", None), "the awakeable's id")
        wait_until(lambda: remote.status(waiting)["status"] == "suspended", "the handler suspends")
        other = SdkEndpoint(variant, tmp_path / "other")
        other.start()
        try:
            remote.endpoint.kill()
            url = f"{remote.node.admin_url}/deployments/{remote.deployment['id']}"
            remote.node.request("PATCH", url, {"uri": other.url})
            remote.node.resolve_awakeable(identifier, "here")
            assert remote.node.attach(waiting) == "here"
        finally:
            other.kill()


@pytest.mark.row("A15")
def test_what_is_removed_cannot_be_called(tmp_path: Path) -> None:
    with served(Variant("python", "duplex", 6), tmp_path) as remote:
        url = f"{remote.node.admin_url}/deployments/{remote.deployment['id']}"
        remote.node.request("DELETE", url, params={"force": "true"})
        with pytest.raises(Refused) as refused:
            remote.node.call("Greeter", "greet", "Ada")
        assert refused.value.status == 404


@pytest.mark.row("A18")
@pytest.mark.parametrize("variant", [*SDKS, Variant("python", "http1", 6)], ids=str)
def test_an_endpoint_takes_requests_of_its_own_node_alone(variant: Variant, tmp_path: Path) -> None:
    key = Ed25519PrivateKey.generate()
    pem = tmp_path / "identity.pem"
    encryption = serialization.NoEncryption()
    pem.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption))
    public = RequestSigner(key, lambda: 0, 0).public_key
    signed = {"RESTATE_WORKER__INVOKER__REQUEST_IDENTITY_PRIVATE_KEY_PEM_FILE": str(pem)}
    with served(variant, tmp_path / "signed", signed, public) as remote:
        assert remote.node.call("Greeter", "greet", "Ada") == "Hello Ada"
        assert remote.node.call("Counter", "a b/ü", "add", 1) == 1
    with pytest.raises(Refused, match="META0003"), served(variant, tmp_path / "unsigned", {}, public):
        pass
