"""An id may live several times, and a node hears late what is durable: handlers are held against their own life."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from odradek.protocol.messages import Entry, InputCommand, SleepCompletion, Start
from odradek_engine.log.port import Record
from odradek_engine.model import events as e
from odradek_engine.model.rows import Invocation, Phase, Source, SourceKind, Status
from odradek_engine.model.target import Target, TargetKind
from odradek_engine.replica.record import FORMAT, JournalRecord, encode_part, encode_record
from simulation.checkers.journal_entries import JournalEntries
from simulation.history import History

ID = bytes(24)
FIRST, SECOND = 700, 300
"""The attempts of the two lives."""
INPUTS = {FIRST: InputCommand((), b"first"), SECOND: InputCommand((), b"second")}
WOKEN = SleepCompletion(1)


class TwoLives:
    """An invocation is woken, forgotten and begun anew in the journal, while a node still learns of its first life."""

    nodes = 2
    retained_bytes = 0

    def __init__(self) -> None:
        self.complaints: list[str] = []
        self.history = History(1, lambda _event, _moment: None)
        self.checker = JournalEntries(self)
        events = (_created(FIRST), e.EntriesAppended(ID, 1, (WOKEN,), 0), e.InvocationForgotten(ID, (), 0, None, 0))
        self._write(0, ())
        self._write(1, (*events, _created(SECOND)))

    def _write(self, index: int, events: Sequence[e.AnyEvent]) -> None:
        parts = (msgspec.Raw(encode_part(events)),) if events else ()
        record = JournalRecord(FORMAT, b"leader", 1, index, 0, 0, parts)
        assert self.history.written(0, Record(index, 0, None, encode_record(record))) is not None

    def violated(self, what: str, text: str) -> None:
        self.complaints.append(text)

    def time(self) -> float:
        return 0.0

    def starts(self, attempt: int, journal: Sequence[Entry]) -> list[str]:
        start = Start(ID, "", len(journal), {}, True, "a", 0, 0, 0)
        self.checker.started(self.history.life_with(ID, attempt), start, journal, current=False)
        return self.complaints

    def hears(self, attempt: int) -> list[str]:
        self.checker.delivered(self.history.life_with(ID, attempt), [WOKEN])
        return self.complaints


def _created(attempt: int) -> e.InvocationCreated:
    target = Target(TargetKind.SERVICE, "Actor", "run")
    invocation = Invocation(ID, target, 0, Source(SourceKind.INGRESS), "key")
    return e.InvocationCreated(invocation, Status(Phase.INVOKED, 0, attempt), (INPUTS[attempt],))


def test_a_life_that_is_over_may_start_from_its_own_journal() -> None:
    assert TwoLives().starts(FIRST, [INPUTS[FIRST], WOKEN]) == []
    assert TwoLives().starts(SECOND, [INPUTS[SECOND]]) == []


def test_a_life_never_starts_from_the_journal_of_another() -> None:
    assert TwoLives().starts(FIRST, [INPUTS[SECOND]])
    assert TwoLives().starts(SECOND, [INPUTS[FIRST]])
    assert TwoLives().starts(SECOND, [INPUTS[SECOND], WOKEN])


def test_an_attempt_that_no_journal_knows_never_starts() -> None:
    assert TwoLives().starts(FIRST + 1, [INPUTS[FIRST]])


def test_a_life_hears_only_what_was_durable_in_it() -> None:
    assert TwoLives().hears(FIRST) == []
    assert TwoLives().hears(SECOND)
