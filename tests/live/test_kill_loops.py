"""A node under load is killed again and again; nothing that was acknowledged is lost, doubled or run again."""

from __future__ import annotations

import random
import time
import uuid
from pathlib import Path

import pytest
from bank_clients import BankClients, check_recorder

from live_node import LiveNode, live_node, wait_until

APP = Path(__file__).parent / "bank_app.py"
ACCOUNTS = 20
CLIENTS = 8
KILLS = 6


def kill_loop(node: LiveNode, recorder: Path, seed: int) -> None:
    chance = random.Random(seed)
    clients = BankClients(node, ACCOUNTS, seed)
    with clients.running(CLIENTS):
        for _ in range(KILLS):
            time.sleep(chance.uniform(0.3, 1.5))
            node.restart()
        time.sleep(0.5)
    assert clients.failures == []
    assert clients.answered > 50, "too little happened for the test to mean anything"
    balances = {}
    for number in range(ACCOUNTS):
        key = f"a{number}"
        state = node.state("Account", key)
        balances[key] = state.get("balance", 0)
        assert state.get("changes", 0) == clients.changes[key], f"account {key} changed another number of times"
        assert balances[key] == clients.expected[key]
    assert sum(balances.values()) == 0
    assert check_recorder(recorder) >= 3 * clients.answered


@pytest.mark.row("E14")
@pytest.mark.live
def test_embedded_log_survives_kills(tmp_path: Path) -> None:
    recorder = tmp_path / "recorder"
    with live_node(tmp_path, [APP], environment={"RECORDER_FILE": str(recorder)}) as node:
        kill_loop(node, recorder, seed=1)


@pytest.mark.live
@pytest.mark.kafka
def test_kafka_log_survives_kills(tmp_path: Path, kafka_bootstrap: str) -> None:
    recorder = tmp_path / "recorder"
    options = ["--brokers", kafka_bootstrap, "--cluster-name", f"kills-{uuid.uuid4().hex[:8]}"]
    environment = {"RECORDER_FILE": str(recorder), "RESTATE_DEFAULT_NUM_PARTITIONS": "4"}
    with live_node(tmp_path, [APP], environment=environment, options=options) as node:
        kill_loop(node, recorder, seed=2)


@pytest.mark.row("E8", "F3")
@pytest.mark.live
def test_waits_go_on_after_kills(tmp_path: Path) -> None:
    """Sleeps, delayed sends, awakeables and calls that are pending at a kill end after the restart."""
    app = Path(__file__).parent / "waits_app.py"
    with live_node(tmp_path, [app]) as node:
        sleeping = node.send("Waits", "nap", 1500)
        delayed = node.send("Waits", "nap", 0, delay="1500ms")
        calling = node.send("Waits", "call_through", 1200)
        waiting = node.send("Waits", "hold", "door")
        node.restart()
        awakeable = wait_until(lambda: node.call("Doors", "door", "noted", None), "an awakeable is noted")
        node.restart()
        node.resolve_awakeable(awakeable, "open sesame")
        assert node.attach(waiting) == "open sesame"
        assert node.attach(sleeping) == "slept"
        assert node.attach(delayed) == "slept"
        assert node.attach(calling) == "slept"
