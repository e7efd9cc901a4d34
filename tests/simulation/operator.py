"""What people and the outside world do when the faults are over, until everything has ended that can end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from odradek.protocol.codec import MAX_VERSION
from odradek.protocol.ids import parse_awakeable_id, parse_invocation_id
from odradek.protocol.messages import GetPromiseCommand
from odradek_engine.model.commands import KEEP, LATEST
from odradek_engine.model.rows import Phase, Status
from odradek_engine.node.node import Node
from odradek_engine.query.source import InvocationRow
from odradek_engine.store.port import StoreError
from simulation.handlers import manifest
from simulation.plan import Request
from simulation.remote.deployments import host_of
from simulation.waiting import blocked_for_good

if TYPE_CHECKING:
    from simulation.machine import Machine
    from simulation.world import World

FIRST_NUMBER: Final = 1_000_000
"""Of the requests that the operator makes."""


class Operator:
    """Looks at what is under way, and helps where help is meant to come from outside."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._next = FIRST_NUMBER
        self._done: dict[tuple[str, str], None] = {}

    def look(self, machine: Machine) -> list[InvocationRow]:
        """Helps; what is still under way."""
        try:
            return self._look(machine.node)
        except StoreError as error:
            machine.cannot_go_on(error)
            return []

    def _look(self, node: Node) -> list[InvocationRow]:
        rows = [row for row in node.open_rows().invocations(None) if row.status is not None]
        self._see_to_services(node)
        open_ids = {row.invocation.id: row for row in rows}
        self._answer_awakeables(open_ids)
        self._send_signals(open_ids)
        for row in rows:
            assert row.status is not None
            if row.status.phase is Phase.PAUSED:
                self._about("resume", row.invocation.id, self._where(node, row.status))
            self._see_to_deployments(node, row)
            self._keep_promises(row, row.status)
        for invocation in blocked_for_good(node, rows):
            self._about("kill", invocation)
        return rows

    def _where(self, node: Node, status: Status) -> str:
        """On another deployment where its own is gone."""
        return KEEP if not status.deployment or status.deployment in node.schema.deployments else LATEST

    def _see_to_services(self, node: Node) -> None:
        """Somebody has removed the deployment that served them: it is registered again."""
        if all(service.name in node.schema.services for service in manifest().services):
            return
        if self._once("deployment", "again"):
            self._deploy("register", "dp_again", 0)

    def _see_to_deployments(self, node: Node, row: InvocationRow) -> None:
        """Where an invocation is to go on, its journal's version is spoken from now on."""
        assert row.status is not None
        service = node.schema.services.get(row.invocation.target.service)
        for name in (row.status.deployment, "" if service is None else service.deployment):
            deployment = node.schema.deployments.get(name)
            if deployment is None or row.status.protocol_version <= deployment.max_protocol_version:
                continue
            if not deployment.in_process and not self._moves(deployment.id):
                self._deploy("move", deployment.id, host_of(deployment))

    def _moves(self, deployment: str) -> bool:
        """Whether it is being moved. Done once is not for good: a client may still ask for what it was before."""
        asked = [client.request for client in self._world.clients.waiting]
        return any(one.kind == "move" and one.body["id"] == deployment for one in asked)

    def _deploy(self, kind: str, deployment: str, host: int) -> None:
        self._next += 1
        body = {"id": deployment, "host": host, "duplex": True, "version": MAX_VERSION, "overwrite": True}
        self._world.clients.begin(Request(self._next, 0.0, kind, body=body))
        self._next += 1

    def _about(self, kind: str, invocation: bytes, body: object = None) -> None:
        number = self._next
        self._next += 2
        self._world.clients.about(number, invocation)
        self._world.clients.begin(Request(number + 1, 0.0, kind, subject=number, body=body))

    def _once(self, kind: str, what: str) -> bool:
        """Whether that was not done before."""
        if (kind, what) in self._done:
            return False
        self._done[kind, what] = None
        return True

    def _answer_awakeables(self, open_ids: dict[bytes, InvocationRow]) -> None:
        for place, name in list(self._world.outside.awakeables.items()):
            invocation, signal = parse_awakeable_id(name)
            if invocation in open_ids and self._once("awakeable", place):
                self._about("signal", invocation, [signal, "at last"])

    def _send_signals(self, open_ids: dict[bytes, InvocationRow]) -> None:
        for place, (text, name) in list(self._world.outside.signals.items()):
            invocation = parse_invocation_id(text)
            if invocation in open_ids and self._once("signal", place):
                self._about("signal", invocation, [name, "at last"])

    def _keep_promises(self, row: InvocationRow, status: Status) -> None:
        if row.invocation.target.service != "Flow" or status.phase is not Phase.SUSPENDED:
            return
        known = self._world.history.invocations[row.invocation.id]
        for entry in known.entries:
            life = f"promise of life {known.life} of {row.invocation.target.key}"
            if isinstance(entry, GetPromiseCommand) and self._once(life, entry.key):
                self._next += 1
                body = [entry.key, "at last", None]
                key = row.invocation.target.key
                request = Request(self._next, 0.0, "send", 0, "Flow", "answer", key, body)
                self._next += 1
                self._world.clients.begin(request)
