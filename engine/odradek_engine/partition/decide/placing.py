"""On which deployment an operator has an invocation go on, where he names one."""

from __future__ import annotations

from msgspec.structs import replace

from odradek_engine.model.rows import Invocation, Status
from odradek_engine.partition.decide.decision import Decision


def knows_deployment(d: Decision, deployment: str) -> bool:
    """Whether there is a deployment of this id."""
    return deployment in d.schema.deployments


def bound_to(d: Decision, status: Status, deployment: str) -> Status:
    """All further attempts run on a deployment that is known by its id."""
    version = d.schema.protocol_versions.get(deployment)
    if version is None:
        return replace(status, deployment="", protocol_version=0, pinned=True)
    return replace(status, deployment=deployment, protocol_version=version, pinned=True)


def is_bound(d: Decision, invocation: Invocation, status: Status) -> bool:
    """Whether its journal was made with one deployment, which its attempts must stay with unless it is moved."""
    return status.pinned or (not status.deployment and d.tables.journal_summary(invocation.id).command_count > 1)
