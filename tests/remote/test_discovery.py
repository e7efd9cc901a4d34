"""What a deployment says of itself is taken, and everything else is refused with its code."""

from __future__ import annotations

import json
from typing import Any

import pytest
from fake_endpoint import FakeEndpoint, run

from odradek.protocol.manifest import ServiceType
from odradek_engine.invoker.remote import discovery
from odradek_engine.invoker.remote.address import parse_address
from odradek_engine.invoker.remote.connecting import Connector
from odradek_engine.invoker.remote.discovery import Discovered, DiscoveryFailed, discover

V4 = "application/vnd.restate.endpointmanifest.v4+json"
MANIFEST: dict[str, Any] = {
    "protocolMode": "BIDI_STREAM",
    "minProtocolVersion": 5,
    "maxProtocolVersion": 7,
    "services": [{"name": "Greeter", "ty": "SERVICE", "handlers": [{"name": "greet"}]}],
}


def serving(changed: dict[str, Any]) -> dict[str, Any]:
    """A manifest whose one service is another."""
    return {**MANIFEST, "services": [{**MANIFEST["services"][0], **changed}]}


class Answering:
    """Answers each request with the next of `answers`, the last one for ever."""

    def __init__(self, *answers: tuple[int, dict[str, str], bytes]) -> None:
        self.answers = list(answers)
        self.requests: list[Any] = []

    async def __call__(self, exchange: Any) -> None:
        self.requests.append(exchange)
        status, headers, body = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        await exchange.respond(status, headers)
        if body:
            await exchange.write(body)
        await exchange.end()


def answer(
    manifest: Any = MANIFEST, status: int = 200, kind: str | None = V4, software: str = "restate-sdk-x/1"
) -> tuple[int, dict[str, str], bytes]:
    headers = {} if kind is None else {"content-type": kind}
    body = manifest if isinstance(manifest, bytes) else json.dumps(manifest).encode()
    return status, {**headers, "x-restate-server": software}, body


def ask(behaviour: Any, *, http1: bool = False, ask_http1: bool | None = None, path: str = "") -> Discovered:
    found: list[Discovered] = []

    async def test() -> None:
        endpoint = FakeEndpoint(behaviour, http1=http1)
        async with endpoint.listening() as url:
            address = parse_address(url + path)
            pool = Connector().pool(address, http1=http1 if ask_http1 is None else ask_http1)
            try:
                found.append(await discover(pool, address, {"x-a": "1"}))
            finally:
                await pool.close()

    run(test())
    return found[0]


def refusal(behaviour: Any, **options: Any) -> DiscoveryFailed:
    with pytest.raises(DiscoveryFailed) as refused:
        ask(behaviour, **options)
    return refused.value


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discovery, "TRY_AGAIN_SECONDS", 0.001)


@pytest.mark.parametrize("http1", [False, True])
def test_a_manifest_is_asked_for_and_read(http1: bool) -> None:
    behaviour = Answering(answer())
    found = ask(behaviour, http1=http1, path="/base/")
    (request,) = behaviour.requests
    assert request.path == "/base/discover"
    assert request.headers["accept"].count("application/vnd.restate.endpointmanifest.v") == 4
    assert request.headers["x-a"] == "1"
    assert found.software == "restate-sdk-x/1"
    assert found.duplex
    (service,) = found.manifest.services
    assert (service.name, service.ty, [handler.name for handler in service.handlers]) == (
        "Greeter",
        ServiceType.SERVICE,
        ["greet"],
    )


@pytest.mark.parametrize("version", [1, 2, 3, 4])
def test_every_version_of_the_manifest_is_read(version: int) -> None:
    manifest = {**MANIFEST, "protocolMode": "REQUEST_RESPONSE", "lambdaCompression": "zstd"}
    found = ask(Answering(answer(manifest, kind=V4.replace("v4", f"v{version}"))))
    assert not found.duplex


def test_every_success_is_one() -> None:
    assert ask(Answering(answer(status=201))).manifest.services


def test_software_that_cannot_be_shown_is_left_out() -> None:
    assert ask(Answering(answer(software="\u00e4"))).software == ""


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_what_may_pass_is_tried_again(status: int) -> None:
    behaviour = Answering(answer(status=status), answer(status=status), answer())
    assert ask(behaviour).software
    assert len(behaviour.requests) == 3


def test_but_not_for_ever() -> None:
    behaviour = Answering(answer(status=503))
    assert refusal(behaviour).code == "META0003"
    assert len(behaviour.requests) == discovery.TRIES_MAX


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        (answer(status=404), "META0003"),
        (answer(status=401), "META0003"),
        (answer(b"<html>", kind="text/html"), "META0013"),
        (answer(kind=None), "META0013"),
        (answer(kind=V4 + "; charset=utf-8"), "META0013"),
        (answer(b"{"), "META0013"),
        (answer(b"\xff"), "META0013"),
        (answer(b"[" * 100_000), "META0013"),
        (answer([]), "META0013"),
        (answer({**MANIFEST, "services": [{"name": "A", "ty": "ACTOR"}]}), "META0013"),
        (answer({**MANIFEST, "protocolMode": "SMOKE_SIGNALS"}), "META0013"),
        (answer({key: value for key, value in MANIFEST.items() if key != "protocolMode"}), "META0013"),
        (answer({key: value for key, value in MANIFEST.items() if key != "minProtocolVersion"}), "META0013"),
        (answer({**MANIFEST, "lambdaCompression": "smaller"}), "META0013"),
        (answer({key: value for key, value in MANIFEST.items() if key != "services"}), "META0013"),
        (answer({**MANIFEST, "new": 1}), "META0013"),
        (answer(serving({"abortTimeout": -1})), "META0013"),
        (answer(serving({"workflowCompletionRetention": 1})), "META0013"),
        (answer(serving({"name": "a b"})), "META0013"),
        (answer(serving({"name": "_"})), "META0013"),
        (answer(serving({"handlers": [{"name": "x.y"}]})), "META0013"),
        (answer(serving({"handlers": [{"name": "x", "jsonSchema": {}}]})), "META0013"),
        (answer(serving({"handlers": [{"name": "x", "input": {"setContentTypeIfEmpty": True}}]})), "META0013"),
        (answer(serving({"handlers": [{"name": "x", "output": {"required": True}}]})), "META0013"),
        (answer({**MANIFEST, "services": [{"name": "A", "ty": "SERVICE"}]}), "META0013"),
        (answer({**MANIFEST, "minProtocolVersion": 7, "maxProtocolVersion": 5}), "META0013"),
        (answer({**MANIFEST, "maxProtocolVersion": 2**31}), "META0013"),
        (answer({**MANIFEST, "minProtocolVersion": 0}), "META0013"),
        (answer({**MANIFEST, "minProtocolVersion": 1, "maxProtocolVersion": 4}), "META0012"),
        (answer({**MANIFEST, "minProtocolVersion": 8, "maxProtocolVersion": 9}), "META0012"),
        (answer(software="restate-sdk-typescript/1.2.1"), "META0012"),
    ],
)
def test_what_is_no_manifest_is_refused(bad: Any, code: str) -> None:
    behaviour = Answering(bad)
    assert refusal(behaviour).code == code
    assert len(behaviour.requests) == 1


def test_an_answer_that_is_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discovery, "MANIFEST_BYTES_MAX", 1000)
    assert refusal(Answering(answer(b" " * 1001))).code == "META0003"


def test_an_answer_that_does_not_come_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    async def behave(exchange: Any) -> None:
        await exchange.respond(200, {"content-type": V4})

    monkeypatch.setattr(discovery, "ANSWER_SECONDS", 0.05)
    assert refusal(behave).code == "META0003"


def test_a_server_of_http1_alone_is_told_apart() -> None:
    refused = refusal(Answering(answer()), http1=True, ask_http1=False)
    assert refused.code == "META0014"
    assert "--use-http1.1" in str(refused)


@pytest.mark.parametrize("uri", ["http://127.0.0.1:1", "http://no..host:9080"])
def test_nobody_there(uri: str) -> None:
    async def test() -> None:
        address = parse_address(uri)
        pool = Connector().pool(address, http1=False)
        try:
            await discover(pool, address, {})
        finally:
            await pool.close()

    with pytest.raises(DiscoveryFailed) as refused:
        run(test())
    assert refused.value.code == "META0003"
