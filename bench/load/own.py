"""Our own load generator, a process of its own: asyncio protocols that each keep one connection busy.

It takes more of the CPU than wrk and corrects nothing: figures from the two are not to be compared.
"""

from __future__ import annotations

import asyncio
import json
import random
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import cast

import httptools

from bench.load.plan import REQUEST_SECONDS_MAX, Load, LoadFailed, Measured, children_cpu_seconds
from bench.workloads import Workload

START_SECONDS_MAX = 10.0
REPOSITORY = Path(__file__).resolve().parents[2]


def run(load: Load) -> Measured:
    """Runs a load in a child process. Raises `LoadFailed`."""
    cpu = children_cpu_seconds()
    command = [sys.executable, "-m", "bench.load.own"]
    plan = json.dumps(asdict(load))
    ended = subprocess.run(command, input=plan, capture_output=True, text=True, check=False, cwd=REPOSITORY)
    if ended.returncode != 0:
        raise LoadFailed(f"the load generator failed: {ended.stderr.strip()[-2000:]}")
    result = json.loads(ended.stdout)
    return Measured(**result, generator_cpu=(children_cpu_seconds() - cpu) / result["seconds"])


class Tally:
    """What all clients together have sent and got."""

    def __init__(self, requests: list[bytes]) -> None:
        self.latencies_ns: list[int] = []
        self.failed = 0
        self.over = False
        self._requests = requests
        self._random = random.Random(len(requests))

    def next_request(self) -> bytes | None:
        """The next request to send; None when the time is over."""
        return None if self.over else self._random.choice(self._requests)


class Client(asyncio.Protocol):
    """One connection. `ended` is done when it has nothing more to do."""

    def __init__(self, tally: Tally) -> None:
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._tally = tally
        self._parser = httptools.HttpResponseParser(self)
        self._sent_ns = 0
        self._waiting = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by inheritance

    def start(self) -> None:
        """Sends the first request."""
        self._send()

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        """An answer is there."""
        self._waiting = False
        self._tally.latencies_ns.append(time.perf_counter_ns() - self._sent_ns)
        if self._parser.get_status_code() >= 400:
            self._tally.failed += 1
        self._send()

    def connection_lost(self, _: Exception | None) -> None:
        if self._waiting and not self._tally.over:
            self._tally.failed += 1
        if not self.ended.done():
            self.ended.set_result(None)

    def _send(self) -> None:
        request = self._tally.next_request()
        if request is None:
            self._transport.close()
            return
        self._waiting = True
        self._sent_ns = time.perf_counter_ns()
        self._transport.write(request)


def _encoded(load: Load) -> list[bytes]:
    workload = load.workload
    requests = []
    for key in range(workload.keys):
        path, body = (text.replace("{key}", str(key)) for text in (workload.path, workload.body))
        head = f"POST {path} HTTP/1.1\r\nhost: {load.host}:{load.port}\r\ncontent-type: application/json\r\n"
        requests.append(f"{head}content-length: {len(body)}\r\n\r\n{body}".encode())
    return requests


async def _drive(load: Load) -> dict[str, float]:
    loop = asyncio.get_running_loop()
    tally = Tally(_encoded(load))
    async with asyncio.timeout(START_SECONDS_MAX):
        made = [await loop.create_connection(lambda: Client(tally), load.host, load.port) for _ in range(load.clients)]
    clients = [client for _, client in made]
    began = time.perf_counter()
    for client in clients:
        client.start()
    await asyncio.wait([client.ended for client in clients], timeout=load.seconds)
    lasted = time.perf_counter() - began
    answered, failed = sorted(tally.latencies_ns), tally.failed
    tally.over = True
    await asyncio.wait([client.ended for client in clients], timeout=REQUEST_SECONDS_MAX)
    stuck = sum(not client.ended.done() for client in clients)
    if not answered:
        raise LoadFailed(f"no answer within {lasted:.1f} s")
    return {
        "requests": len(answered),
        "seconds": lasted,
        "failed": failed + stuck,
        "p50_ms": answered[len(answered) // 2] / 1e6,
        "p99_ms": answered[len(answered) * 99 // 100] / 1e6,
    }


def main() -> None:
    """Reads a load as JSON and writes what it came to."""
    wanted = json.load(sys.stdin)
    load = Load(**wanted | {"workload": Workload(**wanted["workload"])})
    try:
        import uvloop
    except ImportError:
        result = asyncio.run(_drive(load))
    else:
        result = uvloop.run(_drive(load))
    json.dump(result, sys.stdout)


if __name__ == "__main__":
    main()
