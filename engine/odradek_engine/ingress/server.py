"""The ingress as a node holds it: listens, counts the seconds, stops in good order."""

from __future__ import annotations

import asyncio
from email.utils import formatdate

from odradek_engine.gateway import Gateway
from odradek_engine.ingress.connections import Connections
from odradek_engine.ingress.dispatch import Dispatcher
from odradek_engine.ingress.limits import IngressLimits
from odradek_engine.ingress.protocol import HttpConnection
from odradek_engine.listening import listen
from odradek_engine.observe.ingress import IngressCounters


class IngressServer:
    """Serves HTTP/1.1 requests to handlers, in the loop that starts it."""

    def __init__(self, gateway: Gateway, limits: IngressLimits, counters: IngressCounters) -> None:
        self._gateway = gateway
        self.counters = counters
        self._connections = Connections(Dispatcher(gateway, limits, counters), limits, counters)
        self._server: asyncio.Server | None = None
        self._ticking: asyncio.TimerHandle | None = None
        self.port = 0
        """The port that is listened on, once started."""

    @property
    def open_connections(self) -> int:
        """How many clients are connected."""
        return len(self._connections.open)

    async def start(self, host: str, port: int) -> None:
        """Takes requests from now on; raises `CannotListen`. Port 0 takes a free one."""
        listener = listen("the ingress", "ingress.bind-port", host, port)
        self.port = listener.getsockname()[1]
        loop = asyncio.get_running_loop()
        connections = self._connections
        self._tick(loop)
        self._server = await loop.create_server(lambda: HttpConnection(connections), sock=listener)

    async def stop(self, deadline_seconds: float) -> None:
        """Takes nothing new; running requests get their answers until the deadline, then connections are dropped."""
        connections = self._connections
        connections.stopping = True
        if self._server is not None:
            self._server.close()
        connections.close_idle()
        try:
            await asyncio.wait_for(connections.all_closed(), deadline_seconds)
        except TimeoutError:
            connections.drop_all()
        if self._ticking is not None:
            self._ticking.cancel()

    def _tick(self, loop: asyncio.AbstractEventLoop) -> None:
        now_seconds = self._gateway.clock.now_ms() / 1000
        self._connections.date_line = f"date: {formatdate(now_seconds, usegmt=True)}\r\n".encode()
        self._connections.enforce_timeouts()
        self._ticking = loop.call_later(1.0, self._tick, loop)
