"""An engine that calls a deployment over real connections, and a handler that echoes."""

from __future__ import annotations

from typing import Any

from fake_endpoint import Handler
from scripted_transport import INPUT, ListeningEngine

from odradek.protocol import messages as m
from odradek.protocol.codec import CODECS
from odradek_engine.invoker.remote.address import parse_address
from odradek_engine.invoker.remote.attempt import Terms
from odradek_engine.invoker.remote.connecting import Connector, Pool, TlsFiles
from odradek_engine.invoker.remote.endpoint import RemoteEndpoint
from odradek_engine.invoker.remote.transport import Timing

MIB = 1024 * 1024
QUICK = Timing(connect=0.3, ping_after=0.05, pong_within=0.1, idle=0.1, drain=0.1, check=0.01)
PATIENT = Timing()


class Caller:
    """An engine with a deployment."""

    def __init__(self, pool: Pool, *, version: int = 7, duplex: bool = True) -> None:
        terms = Terms(CODECS[version], "there", duplex, 33 * MIB, lambda: 0)
        self.endpoint = RemoteEndpoint(terms, pool, {"x-team": "a"})
        self.engines: list[ListeningEngine] = []
        self.attempts: list[Any] = []

    def begin(self, *journal: Any, key: str = "", engine: ListeningEngine | None = None) -> tuple[ListeningEngine, Any]:
        entries = journal or (INPUT,)
        start = m.Start(b"i" * 24, "inv_1", len(entries), {}, False, key, 0, 0, 7)
        engine = engine or ListeningEngine()
        attempt = self.endpoint.start("S", "h", start, entries, engine)
        self.engines.append(engine)
        self.attempts.append(attempt)
        return engine, attempt


def pool_at(url: str, *, http1: bool = False, timing: Timing = PATIENT, tls: TlsFiles = TlsFiles()) -> Pool:
    return Connector(timing, tls=tls).pool(parse_address(url), http1=http1)


async def echo(exchange: Any) -> None:
    """A handler that ends with its input."""
    handler = Handler(exchange)
    _, entry, *_ = await handler.begin()
    await handler.say(m.OutputCommand(entry.value), m.End())
    await exchange.end()


def done(engine: ListeningEngine) -> bool:
    return bool(engine.messages and isinstance(engine.messages[-1], m.End)) or bool(engine.failures)


def outcome(engine: ListeningEngine) -> Any:
    assert engine.failures == []
    return engine.messages


ECHOED = [m.OutputCommand(INPUT.value), m.End()]
