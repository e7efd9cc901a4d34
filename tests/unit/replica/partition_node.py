"""One partition of a node, whole, over a log whose acknowledgements and failures the test deals out by hand."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from typing import Any, cast

from machine_world import NOW, RETRY
from machine_world import World as MachineWorld
from odradek.protocol.attempt import Endpoint, EngineSide
from odradek.protocol.messages import EngineMessage, Entry, HandlerMessage, Start
from odradek_engine.invoker.attempts import Attempts
from odradek_engine.log.port import JournalListener, Log, LogError, LogUnavailable, OffsetOutOfRange, Record
from odradek_engine.model import commands as c
from odradek_engine.model.outcomes import AnyOutcome
from odradek_engine.model.rows import Timer
from odradek_engine.partition.decide.decision import Limits, Surroundings
from odradek_engine.replica.candidacy import Silence
from odradek_engine.replica.flusher import Flusher
from odradek_engine.replica.leader import Conduct
from odradek_engine.replica.processor import Fittings, Processor
from odradek_engine.replica.record import JournalRecord, decode_record
from odradek_engine.replica.recovery import Journal
from odradek_engine.replica.release import Release
from odradek_engine.replica.rounds import Rounds
from odradek_engine.store.memory import MemoryStore
from until import until

DEADLINE_SECONDS = 10.0


class HandClock:
    """Stands still unless the test moves it."""

    def __init__(self) -> None:
        self.ms = NOW

    def now_ms(self) -> int:
        return self.ms

    def monotonic(self) -> float:
        return self.ms / 1000


class HandLog:
    """A journal in memory. While `held`, its writers keep what is appended until the test says what becomes of it."""

    rounds_in_flight: int | None = None
    single_process = True

    def __init__(self) -> None:
        self.begin = 0
        self.values: list[bytes] = []
        self.held = False
        self.trouble: list[LogError] = []
        """What the next reads raise."""
        self.writers: list[HandWriter] = []

    def journal_writer(self, _topic: str, _partition: int, listener: JournalListener) -> HandWriter:
        self.writers.append(HandWriter(self, listener))
        return self.writers[-1]

    @property
    def writer(self) -> HandWriter:
        return self.writers[-1]

    def records(self) -> list[JournalRecord]:
        return [decode_record(value) for value in self.values]

    def put(self, value: bytes) -> int:
        self.values.append(value)
        return len(self.values) - 1

    async def begin_offset(self, _topic: str, _partition: int) -> int:
        return self.begin

    async def end_offset(self, _topic: str, _partition: int) -> int:
        return len(self.values)

    async def reader(self, _topic: str, _partition: int, offset: int) -> HandReader:
        return HandReader(self, offset)


class HandReader:
    def __init__(self, log: HandLog, position: int) -> None:
        self._log = log
        self.position = position

    async def read(self, max_records: int, _wait_ms: int) -> Sequence[Record]:
        if self._log.trouble:
            raise self._log.trouble.pop(0)
        if not self._log.begin <= self.position <= len(self._log.values):
            raise OffsetOutOfRange(f"no offset {self.position}")
        values = self._log.values[self.position : self.position + max_records]
        records = [Record(self.position + number, NOW, None, value) for number, value in enumerate(values)]
        self.position += len(records)
        return records

    async def close(self) -> None:
        pass


class HandWriter:
    def __init__(self, log: HandLog, listener: JournalListener) -> None:
        self._log = log
        self._listener = listener
        self.under_way: list[bytes] = []
        self.closed = False

    def append(self, value: bytes) -> None:
        self.under_way.append(value)
        if not self._log.held:
            asyncio.get_running_loop().call_soon(self.acknowledge)

    def close(self) -> None:
        self.closed = True

    def acknowledge(self, count: int = 1) -> None:
        """Writes the oldest records and tells the leader."""
        for _ in range(count):
            if not self.closed and self.under_way:
                self._listener.acknowledged(self._log.put(self.under_way.pop(0)))

    def acknowledge_at(self, offset: int) -> None:
        """Tells the leader of another offset than the record has."""
        self._log.put(self.under_way.pop(0))
        self._listener.acknowledged(offset)

    def fail(self, written: int = 0, error: LogError | None = None) -> list[bytes]:
        """Some of what is under way is written, then the writer dies. Returns what may turn up later."""
        for _ in range(written):
            self._log.put(self.under_way.pop(0))
        late, self.under_way = self.under_way, []
        if not self.closed:
            self.closed = True
            self._listener.failed(error or LogUnavailable("fate unknown"))
        return late


class Handler:
    """The handler's side of an attempt, spoken by the test."""

    def __init__(self, start: Start, journal: Sequence[Entry], engine: EngineSide) -> None:
        self.start = start
        self.journal = tuple(journal)
        self.delivered: list[EngineMessage] = []
        self.input_open = True
        self.aborted = False
        self.engine: Any = engine

    def say(self, *messages: HandlerMessage) -> None:
        self.engine.send(messages)

    def deliver(self, messages: Sequence[EngineMessage]) -> None:
        self.delivered += messages

    def close_input(self) -> None:
        self.input_open = False

    def abort(self) -> None:
        self.aborted = True


class Handlers:
    """An endpoint whose handlers do what the test says. `broken`: they cannot be started."""

    def __init__(self) -> None:
        self.all: list[Handler] = []
        self.broken = False

    def start(self, service: str, handler: str, start: Start, journal: Sequence[Entry], engine: EngineSide) -> Handler:
        if self.broken:
            raise RuntimeError(f"{service}/{handler} is broken")
        self.all.append(Handler(start, journal, engine))
        return self.all[-1]

    @property
    def last(self) -> Handler:
        return self.all[-1]

    def of(self, invocation: bytes) -> list[Handler]:
        return [handler for handler in self.all if handler.start.id == invocation]


class Neighbours:
    """Notes what is said to other partitions."""

    def __init__(self) -> None:
        self.sent: list[tuple[int, int, c.PartitionMessage]] = []
        self.acknowledged: list[tuple[int, int]] = []
        self.registry_changes = 0
        self.terms = 0

    def term_begun(self, partition: int) -> None:
        self.terms += 1

    def send_message(self, sender: int, target: int, sequence: int, message: c.PartitionMessage) -> None:
        self.sent.append((target, sequence, message))

    def acknowledge_message(self, target: int, sender: int, sequence: int) -> None:
        self.acknowledged.append((sender, sequence))

    def registry_changed(self) -> None:
        self.registry_changes += 1


class PartitionNode:
    """Partition 0. Make it inside a running loop; `lead` it."""

    def __init__(
        self,
        log: HandLog,
        store: MemoryStore | None = None,
        *,
        clock: HandClock | None = None,
        partitions: int = 1,
        seed: int = 1,
        slots: int = 100,
        batch: int = 32,
        queue_length: int = 1000,
        limits: Limits | None = None,
        confirm_negatives: bool = False,
        flush_interval: float = 0.0,
        topic_id: str = "t1",
        cluster_id: str = "c1",
    ) -> None:
        self.log = log
        self.store = store or MemoryStore()
        self.clock = clock or HandClock()
        self.halted: list[Exception] = []
        self.handlers = Handlers()
        self.neighbours = Neighbours()
        self.world = MachineWorld(seed=seed)  # for its invocations and its schema
        schema = self.world.schema
        self.attempts = Attempts(
            self.clock,
            self.submit_inner,
            lambda: schema,
            lambda _service: cast(Endpoint, self.handlers),
            slots,
        )
        self.attempts.begin()
        self.flusher = Flusher(self.store, flush_interval, self.halted.append)
        rounds = Rounds(asyncio.get_running_loop(), log.rounds_in_flight)
        self.conduct = Conduct(self.clock, rounds, batch, confirm_negatives)
        surroundings = Surroundings(
            0, partitions, random.Random(seed).randbytes, lambda: schema, RETRY, limits or Limits()
        )
        fittings = Fittings(
            node=f"node-{seed}",
            candidacy=Silence(self.clock),
            store=self.store,
            flusher=self.flusher,
            conduct=self.conduct,
            queue_length=queue_length,
            queue_attempt=self.attempts.queue,
            abort_attempts=self.attempts.abort_all,
            on_halt=self.halted.append,
        )
        journal = Journal(cast(Log, log), "cluster", "journal", topic_id, cluster_id, 0, partitions)

        def release(number: int, arm: Callable[[Timer], None]) -> Release:
            return Release(number, self.attempts, self.neighbours, arm)

        self.processor: Processor = Processor(journal, surroundings, fittings, release)

    async def lead(self) -> None:
        await self.processor.lead()

    def submit_inner(self, partition: int, command: c.AnyCommand, on_durable: Callable[[], None] | None = None) -> None:
        self.processor.submit_inner(command, None, on_durable)

    def submit(self, command: c.AnyCommand) -> list[AnyOutcome]:
        """The outcomes that the asker is told: one, if all is well."""
        told: list[AnyOutcome] = []
        self.processor.submit(command, told.append)
        return told

    async def ask(self, command: c.AnyCommand) -> AnyOutcome:
        told = self.submit(command)
        await until(lambda: told)
        return told[0]

    async def under_way(self, count: int) -> None:
        """Waits until so many records wait for their acknowledgement."""
        await until(lambda: len(self.log.writer.under_way) == count)

    async def lead_again(self, written: int = 0, error: LogError | None = None) -> list[bytes]:
        """Kills the writer, and waits until a new term has begun; what comes from then on is not held."""
        before = len(self.log.writers)
        late = self.log.writer.fail(written, error)
        self.log.held = False
        await until(lambda: len(self.log.writers) > before and self.processor.leading)
        return late
