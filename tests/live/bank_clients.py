"""Clients that transfer money between accounts, each order until it is answered, whatever dies meanwhile."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from live_node import LiveNode

RETRY_SECONDS = 0.05


class BankClients:
    """Threads with a client each. `done` counts answered transfers by account."""

    def __init__(self, node: LiveNode, accounts: int, seed: int) -> None:
        self.answered = 0
        self.retried = 0
        self.failures: list[str] = []
        self.expected: Counter[str] = Counter()
        self.changes: Counter[str] = Counter()
        self._node = node
        self._accounts = accounts
        self._seed = seed
        self._stop = threading.Event()
        self._lock = threading.Lock()

    @contextmanager
    def running(self, threads: int) -> Iterator[None]:
        """Clients run inside the block; at its end each finishes the order that it has in hand."""
        workers = [threading.Thread(target=self._work, args=(number,), daemon=True) for number in range(threads)]
        for worker in workers:
            worker.start()
        try:
            yield
        finally:
            self._stop.set()
            for worker in workers:
                worker.join(60)
        assert not any(worker.is_alive() for worker in workers), "a client never got its answer"

    def _work(self, number: int) -> None:
        chance = random.Random(self._seed * 1000 + number)
        order_number = 0
        with httpx.Client(timeout=30, trust_env=False) as http:
            while not self._stop.is_set():
                order_number += 1
                source, target = chance.sample(range(self._accounts), 2)
                amount = chance.randint(1, 100)
                order = {"source": f"a{source}", "target": f"a{target}", "amount": amount}
                self._place(http, order, f"{number}-{order_number}")
                with self._lock:
                    self.answered += 1
                    for account, change in ((order["source"], -amount), (order["target"], amount)):
                        self.expected[str(account)] += change
                        self.changes[str(account)] += 1

    def _place(self, http: httpx.Client, order: dict[str, object], key: str) -> None:
        url = f"{self._node.ingress_url}/Transfers/transfer"
        while True:
            try:
                answer = http.post(url, json=order, headers={"idempotency-key": key})
            except httpx.TransportError:
                self.retried += 1
                time.sleep(RETRY_SECONDS)
                continue
            if answer.status_code == 200:
                return
            if answer.status_code != 503:
                self.failures.append(f"{answer.status_code} {answer.text}")
                return
            time.sleep(RETRY_SECONDS)


def check_recorder(recorder: Path) -> int:
    """Fails if a step ran again after a later one of its invocation had begun; the number of steps seen."""
    furthest: dict[str, int] = {}
    lines = recorder.read_text().splitlines()
    for line in lines:
        invocation, _, step = line.rpartition(" ")
        assert int(step) >= furthest.get(invocation, 0), f"step {step} of {invocation} ran again after it was durable"
        furthest[invocation] = int(step)
    return len(lines)
