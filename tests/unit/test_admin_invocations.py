"""Restarts, resuming elsewhere and batches over the admin API: statuses, texts, shapes."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from fakes_admin import ask_admin

from odradek.protocol.ids import format_invocation_id
from odradek_engine.admin.invocation_batches import BATCH_MAX
from odradek_engine.gateway import Overloaded
from odradek_engine.model import outcomes as o
from odradek_engine.model.commands import AnyCommand, Cancel, RestartAsNew, Resume

RAW_ID = bytes.fromhex("a8608806caec20c1e54a431d84931828eeff318b5f10e7be")
INVOCATION = "inv_1gA1bkjbSDNe5Oe8AYv0PhmXuI38GnZKGV"
RAW_OTHER = bytes(24)
OTHER = format_invocation_id(RAW_OTHER)
DEPLOYMENT = "dp_14s3n5BhxTDo3uSCgq5Ksn1"
RESTART = f"/invocations/{INVOCATION}/restart-as-new"
BATCHES = "/internal/invocations_batch_operations"


def assert_refused(response: httpx.Response, status: int, message: str) -> None:
    assert (response.status_code, response.json()) == (status, {"message": message, "restate_code": None})


# --- restart ---


@pytest.mark.parametrize(
    ("query", "command"),
    [
        ("", RestartAsNew(RAW_ID, 0, "latest")),
        ("?from=3", RestartAsNew(RAW_ID, 3, "latest")),
        ("?from=4294967295&deployment=Keep", RestartAsNew(RAW_ID, 4294967295, "keep")),
        (f"?deployment={DEPLOYMENT}", RestartAsNew(RAW_ID, 0, DEPLOYMENT)),
    ],
)
def test_restart_answers_the_new_id(query: str, command: AnyCommand) -> None:
    response, gateway = ask_admin("PATCH", RESTART + query, lambda _: o.Accepted(RAW_OTHER, existing=False))
    assert (response.status_code, response.json()) == (200, {"new_invocation_id": OTHER})
    assert gateway.commands == [command]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("x", "from: invalid digit found in string"),
        ("-1", "from: invalid digit found in string"),
        ("²", "from: invalid digit found in string"),
        ("", "from: cannot parse integer from empty string"),
        ("4294967296", "from: number too large to fit in target type"),
        ("9" * 5_000, "from: number too large to fit in target type"),
        ("1&from=2", "duplicate field `from`"),
    ],
)
def test_an_index_that_is_none(text: str, reason: str) -> None:
    response, gateway = ask_admin("PATCH", f"{RESTART}?from={text}")
    assert (response.status_code, response.text) == (400, f"Failed to deserialize query string: {reason}")
    assert not gateway.commands


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "bad length"),
        ("foo", "bad format"),
        ("dp_1foo", "bad length"),
        (f"{DEPLOYMENT[:-1]}-", "base62 decode error"),
    ],
)
@pytest.mark.parametrize("action", ["resume", "restart-as-new"])
def test_a_deployment_that_is_none(action: str, text: str, reason: str) -> None:
    response, gateway = ask_admin("PATCH", f"/invocations/{INVOCATION}/{action}?deployment={text}")
    assert_refused(response, 400, f"The query parameter 'deployment' is invalid. Reason: {reason}")
    assert not gateway.commands


def test_resuming_on_a_deployment() -> None:
    for text, command in (("Latest", "latest"), ("keep", "keep"), (DEPLOYMENT, DEPLOYMENT)):
        path = f"/invocations/{INVOCATION}/resume?deployment={text}"
        response, gateway = ask_admin("PATCH", path, lambda _: o.Done())
        assert (response.status_code, gateway.commands) == (200, [Resume(RAW_ID, command)])


REFUSALS: list[tuple[str, o.AnyOutcome, int, str, str]] = [
    (
        "restart-as-new",
        o.NotCompleted(RAW_ID),
        409,
        f"The invocation '{INVOCATION}' is still running.",
        f"Invocation '{INVOCATION}' is still running",
    ),
    (
        "restart-as-new",
        o.NotStarted(RAW_ID),
        425,
        f"The invocation '{INVOCATION}' cannot be restarted because it's not running yet.",
        f"Invocation '{INVOCATION}' cannot be restarted because it's not running yet",
    ),
    (
        "restart-as-new",
        o.InputGone(RAW_ID),
        410,
        f"The invocation '{INVOCATION}' cannot be restarted because the input is not available. This indicates that "
        "the journal was already purged, or not retained at all.",
        f"Invocation '{INVOCATION}' cannot be restarted because the input is not available",
    ),
    (
        "restart-as-new",
        o.NotRestartable(RAW_ID),
        422,
        f"Restarting the invocation '{INVOCATION}' is not supported. Restarting workflows is not supported, and "
        "restarting invocations created using the old service protocol.",
        f"Restarting invocation '{INVOCATION}' is not supported",
    ),
    (
        "restart-as-new",
        o.UnknownDeployment(RAW_ID),
        400,
        f"The given deployment was not found when trying to restart as new the invocation '{INVOCATION}'.",
        f"Deployment not found when restarting invocation '{INVOCATION}'",
    ),
    (
        "resume",
        o.UnknownDeployment(RAW_ID),
        400,
        f"The given deployment was not found when trying to resume the invocation '{INVOCATION}'.",
        f"Deployment not found when resuming invocation '{INVOCATION}'",
    ),
    (
        "resume",
        o.DeploymentFixed(RAW_ID),
        409,
        f"The invocation '{INVOCATION}' is still running or the deployment id is not pinned yet, "
        "deployment id cannot be changed.",
        f"Cannot change deployment ID for invocation '{INVOCATION}'",
    ),
    ("resume", o.Refused(409, "odd {braces}"), 409, "odd {braces}", "odd {braces}"),
    (
        "cancel",
        o.NotFound(RAW_ID),
        404,
        f"The requested invocation '{INVOCATION}' does not exist",
        f"Invocation '{INVOCATION}' not found",
    ),
    (
        "pause",
        o.NotRunning(RAW_ID),
        409,
        f"The invocation '{INVOCATION}' is not running, cannot be paused.",
        f"Invocation '{INVOCATION}' is not running, cannot be paused",
    ),
]


@pytest.mark.parametrize(("action", "outcome", "status", "text", "in_a_batch"), REFUSALS)
def test_refusals(action: str, outcome: o.AnyOutcome, status: int, text: str, in_a_batch: str) -> None:
    response, _ = ask_admin("PATCH", f"/invocations/{INVOCATION}/{action}", lambda _: outcome)
    assert_refused(response, status, text)
    batch, _ = ask_admin("POST", f"{BATCHES}/{action}", lambda _: outcome, json={"invocation_ids": [INVOCATION]})
    failed = [{"invocation_id": INVOCATION, "error": in_a_batch}]
    assert (batch.status_code, batch.json()) == (200, {"succeeded": [], "failed": failed})


def test_a_prefix_without_its_results() -> None:
    response, _ = ask_admin("PATCH", f"{RESTART}?from=2", lambda _: o.PrefixOpen(RAW_ID))
    text = f"The prefix of the journal '{INVOCATION}' up to 'from' (included) contains some Commands without "
    assert_refused(response, 400, f"{text}respective Completions.")


# --- batches ---


def test_each_of_a_batch_is_done_by_itself() -> None:
    def answer(command: AnyCommand) -> o.AnyOutcome:
        assert isinstance(command, Cancel)
        if command.invocation == RAW_OTHER:
            raise Overloaded("the queue is full")
        return o.Appended()

    body = {"invocation_ids": [INVOCATION, OTHER, INVOCATION], "unknown": 1}
    response, _ = ask_admin("POST", f"{BATCHES}/cancel", answer, json=body)
    failed = [{"invocation_id": OTHER, "error": "the queue is full"}]
    assert (response.status_code, response.json()) == (200, {"succeeded": [INVOCATION] * 2, "failed": failed})


def test_a_batch_of_restarts_tells_the_new_ids() -> None:
    body = {"invocation_ids": [INVOCATION], "deployment": DEPLOYMENT}
    response, gateway = ask_admin(
        "POST", f"{BATCHES}/restart-as-new", lambda _: o.Accepted(RAW_OTHER, existing=False), json=body
    )
    succeeded = [{"old_invocation_id": INVOCATION, "new_invocation_id": OTHER}]
    assert response.json() == {"succeeded": succeeded, "failed": []}
    assert gateway.commands == [RestartAsNew(RAW_ID, 0, DEPLOYMENT)]


@pytest.mark.parametrize(
    ("body", "status", "text"),
    [
        ({}, 422, "Failed to deserialize the JSON body into the target type: "),
        (
            {"invocation_ids": ["x"]},
            422,
            "Failed to deserialize the JSON body into the target type: invocation_ids[0]: ",
        ),
        ({"invocation_ids": [INVOCATION] * (BATCH_MAX + 1)}, 400, '{"message":"Batch size 1001 exceeds maximum'),
        ({"invocation_ids": [], "deployment": "x"}, 400, '{"message":"The request field \'deployment\' is invalid.'),
    ],
)
def test_batches_that_are_broken(body: Any, status: int, text: str) -> None:
    response, gateway = ask_admin("POST", f"{BATCHES}/resume", json=body)
    assert response.status_code == status
    assert response.text.startswith(text)
    assert not gateway.commands


def test_batches_of_what_is_not_there() -> None:
    assert ask_admin("POST", f"{BATCHES}/nope", json={"invocation_ids": []})[0].status_code == 404
    assert ask_admin("GET", f"{BATCHES}/kill")[0].status_code == 405


def test_all_methods_of_a_path_are_told() -> None:
    for path, allowed in (("/deployments", "GET,HEAD,POST"), (f"{BATCHES}/kill", "POST"), ("/v3/health", "GET,HEAD")):
        response, _ = ask_admin("PUT", path)
        assert (response.status_code, response.headers["allow"]) == (405, allowed)
