"""A machine at which a deployment's handlers are served: our SDK's door for engines, in a process of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from odradek.driver.attempt import NO_HEADERS, Attempt
from odradek.driver.endpoint import InProcessEndpoint
from odradek.handler import Handler
from odradek.protocol.attempt import EngineSide
from odradek.protocol.messages import EngineMessage, Entry, Start
from odradek.remote.door import Door
from odradek_engine.testing.host import VirtualEnvironment
from odradek_engine.testing.process import Process
from simulation.clock import MachineClock
from simulation.endpoint import life_header
from simulation.handlers import application
from simulation.history import Known
from simulation.remote.network import EXCHANGE_HEADER

if TYPE_CHECKING:
    from simulation.remote.network import Exchange
    from simulation.world import World

RESTART_SECONDS: Final = 1.0


class RemoteHost:
    """Serves, dies, serves again."""

    def __init__(self, world: World, number: int) -> None:
        self.number = number
        self.world = world
        self.served: list[Exchange] = []
        """Every request that has come, by its number."""
        self._lives = 0
        self.begin()

    @property
    def alive(self) -> bool:
        """Whether it serves."""
        return self.process.alive

    def begin(self) -> None:
        """A new life."""
        self._lives += 1
        self.process = Process(f"host {self.number}, life {self._lives}")
        self._door = self.process.run(_make_door, self)

    def die(self) -> None:
        """Everything that runs here is gone; it starts again soon."""
        if self.alive:
            self.world.trace.note(f"host {self.number} dies")
            self.end()
            self.world.network.host_died(self)
            self.world.later(RESTART_SECONDS, self.begin)

    def end(self) -> None:
        """The run is over."""
        self.world.loop.kill(self.process)

    def serve(self, exchange: Exchange) -> None:
        """A request has come."""
        if self.alive:
            self.served.append(exchange)
            answer = self._door(_scope(exchange, len(self.served) - 1), exchange.receive, exchange.send)
            self.process.run(self.world.loop.create_task, answer)


def _make_door(host: RemoteHost) -> Door:
    door = Door(application)
    door._endpoint = _WatchedEndpoint(host)
    return door


def _scope(exchange: Exchange, number: int) -> dict[str, Any]:
    headers = {**exchange.head.headers, EXCHANGE_HEADER: str(number)}
    return {
        "type": "http",
        "method": exchange.head.method,
        "path": exchange.head.path,
        "http_version": "2",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }


class _WatchedEndpoint(InProcessEndpoint):
    """Tells the world what handlers get."""

    def __init__(self, host: RemoteHost) -> None:
        world = host.world
        environment = VirtualEnvironment(MachineClock(world.loop), lambda _target, _step: None)  # type: ignore[arg-type]
        super().__init__(application.services, environment)
        self._host = host

    def open(
        self,
        handler: Handler[Any, Any],
        start: Start,
        journal: Sequence[Entry],
        engine: EngineSide,
        headers: Mapping[str, str] = NO_HEADERS,
    ) -> Attempt:
        """See the SDK."""
        exchange = self._host.served[int(headers[EXCHANGE_HEADER])]
        known = self._host.world.handler_started(start, journal, exchange.attempt, heard=exchange.heard)
        attempt = super().open(handler, start, journal, engine, life_header(known))
        return _WatchedAttempt(attempt, known, self._host.world)  # type: ignore[return-value]


class _WatchedAttempt:
    """An attempt, and whose life it is of."""

    def __init__(self, attempt: Attempt, known: Known | None, world: World) -> None:
        self._attempt = attempt
        self._known = known
        self._world = world
        self.close_input = attempt.close_input
        self.abort = attempt.abort
        self.pause = attempt.pause
        self.resume = attempt.resume

    def deliver(self, messages: Sequence[EngineMessage]) -> None:
        """See `HandlerSide`."""
        self._world.handler_heard(self._known, messages)
        self._attempt.deliver(messages)
