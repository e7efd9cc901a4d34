"""examples/demo: nothing is lost or doubled across the kill; where something were, it would say so."""

import importlib
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from example_node import EXAMPLES
from live_node import PACKAGES, LiveNode, Refused, live_node

DEMO = EXAMPLES / "demo"
DEMO_SECONDS_MAX = 90


def run_demo(directory: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(DEMO / "demo.py"), *options]
    environment = {"PYTHONPATH": ":".join(PACKAGES), "TMPDIR": str(directory), "PATH": ""}
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=DEMO_SECONDS_MAX, check=False
    )


def figures(output: str, name: str) -> list[str]:
    """The cells of the table's line of that name."""
    [line] = [line for line in output.splitlines() if line.startswith(f"{name} ")]
    return line.split()[1:]


def check(demo: subprocess.CompletedProcess[str], events: int) -> None:
    assert demo.returncode == 0, demo.stdout + demo.stderr
    assert figures(demo.stdout, "payments") == [f"{events:,}"] * 3
    assert len(set(figures(demo.stdout, "sum"))) == 1
    assert figures(demo.stdout, "lost") == figures(demo.stdout, "doubled") == ["0", "0", "0"]
    assert "==> SIGKILL to the node" in demo.stdout


@pytest.mark.live
def test_the_demo_finds_every_payment_once_and_leaves_nothing_behind(tmp_path: Path) -> None:
    check(run_demo(tmp_path, "--events", "4000"), 4000)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.live
@pytest.mark.kafka
def test_the_demo_on_kafka_leaves_no_topics_behind(tmp_path: Path, kafka_bootstrap: str) -> None:
    from confluent_kafka.admin import AdminClient

    check(run_demo(tmp_path, "--events", "4000", "--brokers", kafka_bootstrap), 4000)
    topics = AdminClient({"bootstrap.servers": kafka_bootstrap}).list_topics(timeout=10).topics
    assert [name for name in topics if name.startswith("demo-")] == []


def test_a_broker_that_is_not_there_is_said_in_one_line(tmp_path: Path) -> None:
    demo = run_demo(tmp_path, "--brokers", "127.0.0.1:1")
    assert demo.returncode == 1
    assert demo.stderr.strip().startswith("demo: no Kafka answers at 127.0.0.1:1: start one")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("events", ["0", "1000001", "many"])
def test_a_senseless_count_of_events_is_refused(tmp_path: Path, events: str) -> None:
    demo = run_demo(tmp_path, "--events", events)
    assert demo.returncode == 2
    assert "--events" in demo.stderr


@pytest.fixture
def books(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.syspath_prepend(str(DEMO))
    yield importlib.import_module("books")
    del sys.modules["books"]


def test_a_lost_and_a_doubled_payment_are_found(books: Any, tmp_path: Path) -> None:
    expected = books.write_payments(tmp_path / "payments.txt", 1000)
    lines = (tmp_path / "payments.txt").read_text().splitlines()
    assert len(lines) == expected.deposits.total() == 1000
    lost = books.Books(expected.deposits - Counter({"account-001": 1}), expected.cents)
    doubled = books.Books(expected.deposits + Counter({"account-002": 2}), expected.cents)
    assert (expected.lost(lost), expected.doubled(lost)) == (1, 0)
    assert (expected.lost(doubled), expected.doubled(doubled)) == (0, 2)
    assert lost != expected != doubled
    shown = books.table(expected, lost, doubled)
    assert figures(shown, "lost") == ["0", "1", "0"]
    assert figures(shown, "doubled") == ["0", "0", "2"]


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveNode]:
    with live_node(tmp_path_factory.mktemp("bank"), [DEMO / "app.py"]) as node:
        yield node


@pytest.mark.live
def test_transfers_move_all_or_nothing(bank: LiveNode) -> None:
    bank.call("Account", "ada", "deposit", {"cents": 500})
    bank.call("Transfers", "transfer", {"payer": "ada", "payee": "bob", "cents": 200})
    with pytest.raises(Refused) as refused:
        bank.call("Transfers", "transfer", {"payer": "ada", "payee": "bob", "cents": 301})
    assert (refused.value.status, refused.value.body["message"]) == (409, "ada lacks 1 cents")
    assert [bank.call("Account", name, "balance", None) for name in ("ada", "bob")] == [300, 200]


@pytest.mark.live
def test_a_payment_of_nothing_is_refused(bank: LiveNode) -> None:
    with pytest.raises(Refused) as refused:
        bank.call("Account", "eve", "deposit", {"cents": 0})
    assert refused.value.status == 400
    assert bank.call("Account", "eve", "balance", None) == 0
