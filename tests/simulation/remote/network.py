"""The way between nodes and the hosts of deployments: a stream for each request, and what may befall it.

Nodes meet it as the transport of their remote deployments, hosts as the server that an application is mounted in.
Bytes stay in order and come in pieces of any size; a stream may be slow, break, or carry what no handler has said.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from odradek_engine.invoker.remote.address import Address
from odradek_engine.invoker.remote.attempt import RemoteAttempt
from odradek_engine.invoker.remote.transport import UNSENT_BYTES, Receiver, RequestHead
from odradek_engine.testing.process import Process, current_process
from simulation.remote.deployments import host_number

if TYPE_CHECKING:
    from simulation.remote.host import RemoteHost
    from simulation.world import World

NEAR_SECONDS: Final = (0.0002, 0.02)
FAR_SECONDS: Final = (0.05, 1.2)
NOTICED_SECONDS: Final = 3.0
"""So late at most one side learns that the other is gone."""
NARROW_BYTES: Final = 60
PIECES_MAX: Final = 12
PIECES_BYTES: Final = (1, 7, 40, 1_000, 1_000)
GARBAGE: Final = (b"HTTP/1.1 502 Bad Gateway\r\n\r\n", bytes(24), b"\xff" * 24, b"\x04\x01\x00\x00\xff\xff\xff\xff")
EXCHANGE_HEADER: Final = "x-simulated-exchange"

FATES: Final = (
    "no connection",
    "request refused",
    "request taken back",
    "connection lost",
    "response cut off",
    "garbage",
    "silence",
    "error page",
    "another protocol",
    "late words",
    "slow",
    "narrow",
)


class Fate(NamedTuple):
    """What befalls a request; `after`: so many pieces of its response come before that."""

    kind: str = ""
    after: int = 0


class Network:
    """All requests of a run."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.exchanges: dict[Exchange, None] = {}
        self.random = random.Random(f"{world.setting.seed} network")

    def draw_fate(self) -> Fate:
        """What will befall the next request."""
        if not self.world.faulty or self.random.random() >= self.world.setting.network_faults:
            return Fate()
        kind = self.random.choice(FATES)
        self.world.met[f"fault stream with {kind}"] += 1
        return Fate(kind, self.random.randint(0, PIECES_MAX) // 3)

    def node_died(self, process: Process) -> None:
        """Its streams end; hosts learn that by and by."""
        for exchange in [one for one in self.exchanges if one.process is process]:
            exchange.forsaken()

    def host_died(self, host: RemoteHost) -> None:
        """Its streams end."""
        for exchange in [one for one in self.exchanges if one.host is host]:
            exchange.lost()


class Connector:
    """A node's connector: `RemoteDeployments` asks it for the way to an address."""

    def __init__(self, network: Network) -> None:
        self._network = network

    def pool(self, address: Address, *, http1: bool) -> Way:
        """See `Connector` of the engine."""
        hosts = self._network.world.hosts
        return Way(self._network, hosts[host_number(address.host) % len(hosts)])


class Way:
    """Implements the engine's `Pool`."""

    idle = True

    def __init__(self, network: Network, host: RemoteHost) -> None:
        self._network = network
        self._host = host

    def request(self, head: RequestHead, receiver: Receiver) -> Exchange:
        """See `Requests`. In the node's process."""
        return Exchange(self._network, self._host, head, receiver)

    async def close(self) -> None:
        """See `Pool`."""
        process = current_process()
        for exchange in [one for one in self._network.exchanges if one.process is process and one.host is self._host]:
            exchange.lost()


class Exchange:
    """One request. Implements the engine's `Reservation` and `Stream`, and receive and send of ASGI."""

    def __init__(self, network: Network, host: RemoteHost, head: RequestHead, receiver: Receiver) -> None:
        process = current_process()
        assert process is not None
        self.process = process
        self.host = host
        self.head = head
        assert isinstance(receiver, RemoteAttempt)
        self.attempt: int = receiver._engine.attempt  # type: ignore[attr-defined]
        self._network = network
        self._loop = network.world.loop
        self._receiver = receiver
        self._fate = network.draw_fate()
        self._delays = FAR_SECONDS if self._fate.kind == "slow" else NEAR_SECONDS
        self._unsent = 0
        self._wants_room = False
        self._upwards: deque[dict[str, Any]] = deque()
        self._downwards: deque[tuple[Callable[..., None], tuple[Any, ...]]] = deque()
        self._input: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._served = False
        self._input_ended = False
        self._left = False
        """The node hears no more."""
        self._gone = False
        """The host knows that the node has left."""
        self._pieces = 0
        network.exchanges[self] = None
        self._loop.call_later(self._delay(), self._open)

    @property
    def heard(self) -> bool:
        """Whether the node still listens to what its handler says."""
        return not self._left and self.process.alive

    def _delay(self) -> float:
        return self._network.random.uniform(*self._delays)

    # --- the node's side ---

    def _open(self) -> None:
        if self._left:
            return
        if self._fate.kind == "no connection" or not self.host.alive:
            self._close()
            self._receiver.broken("connection refused")
            return
        self._receiver.opened(self)
        if self._fate.kind == "request refused":
            self._down(self._receiver.refused)

    def cancel(self) -> None:
        """See `Reservation`."""
        self._close()

    @property
    def unsent_bytes(self) -> int:
        """See `Stream`."""
        full = UNSENT_BYTES - NARROW_BYTES if self._fate.kind == "narrow" else 0
        self._wants_room = self._wants_room or self._unsent + full >= UNSENT_BYTES
        return self._unsent + full

    def write(self, data: bytes) -> None:
        """See `Stream`."""
        self._unsent += len(data)
        self._up({"type": "http.request", "body": data, "more_body": True})

    def end(self) -> None:
        """See `Stream`."""
        self._input_ended = True
        self._up({"type": "http.request", "body": b"", "more_body": False})

    def consumed(self, count: int) -> None:
        """See `Stream`."""

    def finish(self) -> None:
        """See `Stream`."""
        self._close()
        if not self._input_ended:
            self.end()

    def reset(self) -> None:
        """See `Stream`."""
        self._close()
        self._up({"type": "http.disconnect"})

    def _up(self, event: dict[str, Any]) -> None:
        self._upwards.append(event)
        self._loop.call_later_in_world(self._delay(), self._arrive)

    def _down(self, report: Callable[..., None], *details: Any) -> None:
        self._downwards.append((report, details))
        self.process.run(self._loop.call_later, self._delay(), self._come)

    def _come(self) -> None:
        """Something of the response comes to the node, or what fate puts in its place."""
        report: Callable[..., None] | None
        report, details = self._downwards.popleft()
        kind = self._fate.kind
        if self._left and kind != "late words":
            return
        self._pieces += 1
        if self._pieces > self._fate.after and kind in _STRANGE:
            kind, report, details = "", *_STRANGE[kind](self._network.random, self._receiver)
        if report is None:
            return
        report(*details)
        if report in (self._receiver.ended, self._receiver.broken, self._receiver.refused):
            self._close()
            self.forsaken()

    def _close(self) -> None:
        self._left = True
        self._network.exchanges.pop(self, None)

    # --- what befalls the ends ---

    def forsaken(self) -> None:
        """The node is gone, or was told that the host is: the host will know by and by."""
        self._close()
        late = self._network.random.uniform(0, NOTICED_SECONDS)
        self._loop.call_later_in_world(late, lambda: self._put({"type": "http.disconnect"}))

    def lost(self) -> None:
        """The host is gone: the node will know behind what is under way."""
        self._network.exchanges.pop(self, None)
        self._down(self._receiver.broken, "connection reset by peer")

    # --- the host's side ---

    def _arrive(self) -> None:
        event = self._upwards.popleft()
        self._unsent -= len(event.get("body", b""))
        if self._wants_room and self.process.alive:
            self._wants_room = False
            self.process.run(self._loop.call_soon, self._receiver.writable)
        if self._fate.kind not in ("request refused", "silence"):
            self._put(event)

    def _put(self, event: dict[str, Any]) -> None:
        if event["type"] == "http.disconnect":
            if self._gone:
                return
            self._gone = True
        if not self._served and not self._gone:
            self._served = True
            self.host.serve(self)
        self._input.put_nowait(event)

    async def receive(self) -> dict[str, Any]:
        """See ASGI."""
        return await self._input.get()

    async def send(self, event: Mapping[str, Any]) -> None:
        """See ASGI."""
        if self._gone:
            raise OSError("the stream was reset")
        if event["type"] == "http.response.start":
            headers = {name.decode(): value.decode() for name, value in event["headers"]}
            self._respond(event["status"], headers)
            return
        body = event["body"]
        while body:
            size = self._network.random.choice(PIECES_BYTES)
            if self._fate.kind == "garbage":
                size = len(body)  # it stands between messages: within one it would be taken for a part of it
            self._down(self._receiver.received, body[:size])
            body = body[size:]
        if not event["more_body"]:
            self._down(self._receiver.ended)

    def _respond(self, status: int, headers: dict[str, str]) -> None:
        if self._fate.kind == "error page":
            status, headers = 503, {"retry-after": "1"} if self._fate.after else {}
        if self._fate.kind == "another protocol":
            headers = {**headers, "content-type": "text/html"}
        self._down(self._receiver.responded, status, headers)


Report = tuple[Callable[..., None] | None, tuple[Any, ...]]


def _garbage(chance: random.Random, receiver: Receiver) -> Report:
    return receiver.received, (chance.choice(GARBAGE),)


_STRANGE: Final[dict[str, Callable[[random.Random, Receiver], Report]]] = {
    "request taken back": lambda _, receiver: (receiver.refused, ()),
    "connection lost": lambda _, receiver: (receiver.broken, ("connection reset by peer",)),
    "response cut off": lambda _, receiver: (receiver.ended, ()),
    "garbage": _garbage,
}
"""What comes instead of a piece of the response."""
