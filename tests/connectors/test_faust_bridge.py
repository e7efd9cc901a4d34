"""A Faust application hands its events to a handler."""

# ruff: noqa: E402  # without Faust there is nothing to import

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from until import until

faust = pytest.importorskip("faust")

from aiohttp import web
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]
from faust.events import Event
from faust.types.tuples import Message

from odradek_connectors.faust import Handler, HandlerRefused


class Ingress:
    """Answers as a node's ingress does, after some bad answers."""

    def __init__(self) -> None:
        self.bad_answers: list[int] = []
        self.invocations: dict[tuple[str, str], tuple[bytes, str]] = {}
        self.requests = 0
        self.address = ""

    async def answer(self, request: web.Request) -> web.Response:
        self.requests += 1
        if self.bad_answers:
            return web.json_response({"message": "no"}, status=self.bad_answers.pop(0))
        place = (request.raw_path, request.headers["idempotency-key"])
        known = place in self.invocations
        self.invocations[place] = (await request.read(), request.headers["content-type"])
        status = "PreviouslyAccepted" if known else "Accepted"
        return web.json_response({"invocationId": f"inv_{len(self.invocations)}", "status": status}, status=202)


def play(directory: Path, scenario: Callable[[Ingress, Any], Awaitable[None]], broker: str = "kafka://unused") -> None:
    async def run() -> None:
        ingress = Ingress()
        server = web.Application()
        server.router.add_post("/{path:.*}", ingress.answer)
        runner = web.AppRunner(server)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        ingress.address = f"http://127.0.0.1:{runner.addresses[0][1]}/"
        app = faust.App(f"shop-{uuid.uuid4().hex[:6]}", broker=broker, datadir=str(directory), web_enabled=False)
        try:
            await scenario(ingress, app)
        finally:
            await app.http_client.close()
            await runner.cleanup()

    asyncio.run(run())


def event(app: Any, offset: int = 7, key: bytes | None = b"a/b", value: bytes | None = b'{"amount":1}') -> Any:
    message = Message("payments", 3, offset, 0.0, 0, None, key, value, None)
    return Event(app, None, None, None, message)


def test_an_event_is_sent_under_its_position(tmp_path: Path) -> None:
    async def scenario(ingress: Ingress, app: Any) -> None:
        handler = Handler(app, "Account", "add", keyed=True, ingress=ingress.address)
        assert await handler.send(event(app)) == "inv_1"
        assert await handler.send(event(app)) == "inv_1"  # delivered again
        assert await handler.send(event(app), {"x": 1}, key="other", part="fee") == "inv_2"
        idempotency_key = f"faust/{app.conf.id}/payments/3/7"
        assert ingress.invocations == {
            ("/Account/a%2Fb/add/send", idempotency_key): (b'{"amount":1}', "application/json"),
            ("/Account/other/add/send", idempotency_key + "/fee"): (b'{"x":1}', "application/json"),
        }

    play(tmp_path, scenario)


@pytest.mark.parametrize(("key", "segment"), [("..", ".."), ("", ""), ("50%+ü", "50%25%2B%C3%BC")])
def test_any_key_reaches_its_object(tmp_path: Path, key: str, segment: str) -> None:
    async def scenario(ingress: Ingress, app: Any) -> None:
        await Handler(app, "Account", "add", keyed=True, ingress=ingress.address).send(event(app, key=key.encode()))
        assert [path for path, _ in ingress.invocations] == [f"/Account/{segment}/add/send"]

    play(tmp_path, scenario)


def test_a_service_needs_no_key_and_a_tombstone_is_an_empty_body(tmp_path: Path) -> None:
    async def scenario(ingress: Ingress, app: Any) -> None:
        handler = Handler(app, "Mail", "send", keyed=False, ingress=ingress.address)
        await handler.send(event(app, key=b"\xff", value=None), content_type="application/octet-stream")
        ((place, (body, content_type)),) = ingress.invocations.items()
        assert place[0] == "/Mail/send/send"
        assert (body, content_type) == (b"", "application/octet-stream")

    play(tmp_path, scenario)


def test_a_node_that_is_not_ready_is_asked_again(tmp_path: Path) -> None:
    async def scenario(ingress: Ingress, app: Any) -> None:
        ingress.bad_answers = [503, 429]
        handler = Handler(app, "Account", "add", keyed=True, ingress=ingress.address)
        assert await handler.send(event(app)) == "inv_1"
        assert ingress.requests == 3

    play(tmp_path, scenario)


def test_a_refusal_is_told(tmp_path: Path) -> None:
    async def scenario(ingress: Ingress, app: Any) -> None:
        handler = Handler(app, "Account", "add", keyed=True, ingress=ingress.address)
        ingress.bad_answers = [404]
        with pytest.raises(HandlerRefused, match="payments/3/7 was refused with 404") as refused:
            await handler.send(event(app))
        assert refused.value.status == 404
        with pytest.raises(HandlerRefused, match="not UTF-8"):
            await handler.send(event(app, key=b"\xff"))

    play(tmp_path, scenario)


@pytest.mark.kafka
def test_a_running_application_forwards_its_topic(tmp_path: Path, kafka_bootstrap: str) -> None:
    topic = f"faust-{uuid.uuid4().hex[:8]}"
    admin = AdminClient({"bootstrap.servers": kafka_bootstrap})
    for future in admin.create_topics([NewTopic(topic, 2, 1), NewTopic(f"{topic}-refused", 1, 1)]).values():
        future.result(30)
    producer = Producer({"bootstrap.servers": kafka_bootstrap})
    for at in range(50):
        producer.produce(topic, b'{"amount":%d}' % at, b"\xff" if at == 20 else b"key-%d" % (at % 5), partition=at % 2)
    assert producer.flush(30) == 0

    async def scenario(ingress: Ingress, app: Any) -> None:
        app.conf.topic_disable_leader = True
        raw = {"key_serializer": "raw", "value_serializer": "raw"}
        refused = app.topic(f"{topic}-refused", **raw)
        Handler(app, "Account", "add", keyed=True, ingress=ingress.address).forward(app.topic(topic, **raw), refused)
        app.finalize()
        await app.start()
        try:
            await until(lambda: len(ingress.invocations) == 49)
            await until(lambda: ingress.requests == 49)
        finally:
            await app.stop()
        bodies = sorted(body for body, _ in ingress.invocations.values())
        assert bodies == sorted(b'{"amount":%d}' % at for at in range(50) if at != 20)

    play(tmp_path, scenario, f"kafka://{kafka_bootstrap}")
