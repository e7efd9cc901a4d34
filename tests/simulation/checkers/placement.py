"""Services stay where they are registered, and a journal goes on at the deployment that has begun it."""

from __future__ import annotations

from collections.abc import Mapping

from odradek_engine.model import events as e
from odradek_engine.model.commands import KEEP
from simulation.checkers.port import Checker, Handle, Watched, hexed
from simulation.history import Moment
from simulation.plan import Request


class Placement(Checker):
    """A node that starts again takes no service over; an operator alone moves an invocation."""

    name = "placement"

    def __init__(self, run: Watched) -> None:
        super().__init__(run)
        self._serving: dict[str, str] = {}
        """Which deployment serves a service."""
        self._moved: dict[bytes, None] = {}
        """Invocations that somebody has asked to be moved."""

    def handles(self) -> Mapping[type, Handle]:
        return {
            e.DeploymentRegistered: self._registered,
            e.DeploymentRemoved: self._removed,
            e.StatusChanged: self._changed,
        }

    def _registered(self, event: e.DeploymentRegistered, moment: Moment) -> None:
        for service in event.services:
            name = service.manifest.name
            if event.deployment.in_process and name in self._serving:
                self.violated(f"a node that starts takes {name} over from {self._serving[name]}, with its settings")
            self._serving[name] = event.deployment.id
        self._forget(event.gone)

    def _removed(self, event: e.DeploymentRemoved, moment: Moment) -> None:
        self._forget(event.services)

    def _forget(self, services: tuple[str, ...]) -> None:
        for name in services:
            self._serving.pop(name, None)

    def asked(self, request: Request, invocation: bytes) -> None:
        if request.kind == "resume" and request.body not in (None, KEEP):
            self._moved[invocation] = None

    def _changed(self, event: e.StatusChanged, moment: Moment) -> None:
        known = self.history.invocations.get(event.invocation)
        if known is None or known.status is None or not known.status.pinned or event.invocation in self._moved:
            return
        before, after = known.status, event.status
        if (before.deployment, before.protocol_version) != (after.deployment, after.protocol_version):
            self.violated(
                f"{hexed(event.invocation)} goes on at '{after.deployment}' version {after.protocol_version}, "
                f"its journal is of '{before.deployment}' version {before.protocol_version}"
            )
