"""Clients: each carries one request through, asking again for as long as its patience and its tries last."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from odradek.protocol.ids import format_invocation_id
from odradek_engine.gateway import Overloaded
from odradek_engine.model.outcomes import AnyOutcome
from odradek_engine.model.registry import HandlerSchema
from odradek_engine.node.node import REGISTRY_PARTITION
from odradek_engine.partition.routing import new_invocation_id
from odradek_engine.store.port import StoreError
from simulation.asking import INVOKING, OF_NO_INVOCATION, OF_THE_REGISTRY, command_of, idempotency_key, target_of
from simulation.plan import Request
from simulation.reading import StateRead

if TYPE_CHECKING:
    from simulation.machine import Machine
    from simulation.world import World

AGAIN_SECONDS: Final = 0.2
"""Between two tries where nobody answers the door."""
PATIENT_SECONDS: Final = 100.0
"""Everybody's patience when the faults are over: whoever asks again too soon may be too late for ever, where little
room is kept for results."""


class _Connection:
    """One try: a command on its way to a node, and its answer on the way back."""

    def __init__(self, client: Client, machine: Machine) -> None:
        self.client: Client | None = client
        self._machine = machine
        self._process = machine.process

    def arrive(self, machine: Machine) -> None:
        """The node reads the request. In its process."""
        client = self.client
        if client is None:
            return
        world = client.world
        try:
            if not machine.serving_now:
                raise Overloaded("not ready yet")
            if client.request.kind == "state":
                world.loop.create_task(self._read_state(machine, client.request))
                return
            command = command_of(client.request, client.invocation, machine)
            if client.request.kind in OF_THE_REGISTRY:
                machine.node.processors[REGISTRY_PARTITION].submit(command, self._reply)
            else:
                machine.node.submit(command, self._reply)
        except Overloaded:
            world.loop.call_in_world(self.broken)

    async def _read_state(self, machine: Machine, request: Request) -> None:
        try:
            self._reply(StateRead(await machine.node.object_state(request.service, request.key)))
        except StoreError as error:
            machine.cannot_go_on(error)

    def _reply(self, outcome: AnyOutcome | StateRead) -> None:
        """The node answers. In its process."""
        if self._process.alive and self.client is not None:
            self.client.world.loop.call_in_world(lambda: self._heard(outcome))

    def _heard(self, outcome: AnyOutcome | StateRead) -> None:
        client = self.client
        if client is not None:
            self.close()
            client.answered(outcome)

    def broken(self) -> None:
        """The node died, or takes nothing now."""
        client = self.client
        if client is not None:
            self.close()
            client.try_later()

    def close(self) -> None:
        """Nobody listens any more."""
        self.client = None
        self._machine.hang_up(self)


class Client:
    """One request."""

    def __init__(self, world: World, request: Request) -> None:
        self.world = world
        self.request = request
        self.invocation = b""
        self.begun_at = world.time()
        self.answered_at: float | None = None
        self.outcome: AnyOutcome | StateRead | None = None
        self.gone = False
        """It waits no more, answer or not."""
        self._tries = 0
        self._connection: _Connection | None = None
        self._timer: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        """Asks for the first time."""
        invocation = self.world.clients.invocation_of(self.request)
        if invocation is None:
            self.gone = True  # what it is about was cut out of the plan
            return
        self.invocation = invocation
        self._try()

    def _try(self) -> None:
        self._timer = None
        if self._tries >= self.request.tries:
            self.gone = True
            return
        machines = self.world.machines
        machine = machines[(self.request.node + self._tries) % len(machines)]
        self._tries += 1
        if not machine.alive:
            self.try_later()
            return
        self.world.asked(self)
        self._connection = connection = _Connection(self, machine)
        patience = self.request.patience if self.world.faulty else PATIENT_SECONDS
        self._timer = self.world.later(patience, self._out_of_patience)
        machine.connect(connection)

    def _out_of_patience(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._try()

    def try_later(self) -> None:
        """Somebody else, or the same again in a moment."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self.world.later(AGAIN_SECONDS, self._try)

    def answered(self, outcome: AnyOutcome | StateRead) -> None:
        """The answer is there."""
        if self._timer is not None:
            self._timer.cancel()
        self.answered_at = self.world.time()
        self.outcome = outcome
        self.gone = True
        self.world.replied(self)


class Clients:
    """All of a run."""

    def __init__(self, world: World, kinds: dict[tuple[str, str], HandlerSchema]) -> None:
        self.all: list[Client] = []
        self._world = world
        self._kinds = kinds
        self._ids: dict[int, bytes] = {}
        for request in world.plan.requests:
            if request.kind in INVOKING:
                self.invocation_of(request)

    def begin(self, request: Request) -> Client:
        """A client comes along."""
        client = Client(self._world, request)
        self.all.append(client)
        client.begin()
        return client

    def invocation_of(self, request: Request) -> bytes | None:
        """The invocation that a request begins or is about."""
        if request.kind in OF_NO_INVOCATION:
            return b""
        if request.kind not in INVOKING:
            return self._ids.get(request.subject)
        kind = self._kinds[request.service, request.handler].kind
        invocation = new_invocation_id(target_of(request, kind), idempotency_key(request, kind), bytes(16))
        self._ids[request.number] = invocation
        return invocation

    def begun_by(self, number: int) -> str | None:
        """The invocation of a request, as text."""
        invocation = self._ids.get(number)
        return None if invocation is None else format_invocation_id(invocation)

    def about(self, number: int, invocation: bytes) -> None:
        """Lets requests be about an invocation that no request began."""
        self._ids[number] = invocation

    @property
    def waiting(self) -> list[Client]:
        """Who has no answer, and still wants one."""
        return [client for client in self.all if not client.gone]
