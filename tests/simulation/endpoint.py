"""Stands between the engine and the application's handlers: watches what handlers get, and delays what they say.

What is delayed still comes when the attempt is void by then: a handler that answers late, or from an old attempt.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from odradek.driver.endpoint import InProcessEndpoint
from odradek.endpoint import Application
from odradek.protocol.attempt import Endpoint, EngineSide, HandlerEnvironment, HandlerSide
from odradek.protocol.manifest import EndpointManifest
from odradek.protocol.messages import EngineMessage, Entry, HandlerMessage, Start
from odradek_engine.invoker.attempts import LiveAttempt
from simulation.handlers import application, manifest
from simulation.history import Known
from simulation.outside import LIFE_HEADER

if TYPE_CHECKING:
    from simulation.world import World

LATE_SECONDS = (0.001, 4.0)


class WatchedApplication(Application):
    """The application of a run."""

    def __init__(self, world: World) -> None:
        self.services: Mapping[str, Any] = application.services  # type: ignore[assignment]
        self._world = world

    def manifest(self) -> EndpointManifest:
        """See `Application`."""
        return manifest()

    def bind(self, environment: HandlerEnvironment) -> Endpoint:
        """See `Application`."""
        return _WatchedEndpoint(InProcessEndpoint(application.services, environment), self._world)


def life_header(known: Known | None) -> Mapping[str, str]:
    """Tells a handler which life its attempt is of."""
    return {LIFE_HEADER: str(0 if known is None else known.life)}


class _WatchedEndpoint:
    def __init__(self, endpoint: InProcessEndpoint, world: World) -> None:
        self._endpoint = endpoint
        self._world = world

    def start(
        self, service: str, handler: str, start: Start, journal: Sequence[Entry], engine: EngineSide
    ) -> HandlerSide:
        world = self._world
        assert isinstance(engine, LiveAttempt)
        found = self._endpoint.find(service, handler)
        assert found is not None
        known = world.handler_started(start, journal, engine.attempt)
        late = world.draw_lateness()
        return _WatchedSide(
            known,
            self._endpoint.open(found, start, journal, _Line(engine, late) if late else engine, life_header(known)),
            world,
        )


class _WatchedSide:
    def __init__(self, known: Known | None, side: HandlerSide, world: World) -> None:
        self._known = known
        self._side = side
        self._world = world
        self.close_input = side.close_input
        self.abort = side.abort

    def deliver(self, messages: Sequence[EngineMessage]) -> None:
        self._world.handler_heard(self._known, messages)
        self._side.deliver(messages)


class _Line:
    """A slow way from a handler to the engine: in order, each stretch `late` seconds later."""

    def __init__(self, engine: EngineSide, late: float) -> None:
        self._engine = engine
        self._late = late
        self._under_way: deque[Sequence[HandlerMessage]] = deque()

    def send(self, messages: Sequence[HandlerMessage]) -> None:
        self._under_way.append(messages)
        asyncio.get_running_loop().call_later(self._late, self._arrive)

    def _arrive(self) -> None:
        self._engine.send(self._under_way.popleft())
