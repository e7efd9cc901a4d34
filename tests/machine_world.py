"""A partition machine to test: tables over a store in memory, a clock that stands still, seeded chance, a small schema.

Every decision is checked on its way (the commuting square): its events, applied to tables that were rebuilt from
events alone and that know nothing of the overlay, end in the same rows, applied twice as well as once.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any, TypeVar

from odradek.protocol.manifest import OnMaxAttempts
from odradek.protocol.messages import Entry, HandlerMessage, InputCommand
from odradek_engine.model import commands as c
from odradek_engine.model.effects import Answer, AnyEffect, StartAttempt
from odradek_engine.model.events import AnyEvent
from odradek_engine.model.outcomes import AnyOutcome
from odradek_engine.model.registry import HandlerSchema, RetryPolicy, Schema
from odradek_engine.model.rows import Caller, Invocation, Source, SourceKind, Status
from odradek_engine.model.target import Target, TargetKind
from odradek_engine.partition.apply import apply
from odradek_engine.partition.decide.decision import Limits, Surroundings
from odradek_engine.partition.groups import GroupedTable
from odradek_engine.partition.machine import Machine
from odradek_engine.partition.overlay import Changes, Pending, Table
from odradek_engine.partition.routing import new_invocation_id
from odradek_engine.partition.tables import ROW_TYPES, Tables
from odradek_engine.store.memory import MemoryStore

NOW = 1_700_000_000_000
HOUR = 3_600_000
DAY = 24 * HOUR
RETRY = RetryPolicy(500, 2.0, 60_000, 70, OnMaxAttempts.PAUSE)

T = TypeVar("T")
Rows = dict[str, list[tuple[Any, ...]]]


def handler(service: str, name: str, kind: TargetKind, retry: RetryPolicy = RETRY, **settings: Any) -> HandlerSchema:
    values: dict[str, Any] = {
        "public": True,
        "completion_retention": DAY,
        "journal_retention": DAY,
        "inactivity_timeout": 60_000,
        "abort_timeout": 600_000,
        "lazy_state": False,
        "input_required": False,
        "input_content_type": "*/*",
        "output_content_type": "application/json",
        "output_content_type_if_empty": False,
        **settings,
    }
    return HandlerSchema(service=service, handler=name, kind=kind, retry=retry, **values)


HANDLERS = (
    handler("Greeter", "greet", TargetKind.SERVICE),
    handler("Greeter", "twice", TargetKind.SERVICE, RetryPolicy(100, 2.0, 150, 2, OnMaxAttempts.KILL)),
    handler("Greeter", "thrice", TargetKind.SERVICE, RetryPolicy(100, 3.0, 1_000, 3, OnMaxAttempts.PAUSE)),
    handler("Greeter", "forever", TargetKind.SERVICE, RetryPolicy(100, 2.0, 1_000, None, OnMaxAttempts.KILL)),
    handler("Counter", "add", TargetKind.OBJECT_EXCLUSIVE),
    handler("Counter", "get", TargetKind.OBJECT_SHARED),
    handler("Flow", "run", TargetKind.WORKFLOW_RUN),
    handler("Flow", "tell", TargetKind.WORKFLOW_SHARED),
    handler("Counter", "lazy", TargetKind.OBJECT_EXCLUSIVE, lazy_state=True),
)


def write_down(store: MemoryStore, pending: Pending) -> None:
    """What the flusher does."""
    written = [(table, key, cell, table.change(key, cell[0])) for table, key, cell in pending.drain()]
    store.write([change for _, _, _, change in written])
    for table, key, cell, change in written:
        table.written(key, cell, len(change[2] or b""))


class Twin:
    """Tables that are only ever written by `apply`, every event twice, and flushed after each command."""

    def __init__(self, partition: int) -> None:
        self.store = MemoryStore()
        self.tables = Tables(partition, self.store)

    def apply(self, events: Sequence[AnyEvent]) -> None:
        for _ in range(2):
            changes, pending = Changes(), Pending()
            self.tables.record_in(changes)
            for event in events:
                apply(event, self.tables)
            pending.add(changes)
            write_down(self.store, pending)


class World:
    """One partition. `decide` puts each command into a turn of its own; acknowledging and flushing are the test's."""

    def __init__(self, partition: int = 0, partitions: int = 1, limits: Limits | None = None, seed: int = 1) -> None:
        self.now = NOW
        self.random = random.Random(seed)
        self.partition = partition
        self.partitions = partitions
        self.schema = Schema({}, {(one.service, one.handler): one for one in HANDLERS}, {})
        self.surroundings = Surroundings(
            partition, partitions, self.random.randbytes, lambda: self.schema, RETRY, limits or Limits()
        )
        self.store = MemoryStore()
        self.pending = Pending()
        self.in_flight: list[Changes] = []
        self.unstored: list[list[AnyEvent]] = []
        """Events of the turns that the store does not have, oldest first."""
        self.twin = Twin(partition)
        self.groups: dict[str, set[bytes]] = {}
        self.events: list[AnyEvent] = []
        self.effects: list[AnyEffect] = []
        self.open_tables()

    def open_tables(self) -> None:
        self.tables = Tables(self.partition, self.store)
        self.machine = Machine(self.tables, self.surroundings)

    # --- commands ---

    def decide(self, command: c.AnyCommand, *, checked: bool = True) -> list[AnyEffect]:
        changes = self.machine.begin_turn()
        decision = self.machine.decide(command, self.now)
        self.in_flight.append(changes)
        self.unstored.append(decision.events)
        for table, key, _, _ in changes.entries:
            if isinstance(table, GroupedTable):
                self.groups.setdefault(table.name, set()).add(key[0])
        self.events, self.effects = decision.events, decision.effects
        self.twin.apply(decision.events)
        if checked:
            self._check_twin()
        return self.effects

    def _check_twin(self) -> None:
        assert self.rows() == self.rows(self.twin.tables)
        for raw, _ in self.tables.statuses.rows():
            length = len(self.journal(raw))
            for tables in (self.tables, self.twin.tables):
                assert tables.journal_summary(raw).next_index == length

    def ask(self, command: c.AnyCommand) -> AnyOutcome:
        """The one answer to a command."""
        (answer,) = (effect for effect in self.decide(command) if isinstance(effect, Answer))
        return answer.outcome

    def say(self, invocation: Invocation | bytes, *messages: HandlerMessage, attempt: int | None = None) -> None:
        """A stretch of the live attempt's handler."""
        raw = invocation if isinstance(invocation, bytes) else invocation.id
        number = self.status(raw).attempt if attempt is None else attempt
        self.decide(c.HandlerMessages(raw, number, messages))

    def invocation(
        self,
        target: Target,
        *,
        key: str | None = None,
        caller: Caller | None = None,
        at: int = 0,
        kept: int = DAY,
        journal_kept: int = DAY,
    ) -> Invocation:
        """A new invocation; `key` is its idempotency key."""
        identity = new_invocation_id(target, key, self.random.randbytes(16))
        source = Source(SourceKind.INGRESS)
        return Invocation(identity, target, self.now, source, key, caller, at, kept, journal_kept)

    def invoke(self, target: Target, **settings: Any) -> Invocation:
        """Begins a new invocation."""
        invocation = self.invocation(target, **settings)
        self.decide(c.Invoke(invocation, INPUT))
        return invocation

    # --- what there is ---

    def status(self, invocation: Invocation | bytes) -> Status:
        status = self.tables.statuses.get(invocation if isinstance(invocation, bytes) else invocation.id)
        assert status is not None
        return status

    def journal(self, invocation: Invocation | bytes) -> tuple[Entry, ...]:
        return self.tables.journal_entries(invocation if isinstance(invocation, bytes) else invocation.id)

    def found(self, kind: type[T]) -> list[T]:
        """Events or effects of one type, of the last command."""
        return [one for one in (*self.events, *self.effects) if isinstance(one, kind)]

    def only(self, kind: type[T]) -> T:
        (one,) = self.found(kind)
        return one

    def started(self) -> list[tuple[bytes, int]]:
        return [(effect.invocation.id, effect.attempt) for effect in self.found(StartAttempt)]

    def rows(self, tables: Tables | None = None) -> Rows:
        """Every row that a reader of the tables sees."""
        seen: Rows = {}
        for name in ROW_TYPES:
            table = getattr(tables or self.tables, name)
            if isinstance(table, Table):
                seen[name] = list(table.rows())
            else:
                groups = sorted(self.groups.get(name, ()))
                seen[name] = [(group, key, row) for group in groups for key, row in table.rows(group)]
        return {name: rows for name, rows in seen.items() if rows}

    # --- durability ---

    def acknowledge(self, turns: int | None = None) -> None:
        """The oldest turns become durable; all of them where no number is given."""
        for changes in self.in_flight[:turns]:
            self.pending.add(changes)
        del self.in_flight[:turns]

    def flush(self) -> None:
        """Writes what is acknowledged."""
        write_down(self.store, self.pending)
        del self.unstored[: len(self.unstored) - len(self.in_flight)]

    def restart(self) -> None:
        """Tables anew from the store, everything in them."""
        self.acknowledge()
        self.flush()
        before = self.rows()
        self.open_tables()
        assert self.rows() == before

    def recover(self) -> None:
        """Tables anew from what the store has, and the rest from events."""
        before = self.rows()
        self.pending = Pending()
        self.in_flight.clear()
        self.open_tables()
        for events in self.unstored:
            changes = self.machine.begin_turn()
            for event in events:
                apply(event, self.tables)
            self.in_flight.append(changes)
        assert self.rows() == before

    def rehearse(self, command: c.AnyCommand) -> None:
        """Decides a command and takes everything back."""
        before = self.rows()
        changes = self.machine.begin_turn()
        self.machine.decide(command, self.now)
        changes.roll_back(0)
        assert self.rows() == before


INPUT = InputCommand((), b'"in"')


def service(name: str = "greet") -> Target:
    return Target(TargetKind.SERVICE, "Greeter", name)


def add(key: str = "a") -> Target:
    return Target(TargetKind.OBJECT_EXCLUSIVE, "Counter", "add", key)


def get(key: str = "a") -> Target:
    return Target(TargetKind.OBJECT_SHARED, "Counter", "get", key)


def flow(key: str = "f") -> Target:
    return Target(TargetKind.WORKFLOW_RUN, "Flow", "run", key)


def tell(key: str = "f") -> Target:
    return Target(TargetKind.WORKFLOW_SHARED, "Flow", "tell", key)
