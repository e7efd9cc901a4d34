"""`Resume`: starts a paused, suspended or backing-off invocation now."""

from __future__ import annotations

from msgspec.structs import replace

from odradek_engine.model.commands import KEEP, LATEST, Resume
from odradek_engine.model.events import TimerCleared
from odradek_engine.model.outcomes import (
    AnyOutcome,
    DeploymentFixed,
    Done,
    NotStarted,
    Refused,
    UnknownDeployment,
)
from odradek_engine.model.rows import Invocation, Phase, Status, Timer, TimerKind
from odradek_engine.partition.decide.decision import Decision
from odradek_engine.partition.decide.finding import find_unfinished
from odradek_engine.partition.decide.placing import bound_to, is_bound, knows_deployment
from odradek_engine.partition.decide.starting import start_again


def decide(d: Decision, command: Resume) -> None:
    """A running one is left alone."""
    found = find_unfinished(d, command.invocation)
    if found is None:
        return
    invocation, status = found
    if status.phase in (Phase.SCHEDULED, Phase.INBOXED):
        d.answer(NotStarted(command.invocation))
        return
    placed = _placed(d, invocation, status, command.deployment)
    if not isinstance(placed, Status):
        d.answer(placed)
        return
    d.answer(Done())
    if status.phase is Phase.INVOKED:
        if status.retry is None or status.retry.next_retry_at is None:
            return
        d.emit(TimerCleared(Timer(status.retry.next_retry_at, TimerKind.RETRY, command.invocation, status.attempt)))
    start_again(d, invocation, placed)


def _placed(d: Decision, invocation: Invocation, status: Status, deployment: str) -> Status | AnyOutcome:
    """Where it goes on. The journal binds it to the deployment that made it, until an operator moves it."""
    if deployment == KEEP:
        return status
    bound = is_bound(d, invocation, status)
    if status.phase is Phase.INVOKED or not (bound or deployment == LATEST):
        return DeploymentFixed(invocation.id)
    if deployment == LATEST:
        handler = d.schema.handler(invocation.target.service, invocation.target.handler)
        if not bound or handler is None:
            return status
        deployment = handler.deployment
    elif not knows_deployment(d, deployment):
        return UnknownDeployment(invocation.id)
    return _moved(d, status, deployment)


def _moved(d: Decision, status: Status, deployment: str) -> Status | Refused:
    """A journal goes on in the version of the protocol that it began in."""
    moved = bound_to(d, status, deployment)
    spoken, there = status.protocol_version, d.schema.deployments.get(deployment)
    if not (spoken and moved.protocol_version and there is not None):
        return moved
    if there.min_protocol_version <= spoken <= there.max_protocol_version:
        return replace(moved, protocol_version=spoken)
    versions = f"{there.min_protocol_version} to {there.max_protocol_version}"
    reason = f"its journal has version {spoken} of the protocol, the deployment speaks versions {versions}"
    return Refused(409, f"The invocation cannot go on with the deployment '{deployment}': {reason}.")
