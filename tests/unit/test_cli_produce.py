import io
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from fake_admin_server import HANG_UP, FakeAdmin, Request, fake_admin

from odradek_engine.cli import record_batches
from odradek_engine.cli.admin_client import AdminClient, Endpoints
from odradek_engine.cli.progress import Progress
from odradek_engine.cli.record_batches import Batch, read_batches
from odradek_engine.cli.record_lines import BadLine, json_lines, separated
from odradek_engine.cli.record_producer import RecordProducer
from odradek_engine.cli.root import root
from odradek_engine.ulid import ulid_time_ms


class Topic:
    """A topic that takes each (producer, sequence) once, and fails as a test tells it to."""

    def __init__(self) -> None:
        self.records: list[dict[str, Any]] = []
        self.seen: set[tuple[str, int]] = set()
        self.failures: list[object] = []
        """For the next requests, in order: an answer in place of the true one; at `HANG_UP` the records are taken."""

    def take(self, request: Request) -> object:
        failure = self.failures.pop(0) if self.failures else None
        if isinstance(failure, tuple):
            return failure
        producer, first = request.body["producer_id"], request.body["first_sequence"]
        appended = 0
        for sequence, record in enumerate(request.body["records"], start=first):
            if (producer, sequence) not in self.seen:
                self.seen.add((producer, sequence))
                self.records.append(record)
                appended += 1
        return failure or {"appended": appended, "repeated": len(request.body["records"]) - appended}


@pytest.fixture
def topic() -> Topic:
    return Topic()


@pytest.fixture
def admin(topic: Topic) -> Iterator[FakeAdmin]:
    with fake_admin() as server:
        server.answers["POST /topics/payments/records"] = topic.take
        yield server


def produce(admin: FakeAdmin, *options: str, lines: str | bytes = "") -> Result:
    return CliRunner().invoke(root, ["--admin-url", admin.url, "produce", "payments", *options], input=lines)


def test_lines_with_and_without_key(admin: FakeAdmin, topic: Topic) -> None:
    result = produce(admin, lines="ada\t10\nplain\n\r\nbob\t20\tmore\r\nlast\t")
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("produced 4 records to payments in ")
    assert topic.records == [
        {"key": "ada", "value": "10"},
        {"key": None, "value": "plain"},
        {"key": "bob", "value": "20\tmore"},
        {"key": "last", "value": ""},
    ]


def test_a_separator_that_is_given_is_required(admin: FakeAdmin, topic: Topic) -> None:
    result = produce(admin, "--separator", ": ", lines="ada: 10\nbob 20\n")
    assert result.exit_code == 1
    assert "line 2 has no separator ': ' between key and value (0 records produced" in result.stderr
    assert not topic.records
    assert produce(admin, "--key-separator", ":", lines="a:1:2\n").exit_code == 0
    assert topic.records == [{"key": "a", "value": "1:2"}]
    assert produce(admin, "--separator", "", lines="x").exit_code == 2


def test_bytes_that_are_not_text(admin: FakeAdmin, topic: Topic) -> None:
    assert produce(admin, lines=b"\xff\t\xfe\xff\n").exit_code == 0
    assert topic.records == [{"key_base64": "/w==", "value_base64": "/v8="}]


def test_json_lines(admin: FakeAdmin, topic: Topic) -> None:
    lines = (
        '{"key": "ada", "value": {"amount": 10}, "headers": {"trace": "7"}, "partition": 2, "timestamp": 5}\n'
        '{"value": "text"}\n{"key": null, "value": null}\n{"key_base64": "AA==", "value": 3}\n'
    )
    assert produce(admin, "--json-lines", "--header", "origin=test", "--header", "trace=0", lines=lines).exit_code == 0
    headers = {"origin": "test", "trace": "0"}
    assert topic.records == [
        {
            "key": "ada",
            "value": '{"amount":10}',
            "headers": {"origin": "test", "trace": "7"},
            "partition": 2,
            "timestamp": 5,
        },
        {"value": "text", "headers": headers},
        {"key": None, "value": None, "headers": headers},
        {"key_base64": "AA==", "value": "3", "headers": headers},
    ]
    assert produce(admin, "--json-lines", "--separator", ":", lines="").exit_code == 2


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("nope", "is not JSON"),
        ("[1]", "is not a JSON object"),
        ('{"valeu": 1}', "unknown field 'valeu'"),
        ('{"key": 1}', "a key that is not a string"),
        ('{"headers": {"a": 1}}', "headers that are not an object of strings"),
        ('{"headers": []}', "headers that are not an object of strings"),
    ],
)
def test_bad_json_lines_are_named(line: str, complaint: str) -> None:
    with pytest.raises(BadLine, match=complaint):
        json_lines({})(line.encode())


def test_nothing_to_produce(admin: FakeAdmin) -> None:
    result = produce(admin, lines="\n\n")
    assert result.exit_code == 0
    assert result.stdout.startswith("produced 0 records")
    assert not admin.requests


def test_a_file_goes_out_in_batches(admin: FakeAdmin, topic: Topic, tmp_path: Path) -> None:
    path = tmp_path / "lines.txt"
    path.write_text("".join(f"k{n % 10}:{n}\n" for n in range(2_500)))
    result = produce(admin, "-f", str(path), "--separator", ":")
    assert result.stdout.startswith("produced 2,500 records")
    assert [record["value"] for record in topic.records] == [str(n) for n in range(2_500)]
    assert [request.body["first_sequence"] for request in admin.requests] == [0, 1000, 2000]
    assert len({request.body["producer_id"] for request in admin.requests}) == 1
    assert "cannot be read: No such file" in produce(admin, "-f", str(tmp_path / "absent")).stderr
    assert "cannot be read: Is a directory" in produce(admin, "-f", str(tmp_path)).stderr


def test_a_node_that_fails_on_the_way_loses_and_doubles_nothing(admin: FakeAdmin, topic: Topic) -> None:
    topic.failures = [(503, {"message": "it starts"}), HANG_UP, (500, {"message": "oh"}), None, HANG_UP]
    result = produce(admin, lines="".join(f"k\t{n}\n" for n in range(1_500)))
    assert result.exit_code == 0, result.output
    assert [record["value"] for record in topic.records] == [str(n) for n in range(1_500)]
    assert "1,500 of them were there already" in result.stdout
    assert "waiting: it starts" in result.stderr
    assert "the node is back: going on" in result.stderr
    bodies = [request.body for request in admin.requests]
    assert bodies[0] == bodies[1] == bodies[2] == bodies[3]
    assert bodies[4] == bodies[5] != bodies[0]


def test_it_waits_for_a_node_that_is_not_there_yet(topic: Topic) -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        port = reserved.getsockname()[1]
    notes: list[str] = []
    with ExitStack() as stack:

        def sleep(_: float) -> None:
            admin = stack.enter_context(fake_admin(port))
            admin.answers["POST /topics/payments/records"] = topic.take

        client = stack.enter_context(AdminClient(Endpoints(f"http://127.0.0.1:{port}", "")))
        producer = RecordProducer(client, "payments", "P", 60.0, clock=lambda: 0.0, sleep=sleep, note=notes.append)
        producer.send(Batch(0, [{"key": "a", "value": "1"}], 4))
    assert topic.records == [{"key": "a", "value": "1"}]
    assert "no node answers" in notes[0]
    assert notes[1:] == ["the node is back: going on"]


def test_what_will_never_succeed_is_not_tried_again(admin: FakeAdmin, topic: Topic) -> None:
    topic.failures = [(404, {"message": "there is no topic 'payments'"})]
    result = produce(admin, lines="a\t1\n")
    assert result.exit_code == 1
    assert result.stderr == "Error: there is no topic 'payments'\n"
    assert len(admin.requests) == 1


def test_a_run_that_gave_up_can_be_gone_on_with(admin: FakeAdmin, topic: Topic) -> None:
    lines = "".join(f"k\t{n}\n" for n in range(1_200))
    topic.failures = [None] + [(503, {"message": "down"})] * 50
    gave_up = produce(admin, "--timeout", "200ms", lines=lines)
    assert gave_up.exit_code == 1
    assert "gave up: down (1,000 records produced; run it again with --producer-id " in gave_up.stderr
    producer_id = gave_up.stderr.split("--producer-id ")[1].split()[0]
    topic.failures = []
    result = produce(admin, "--producer-id", producer_id, lines=lines)
    assert result.exit_code == 0
    assert "produced 1,200 records" in result.stdout
    assert "1,000 of them were there already" in result.stdout
    assert [record["value"] for record in topic.records] == [str(n) for n in range(1_200)]


def test_bad_options(admin: FakeAdmin) -> None:
    assert "has no unit" in produce(admin, "--timeout", "5").stderr
    assert "is not a ULID" in produce(admin, "--producer-id", "me").stderr


def test_each_run_is_a_producer_of_its_own(admin: FakeAdmin) -> None:
    before_ms = time.time_ns() // 1_000_000
    produce(admin, lines="a\t1\n")
    produce(admin, lines="a\t1\n")
    first, second = (request.body["producer_id"] for request in admin.requests)
    assert first != second
    assert before_ms <= ulid_time_ms(first) <= time.time_ns() // 1_000_000


class Trickle(io.RawIOBase):
    """Gives what each call is told to give, as a pipe does."""

    def __init__(self, *chunks: bytes) -> None:
        self.chunks = list(chunks)

    def read1(self, size: int = -1, /) -> bytes:
        return self.chunks.pop(0) if self.chunks else b""


def test_lines_go_out_as_they_come() -> None:
    stream = Trickle(b"a\nb\nc", b"c\n", b"d")
    batches = [
        (batch.first_sequence, [record["value"] for record in batch.records])
        for batch in read_batches(stream, separated("\t", required=False, headers={}))
    ]
    assert batches == [(0, ["a", "b"]), (2, ["cc"]), (3, ["d"])]


def test_batches_are_bounded_in_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record_batches, "MAX_BATCH_BYTES", 10)
    monkeypatch.setattr(record_batches, "MAX_LINE_BYTES", 12)
    read_line = separated("\t", required=False, headers={})
    batches = list(read_batches(Trickle(b"1234\n1234\n123456789012\n1\n"), read_line))
    assert [len(batch.records) for batch in batches] == [2, 1, 1]
    assert sum(batch.size_bytes for batch in batches) == 25
    with pytest.raises(BadLine, match="line 2 is longer than 12 bytes"):
        list(read_batches(Trickle(b"1\n123456789", b"0123"), read_line))


class Screen(io.StringIO):
    def __init__(self, terminal: bool) -> None:
        super().__init__()
        self.terminal = terminal

    def isatty(self) -> bool:
        return self.terminal


def test_progress_on_a_terminal_and_in_a_log() -> None:
    now = [0.0]
    for terminal, expected in (
        (True, "\rt  [###############...............]  50%  5 records  5/s\x1b[K\r\x1b[Kwaiting\n\r\x1b[K"),
        (False, "t: 9 records (90%), 2/s\nwaiting\n"),
    ):
        now[0] = 0.0
        screen = Screen(terminal)
        progress = Progress("t", 10, screen, lambda: now[0])
        now[0] = 1.0
        progress.advance(5, 5)
        if not terminal:
            now[0] = 4.0
            progress.advance(4, 4)
        progress.note("waiting")
        progress.finish()
        assert screen.getvalue() == expected


def test_progress_without_a_known_end() -> None:
    now = [0.0]
    screen = Screen(terminal=True)
    progress = Progress("t", None, screen, lambda: now[0])
    now[0] = 2.0
    progress.advance(1_000, 5)
    assert screen.getvalue() == "\rt  1,000 records  500/s\x1b[K"
