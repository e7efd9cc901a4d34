"""Fixtures for all tests."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from kafka_broker import BrokerUnavailable, missing_tools, running_broker

pytest_plugins = ("row_report",)


@pytest.fixture(scope="session")
def kafka_bootstrap() -> Iterator[str]:
    """`host:port` of a real broker: the one in KAFKA_BOOTSTRAP_SERVERS, one in a container, or one from jars.

    Without any of them the test is skipped; with ODRADEK_REQUIRE_KAFKA=1 it fails instead.
    """
    given = os.environ.get("KAFKA_BOOTSTRAP_SERVERS")
    if given:
        yield given
        return
    if _docker_answers():
        from testcontainers.community.kafka import KafkaContainer

        with KafkaContainer().with_kraft() as container:
            yield container.get_bootstrap_server()
        return
    lacking = missing_tools()
    if lacking is not None:
        _no_broker(f"KAFKA_BOOTSTRAP_SERVERS is not set, no Docker daemon answers, {lacking}")
    try:
        with running_broker() as address:
            yield address
    except BrokerUnavailable as error:
        _no_broker(str(error))


def _no_broker(reason: str) -> None:
    text = f"no Kafka broker: {reason}"
    if os.environ.get("ODRADEK_REQUIRE_KAFKA") == "1":
        pytest.fail(text)
    pytest.skip(text)


def _docker_answers() -> bool:
    try:
        from testcontainers.core.docker_client import DockerClient

        DockerClient(timeout=5).client.ping()
    except Exception:  # no package, no daemon, no permission: whichever it is, there are no containers
        return False
    return True
