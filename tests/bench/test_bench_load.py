"""Both load generators count what really happened, against a server that does nothing."""

import asyncio
import shutil
import socket
import threading
from collections import Counter
from collections.abc import Iterator

import pytest
from bench.load import Generator, Load, LoadFailed, own, wrk
from bench.workloads import Workload

CLIENTS = 4

needs_wrk = pytest.mark.skipif(shutil.which("wrk") is None, reason="wrk is not installed")
generators = pytest.mark.parametrize("generate", [own.run, pytest.param(wrk.run, marks=needs_wrk)])

OBJECTS = Workload("objects", "/Object/{key}/add", '{"key": "{key}"}', keys=3)
FAILING = Workload("failing", "/fails", '"x"')


class CountingServer:
    """Answers every POST at once, with 500 at `/fails`; remembers paths with their bodies."""

    def __init__(self) -> None:
        self.seen: Counter[tuple[str, str]] = Counter()
        self.port = 0
        self._started = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._serve(),))

    def start(self) -> None:
        self._thread.start()
        assert self._started.wait(10)

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)
        self._loop.close()

    async def _serve(self) -> None:
        self._stop = asyncio.Event()
        server = await asyncio.start_server(self._answer, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._started.set()
        await self._stop.wait()
        server.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                lines = head.decode().lower().split("\r\n")
                length = next(int(line.split(":")[1]) for line in lines if line.startswith("content-length:"))
                body = (await reader.readexactly(length)).decode()
                path = head.decode().split(" ")[1]
                assert "content-type: application/json" in lines
                self.seen[path, body] += 1
                status = "500 Broken" if path == "/fails" else "200 OK"
                writer.write(f"HTTP/1.1 {status}\r\ncontent-length: 2\r\n\r\nok".encode())
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()


@pytest.fixture
def server() -> Iterator[CountingServer]:
    running = CountingServer()
    running.start()
    yield running
    running.stop()


@generators
def test_so_long_and_what_happened(generate: Generator, server: CountingServer) -> None:
    measured = generate(Load("127.0.0.1", server.port, OBJECTS, CLIENTS, seconds=1))

    assert 0.9 <= measured.seconds <= 20
    assert 0 < measured.requests <= server.seen.total() <= measured.requests + CLIENTS
    assert measured.failed == 0
    assert 0 < measured.p50_ms <= measured.p99_ms
    assert measured.generator_cpu > 0
    assert measured.per_second == measured.requests / measured.seconds
    assert set(server.seen) == {(f"/Object/{key}/add", f'{{"key": "{key}"}}') for key in range(3)}


@generators
def test_bad_answers_are_failures(generate: Generator, server: CountingServer) -> None:
    measured = generate(Load("127.0.0.1", server.port, FAILING, CLIENTS, seconds=1))

    assert 0 < measured.failed == measured.requests


@generators
def test_a_server_that_is_not_there(generate: Generator) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]

        with pytest.raises(LoadFailed):
            generate(Load("127.0.0.1", port, FAILING, 1, seconds=1))
