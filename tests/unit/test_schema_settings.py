"""Settings are resolved field by field: a handler's own, then its service's, then the node's."""

from __future__ import annotations

from datetime import timedelta

import odradek
from odradek.protocol.manifest import OnMaxAttempts
from odradek_engine.config import Config
from odradek_engine.model.registry import Deployment, HandlerSchema, RegisteredService, RetryPolicy
from odradek_engine.model.target import TargetKind
from odradek_engine.schema import build_schema

HOUR = 3_600_000
DAY = 24 * HOUR

svc = odradek.Service(
    "Svc",
    idempotency_retention=timedelta(hours=2),
    journal_retention=timedelta(hours=1),
    invocation_retry_policy=odradek.InvocationRetryPolicy(initial_interval=timedelta(seconds=1), max_attempts=7),
)
flow = odradek.Workflow("Flow", idempotency_retention=timedelta(hours=2))
plain = odradek.Workflow("Plain")


@svc.handler()
async def inherits(ctx: odradek.Context) -> None: ...


@svc.handler(
    idempotency_retention=timedelta(0),
    invocation_retry_policy=odradek.InvocationRetryPolicy(exponentiation_factor=3, on_max_attempts="kill"),
)
async def overrides(ctx: odradek.Context) -> None: ...


@flow.main(workflow_retention=timedelta(hours=5))
async def run(ctx: odradek.WorkflowContext) -> None: ...


@flow.handler()
async def shared(ctx: odradek.WorkflowSharedContext) -> None: ...


@plain.main("run")
async def plain_run(ctx: odradek.WorkflowContext) -> None: ...


MANIFESTS = odradek.app([svc, flow, plain]).manifest().services


def resolved(service: str, handler: str) -> HandlerSchema:
    services = [RegisteredService(each, "dp", 1) for each in MANIFESTS]
    found = build_schema(services, [Deployment("dp", 0, "", 5, 7, MANIFESTS)], Config()).handler(service, handler)
    assert found is not None
    return found


def test_retry_policies_are_merged_field_by_field() -> None:
    assert resolved("Svc", "inherits").retry == RetryPolicy(1000, 2.0, 60_000, 7, OnMaxAttempts.PAUSE)
    assert resolved("Svc", "overrides").retry == RetryPolicy(1000, 3.0, 60_000, 7, OnMaxAttempts.KILL)
    assert resolved("Flow", "run").retry == RetryPolicy(500, 2.0, 60_000, 70, OnMaxAttempts.PAUSE)


def test_retentions() -> None:
    for service, handler, completion, journal in (
        ("Svc", "inherits", 2 * HOUR, HOUR),
        ("Svc", "overrides", 0, HOUR),
        ("Flow", "run", 5 * HOUR, DAY),
        ("Flow", "shared", 2 * HOUR, DAY),
        ("Plain", "run", DAY, DAY),
    ):
        found = resolved(service, handler)
        assert (found.completion_retention, found.journal_retention) == (completion, journal), handler


def test_kinds() -> None:
    kinds = {name: resolved("Flow", name).kind for name in ("run", "shared")}
    assert kinds == {"run": TargetKind.WORKFLOW_RUN, "shared": TargetKind.WORKFLOW_SHARED}
