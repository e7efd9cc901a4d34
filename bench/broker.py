"""The Kafka that is measured on: the one named, or one of our own where Java is at hand; and no trace left on it."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from confluent_kafka.admin import AdminClient

BROKER = Path(__file__).resolve().parents[1] / "tests" / "kafka_broker.py"
REQUEST_SECONDS_MAX = 10.0
STOP_SECONDS_MAX = 30.0


class NoBroker(Exception):
    """There is no Kafka to measure on; the text says why."""


@contextlib.contextmanager
def broker(given: str | None) -> Iterator[str]:
    """The brokers' `host:port,...`. Raises `NoBroker`."""
    if given:
        yield given
        return
    if shutil.which("java") is None:
        raise NoBroker("java is not installed and no --brokers were given")
    command = [sys.executable, str(BROKER), "--until-stdin-closes"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            address = process.stdout.readline().strip()
            if not address:
                raise NoBroker("the broker did not start; what it said is above")
            yield address
        finally:
            process.stdin.close()
            try:
                process.wait(STOP_SECONDS_MAX)
            except subprocess.TimeoutExpired:
                process.kill()


def delete_topics(brokers: str, prefix: str) -> None:
    """Deletes the topics whose names begin so."""
    admin = AdminClient({"bootstrap.servers": brokers, "log_level": 0})
    ours = [name for name in admin.list_topics(timeout=REQUEST_SECONDS_MAX).topics if name.startswith(prefix)]
    if ours:
        for deleted in admin.delete_topics(ours).values():
            deleted.result()
