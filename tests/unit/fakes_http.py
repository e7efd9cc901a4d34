"""A gateway that records commands and answers as a test says, and a schema to go with it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import cast

import httpx

from odradek.protocol.manifest import (
    HandlerManifest,
    HandlerType,
    InputRule,
    OnMaxAttempts,
    OutputRule,
    ServiceManifest,
    ServiceType,
)
from odradek_engine.gateway import Clock, QueryError, Reply
from odradek_engine.ingress.limits import IngressLimits
from odradek_engine.ingress.server import IngressServer
from odradek_engine.log.port import Log
from odradek_engine.model.commands import AnyCommand, Invoke
from odradek_engine.model.outcomes import Accepted, AnyOutcome, Done, Ended
from odradek_engine.model.registry import Deployment, HandlerSchema, RegisteredService, RetryPolicy, Schema
from odradek_engine.model.rows import KafkaCluster, Result, Subscription
from odradek_engine.model.target import TargetKind
from odradek_engine.observe.ingress import IngressCounters

NOW_MS = 1_795_357_391_533
DAY_MS = 86_400_000
DEPLOYMENT_ID = "dp_15lbvI90g2SRFQZxGuHuYFz"
RETRY = RetryPolicy(500, 2.0, 60_000, 70, OnMaxAttempts.PAUSE)
JSON = "application/json"


def handler(
    service: str,
    name: str,
    kind: TargetKind = TargetKind.SERVICE,
    *,
    public: bool = True,
    input_type: str | None = None,
    required: bool = False,
    body_required: bool = False,
    output_type: str | None = JSON,
    if_empty: bool = False,
) -> HandlerSchema:
    return HandlerSchema(
        service=service,
        handler=name,
        kind=kind,
        public=public,
        completion_retention=DAY_MS,
        journal_retention=DAY_MS,
        inactivity_timeout=60_000,
        abort_timeout=600_000,
        lazy_state=False,
        retry=RETRY,
        input_required=required,
        input_content_type=input_type,
        input_body_required=body_required,
        output_content_type=output_type,
        output_content_type_if_empty=if_empty,
    )


HANDLERS = (
    handler("Svc", "greet", input_type=JSON, body_required=True),
    handler("Svc", "must", input_type=JSON, required=True),
    handler("Svc", "noin"),
    handler("Svc", "raw", input_type="*/*"),
    handler("Svc", "text", input_type="text/*", output_type="text/plain", if_empty=True),
    handler("Svc", "nothing", output_type=None),
    handler("Priv", "h", public=False),
    handler("Obj", "add", TargetKind.OBJECT_EXCLUSIVE, input_type=JSON),
    handler("Obj", "get", TargetKind.OBJECT_SHARED),
)
TYPES = {
    "Svc": ServiceType.SERVICE,
    "Priv": ServiceType.SERVICE,
    "Obj": ServiceType.VIRTUAL_OBJECT,
}


def _manifest(schema: HandlerSchema) -> HandlerManifest:
    types = {TargetKind.OBJECT_EXCLUSIVE: HandlerType.EXCLUSIVE, TargetKind.OBJECT_SHARED: HandlerType.SHARED}
    rule = None
    if schema.input_content_type is not None:
        rule = InputRule(required=schema.input_required, content_type=schema.input_content_type)
    return HandlerManifest(
        name=schema.handler,
        ty=types.get(schema.kind),
        input=rule,
        output=OutputRule(content_type=schema.output_content_type),
    )


def make_schema(handlers: Sequence[HandlerSchema] = HANDLERS) -> Schema:
    manifests = {
        name: ServiceManifest(
            name=name,
            ty=ty,
            ingress_private=name == "Priv",
            handlers=tuple(_manifest(each) for each in handlers if each.service == name),
        )
        for name, ty in TYPES.items()
    }
    deployment = Deployment(DEPLOYMENT_ID, NOW_MS, "odradek/0.1", 5, 7, tuple(manifests.values()))
    return Schema(
        services={name: RegisteredService(manifest, deployment.id, 1) for name, manifest in manifests.items()},
        handlers={(each.service, each.handler): each for each in handlers},
        deployments={deployment.id: deployment},
    )


class FakeClock:
    def __init__(self) -> None:
        self.now = NOW_MS

    def now_ms(self) -> int:
        return self.now

    def monotonic(self) -> float:
        return self.now / 1000


def echo(command: AnyCommand) -> AnyOutcome:
    """Every call ends with its input, every send is accepted, everything else is done."""
    if isinstance(command, Invoke):
        invocation = command.invocation
        if command.wait:
            return Ended(invocation.id, Result(value=command.input.value))
        return Accepted(invocation.id, existing=False, execution_time=invocation.execution_time)
    return Done()


class FakeGateway:
    """`answer(command)`: the outcome of a command; it may raise, and None leaves the command without a reply."""

    partitions = 4

    def __init__(self, answer: Callable[[AnyCommand], AnyOutcome | None] = echo, log: Log | None = None) -> None:
        self.answer = answer
        self.clock: Clock = FakeClock()
        self.schema = make_schema()
        self.kafka_clusters: Mapping[str, KafkaCluster] = {}
        self.subscriptions: Mapping[str, Subscription] = {}
        self.states: dict[tuple[str, str], dict[bytes, bytes]] = {}
        self.statuses: dict[str, str] = {}
        self.lags: dict[str, dict[int, tuple[int, int]]] = {}
        self.commands: list[AnyCommand] = []
        self.replies: list[Reply] = []
        self.detached: list[tuple[bytes, Reply]] = []
        self.rows: Sequence[Mapping[str, object]] | QueryError = []
        self._random = 0
        self.log = cast(Log, log)

    def random_bytes(self, count: int) -> bytes:
        self._random += 1
        return self._random.to_bytes(count, "big")

    def submit(self, command: AnyCommand, reply: Reply) -> None:
        outcome = self.answer(command)
        self.commands.append(command)
        self.replies.append(reply)
        if outcome is not None:
            asyncio.get_running_loop().call_soon(reply, outcome)

    def detach(self, invocation: bytes, reply: Reply) -> None:
        self.detached.append((invocation, reply))

    async def ask(self, command: AnyCommand) -> AnyOutcome:
        outcome = self.answer(command)
        self.commands.append(command)
        assert outcome is not None
        return outcome

    async def ask_registry(self, command: AnyCommand) -> AnyOutcome:
        return await self.ask(command)

    async def object_state(self, service: str, key: str) -> Mapping[bytes, bytes]:
        return self.states.get((service, key), {})

    async def lag(self, subscription: str) -> Mapping[int, tuple[int, int]] | None:
        return self.lags.get(subscription)

    def reading_status(self, subscription: str) -> str | None:
        return self.statuses.get(subscription)

    async def query(self, sql: str) -> Sequence[Mapping[str, object]]:
        if isinstance(self.rows, QueryError):
            raise self.rows
        return self.rows


@asynccontextmanager
async def ingress(
    gateway: FakeGateway, limits: IngressLimits | None = None
) -> AsyncIterator[tuple[IngressServer, httpx.AsyncClient]]:
    """A running ingress on a free port, and a client of it."""
    server = IngressServer(gateway, limits or IngressLimits(), IngressCounters())
    await server.start("127.0.0.1", 0)
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.port}", timeout=10) as client:
            yield server, client
    finally:
        await server.stop(0)


async def speak(port: int, *parts: bytes, end: bool = False) -> bytes:
    """Sends bytes on a connection of its own and returns all that comes back until the other side closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for part in parts:
            writer.write(part)
            await writer.drain()
        if end:
            writer.write_eof()
        return await asyncio.wait_for(reader.read(-1), 10)
    finally:
        writer.close()
