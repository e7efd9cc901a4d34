"""Functions on AWS Lambda as deployments: a live node, the invoke API's stand-in, and our SDK's handler behind it."""

from __future__ import annotations

import asyncio
import base64
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from lambda_stand_in import ROLE_KEY, Reply, StandIn

import odradek
from live_node import LiveNode, Refused, live_node, wait_until
from odradek_engine.cli.root import root
from odradek_engine.invoker.remote.connecting import Connector
from odradek_engine.invoker.remote.deployments import RemoteDeployments
from odradek_engine.invoker.remote.discovery import DiscoveryFailed
from odradek_engine.invoker.remote.lambda_arn import BadArn, parse_arn
from odradek_engine.node.system import SystemClock
from restate_server import installed_server, restate_server

pytestmark = pytest.mark.live

FUNCTION = "arn:aws:lambda:eu-central-1:123456789012:function:orders"
ARN = f"{FUNCTION}:7"
QUICK = {"RESTATE_DEFAULT_RETRY_POLICY__INITIAL_INTERVAL": "50ms"}

orders = odradek.Service("Orders")
steps: list[str] = []


@orders.handler()
async def place(ctx: odradek.Context, order: str) -> int:
    await ctx.run_typed("record", steps.append, odradek.RunOptions(), order[:10])
    await ctx.sleep(timedelta(milliseconds=50))
    return len(order)


@orders.handler()
async def repeat(ctx: odradek.Context, text: str) -> str:
    return text * 1000


application = odradek.Application([orders])


@pytest.fixture
def stand_in() -> Iterator[StandIn]:
    steps.clear()
    with StandIn(application).serving() as serving:
        yield serving


@pytest.fixture
def node(tmp_path: Path, stand_in: StandIn) -> Iterator[LiveNode]:
    with live_node(tmp_path, environment={**QUICK, **stand_in.environment}) as running:
        yield running


def register(node: LiveNode, arn: str = ARN, **more: Any) -> dict[str, Any]:
    answer: dict[str, Any] = node.request("POST", f"{node.admin_url}/deployments", {"arn": arn, **more}).json()
    return answer


def failure_of(node: LiveNode, invocation: str) -> dict[str, Any]:
    query = f"SELECT retry_count, last_failure, last_failure_error_code FROM sys_invocation WHERE id = '{invocation}'"
    rows = node.sql(query)
    return rows[0] if rows and rows[0].get("last_failure") else {}


@pytest.mark.row("A3")
def test_a_function_is_registered_and_called(node: LiveNode, stand_in: StandIn) -> None:
    answer = register(node, additional_headers={"X-Team": "orders"})
    assert [service["name"] for service in answer["services"]] == ["Orders"]
    assert node.call("Orders", "place", "a book") == 6
    assert steps == ["a book"]
    assert set(stand_in.arns) == {ARN}
    assert {event["headers"]["x-team"] for event in stand_in.events} == {"orders"}
    invoked = stand_in.events[1]
    assert (invoked["httpMethod"], invoked["path"]) == ("POST", "/invoke/Orders/place")
    assert invoked["isBase64Encoded"]
    assert base64.b64decode(invoked["body"])[:2] == b"\0\0"
    (shown,) = node.request("GET", f"{node.admin_url}/deployments").json()["deployments"]
    assert (shown["arn"], "uri" in shown, "http_version" in shown) == (ARN, False, False)
    assert node.sql("SELECT ty, endpoint FROM sys_deployment") == [{"ty": "lambda", "endpoint": ARN}]


@pytest.mark.row("A3")
@pytest.mark.oracle
def test_the_real_server_calls_our_function_too(
    stand_in: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "orders")
    with restate_server(installed_server(), tmp_path, stand_in.environment) as real:
        assert real.admin("POST", "/deployments", {"arn": ARN}).status_code == 201
        (shown,) = real.admin("GET", "/deployments").json()["deployments"]
        assert (shown["arn"], shown["compression"]) == (ARN, "Zstd")
        assert real.call("/Orders/place", "b" * 5_000_000) == 5_000_000
        assert real.call("/Orders/repeat", "c" * 4_000) == "c" * 4_000_000
    assert steps == ["b" * 10]


@pytest.mark.row("A3")
def test_a_wait_is_not_paid_for(node: LiveNode, stand_in: StandIn) -> None:
    register(node)
    assert node.call("Orders", "place", "a book") == 6
    assert [event["path"] for event in stand_in.events[1:]] == ["/invoke/Orders/place"] * (len(stand_in.events) - 1)
    assert len(stand_in.events) >= 3, "the handler suspends while it waits, and is invoked again"


@pytest.mark.row("A3")
def test_large_bodies_are_compressed_both_ways(
    node: LiveNode, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "orders")
    register(node)
    (shown,) = node.request("GET", f"{node.admin_url}/deployments").json()["deployments"]
    assert shown["compression"] == "Zstd"
    assert node.call("Orders", "place", "b" * 5_000_000) == 5_000_000
    assert "zstd" in {event["headers"].get("content-encoding") for event in stand_in.events}
    assert max(len(event["body"]) for event in stand_in.events) < 1_000_000
    assert node.call("Orders", "repeat", "c" * 4_000) == "c" * 4_000_000


@pytest.mark.row("A3")
def test_a_function_that_fails_is_tried_again(node: LiveNode, stand_in: StandIn) -> None:
    register(node)
    stand_in.replies += [
        Reply(200, {"X-Amz-Function-Error": "Unhandled"}, {"errorMessage": "out of memory"}) for _ in range(4)
    ]
    invocation = node.send("Orders", "place", "a book")
    seen = wait_until(lambda: failure_of(node, invocation), "the failure is seen")
    assert seen["last_failure_error_code"] == "RT0010"
    assert f'{ARN}: the function failed: {{"errorMessage": "out of memory"}}' in seen["last_failure"]
    assert node.attach(invocation) == 6
    assert steps == ["a book"]


@pytest.mark.row("A3", "H12")
@pytest.mark.parametrize(
    ("reply", "code", "text"),
    [
        (
            Reply(
                429, {"x-amzn-ErrorType": "TooManyRequestsException", "Retry-After": "1"}, {"message": "Rate Exceeded."}
            ),
            "RT0023",
            "rate limited or overloaded: it answered 429",
        ),
        (
            Reply(404, {"x-amzn-ErrorType": "ResourceNotFoundException"}, {"Message": "Function not found"}),
            "RT0010",
            "AWS refused: ResourceNotFoundException: Function not found",
        ),
        (Reply(413, {"x-amzn-ErrorType": "RequestTooLargeException"}, {"message": "too large"}), "RT0019", "too large"),
        (Reply(200, {}, {"greeting": "hello"}), "RT0010", "the function's answer is none of an endpoint"),
    ],
    ids=["throttled", "missing", "large", "garbage"],
)
def test_what_the_api_says_is_a_failure_that_passes(
    node: LiveNode, stand_in: StandIn, reply: Reply, code: str, text: str
) -> None:
    register(node)
    stand_in.replies += [reply] * 3
    invocation = node.send("Orders", "place", "a book")
    seen = wait_until(lambda: failure_of(node, invocation), "the failure is seen")
    assert (seen["last_failure_error_code"], text in seen["last_failure"]) == (code, True), seen
    assert node.attach(invocation) == 6


@pytest.mark.row("A3")
def test_a_function_is_invoked_in_a_role(node: LiveNode, stand_in: StandIn) -> None:
    role = "arn:aws:iam::123456789012:role/invoker"
    register(node, assume_role_arn=role)
    assert node.call("Orders", "place", "a book") == 6
    assert set(stand_in.keys) == {ROLE_KEY}
    (shown,) = node.request("GET", f"{node.admin_url}/deployments").json()["deployments"]
    assert shown["assume_role_arn"] == role


@pytest.mark.row("A3")
def test_settings_of_functions(tmp_path: Path, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "orders")
    settings = {
        "RESTATE_WORKER__INVOKER__REQUEST_COMPRESSION_THRESHOLD": "10 KiB",
        "RESTATE_WORKER__INVOKER__AWS_ASSUME_ROLE_EXTERNAL_ID": "shop/4711",
    }
    with live_node(tmp_path, environment=settings | stand_in.environment) as node:
        register(node, assume_role_arn="arn:aws:iam::123456789012:role/invoker")
        assert node.call("Orders", "place", "b" * 5_000) == 5_000
        assert "zstd" not in {event["headers"].get("content-encoding") for event in stand_in.events}
        assert node.call("Orders", "place", "b" * 20_000) == 20_000
        assert "zstd" in {event["headers"].get("content-encoding") for event in stand_in.events}
    assert {request["ExternalId"][0] for request in stand_in.role_requests} == {"shop/4711"}


@pytest.mark.row("A3")
def test_a_role_that_is_none_is_refused(node: LiveNode) -> None:
    with pytest.raises(Refused) as refused:
        register(node, assume_role_arn="invoker")
    assert (refused.value.status, "not the ARN of a role" in str(refused.value)) == (400, True)


@pytest.mark.row("A3")
def test_the_command_line_knows_functions(node: LiveNode) -> None:
    def run(*arguments: str) -> str:
        result = CliRunner().invoke(root, ["--admin-url", node.admin_url, "deployments", *arguments])
        assert result.exit_code == 0, result.output
        return result.output

    assert f"at {ARN}" in run("register", ARN)
    assert ARN in run("list")
    deployment = node.request("GET", f"{node.admin_url}/deployments").json()["deployments"][0]["id"]
    assert ARN in run("describe", deployment)


@pytest.mark.row("A3", "A14")
def test_a_deployment_moves_to_another_version(node: LiveNode, stand_in: StandIn) -> None:
    deployment = register(node)["id"]
    url = f"{node.admin_url}/deployments/{deployment}"
    node.request("PATCH", url, {"arn": f"{FUNCTION}:8"})
    assert node.call("Orders", "place", "a book") == 6
    assert stand_in.arns[-1] == f"{FUNCTION}:8"
    with pytest.raises(Refused) as refused:
        node.request("PATCH", url, {"uri": "http://localhost:9080"})
    assert (refused.value.status, "register a new deployment" in str(refused.value)) == (400, True)


@pytest.mark.row("A3")
def test_a_function_that_is_not_there_cannot_be_registered(node: LiveNode) -> None:
    with pytest.raises(Refused) as refused:
        register(node, FUNCTION)
    assert refused.value.status == 400
    assert "The request field 'arn' is invalid. Reason:" in refused.value.body["message"]
    assert "$LATEST" in refused.value.body["message"]


@pytest.mark.row("A3")
def test_without_the_extra_a_registration_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "boto3", None)

    async def scenario() -> None:
        deployments = RemoteDeployments(Connector(), "odradek", 1024, SystemClock())
        with pytest.raises(DiscoveryFailed, match=r"pip install 'odradek\[lambda\]'"):
            await deployments.discover_function(parse_arn(ARN), "", {})

    asyncio.run(scenario())


@pytest.mark.row("A3")
@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (FUNCTION, "names no version"),
        (f"{FUNCTION}:", "names no version"),
        ("arn:aws:s3:::bucket", "is not arn:PARTITION"),
        (ARN.replace("eu-central-1", ""), "is not arn:PARTITION"),
        (ARN.replace("lambda", "s3"), "not the ARN of a function"),
        (ARN.replace("function", "layer"), "not the ARN of a function"),
    ],
)
def test_an_arn_has_eight_parts(text: str, complaint: str) -> None:
    with pytest.raises(BadArn, match=complaint):
        parse_arn(text)
    assert parse_arn(ARN).region == "eu-central-1"


@pytest.mark.row("A3")
def test_an_application_on_lambda_is_the_function_s_handler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "orders")
    handler: Any = odradek.app([orders])
    answer = handler({"path": "/health", "httpMethod": "GET", "headers": None, "body": None}, None)
    assert answer["statusCode"] == 200
    assert base64.b64decode(answer["body"]) == b'{"status":"ok"}'
