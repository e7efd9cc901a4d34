"""Journal records and rows as bytes: what was ever written can be read, large payloads are written once."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import hypothesis.strategies as st
import msgspec
import pytest
from golden_samples import ENTRIES, EVENTS, INVOCATION, MESSAGES, STATUS, TIMER, A, samples
from hypothesis import given

from odradek.protocol.messages import CallCompletion, Entry, InputCommand, OutputCommand
from odradek_engine.model import commands as c
from odradek_engine.model import events as e
from odradek_engine.model.rows import Completion, Result
from odradek_engine.partition.tables import ROW_TYPES
from odradek_engine.replica.record import (
    FORMAT,
    SHARE_FROM_BYTES,
    JournalRecord,
    MalformedRecord,
    UnknownFormat,
    decode_part,
    decode_record,
    encode_part,
    encode_record,
)

GOLDEN = Path(__file__).parents[2] / "golden" / "journal_and_rows.txt"


def lines() -> list[tuple[str, bytes]]:
    pairs = (line.split() for line in GOLDEN.read_text(encoding="ascii").splitlines())
    return [(name, bytes.fromhex(raw)) for name, raw in pairs]


def type_of(name: str) -> Any:
    kind, _, rest = name.partition(".")
    return {"event": e.AnyEvent, "message": c.PartitionMessage}.get(kind) or ROW_TYPES[rest]


class TestGolden:
    @pytest.mark.parametrize(("name", "raw"), lines(), ids=[name for name, _ in lines()])
    def test_what_was_ever_written_is_read(self, name: str, raw: bytes) -> None:
        assert msgspec.msgpack.decode(raw, type=type_of(name)) == samples()[name]

    def test_what_is_written_now_is_the_last_line_of_its_kind(self) -> None:
        newest = dict(lines())
        assert {name: msgspec.msgpack.encode(sample) for name, sample in samples().items()} == newest

    def test_everything_that_is_stored_has_a_sample(self) -> None:
        assert {type(event) for event in EVENTS} == set(get_args(e.AnyEvent))
        assert {type(message) for message in MESSAGES} == set(get_args(c.PartitionMessage))
        assert {name.removeprefix("row.") for name in samples() if name.startswith("row.")} == set(ROW_TYPES)

    def test_every_journal_entry_is_among_them(self) -> None:
        assert {type(entry) for entry in ENTRIES} == set(get_args(Entry))


class TestRecords:
    def test_a_record_comes_back(self) -> None:
        parts = tuple(msgspec.Raw(encode_part(list(EVENTS[at : at + 5]))) for at in range(0, len(EVENTS), 5))
        record = JournalRecord(FORMAT, b"a" * 16, 3, 4, 99, 0, parts)
        decoded = decode_record(encode_record(record))
        assert decoded.events() == list(EVENTS)
        assert (decoded.announcement, decoded.epoch, decoded.index, decoded.time_ms) == (b"a" * 16, 3, 4, 99)

    def test_a_newer_format_is_not_followed_whatever_it_holds(self) -> None:
        for rest in ([], ["something", "new"]):
            with pytest.raises(UnknownFormat, match="upgrade"):
                decode_record(msgspec.msgpack.encode([FORMAT + 1, *rest]))

    @pytest.mark.parametrize("raw", [b"", b"\xc1", b"text", b"\x90", b"\x91\x01"])
    def test_other_bytes_are_no_record(self, raw: bytes) -> None:
        with pytest.raises(MalformedRecord):
            decode_record(raw)

    @pytest.mark.parametrize(
        "part",
        [
            [["NoSuchEvent"]],
            b"text",
            {"a": 1},
            msgspec.msgpack.Ext(1, b""),
            msgspec.msgpack.Ext(1, msgspec.msgpack.encode([[], [msgspec.msgpack.Ext(2, b"\0\0\0\7")]])),
            msgspec.msgpack.Ext(1, b"\x91" * 5000),
        ],
    )
    def test_parts_of_a_record_that_are_none_say_so(self, part: Any) -> None:
        record = JournalRecord(FORMAT, b"a", 1, 1, 1, 0, (msgspec.Raw(msgspec.msgpack.encode(part)),))
        with pytest.raises(MalformedRecord):
            decode_record(encode_record(record)).events()

    @pytest.mark.parametrize("count", [1, 15, 16, 70_000])
    def test_parts_of_any_length_come_back(self, count: int) -> None:
        events = [e.TimerSet(TIMER)] * count
        assert decode_part(encode_part(events)) == events


class TestSharedPayloads:
    def part(self, payload: bytes) -> list[e.AnyEvent]:
        """An output that goes into a journal, a result and a message."""
        completion = Completion(Result(payload), 1, 2, 3, 4)
        return [
            e.EntriesAppended(A, 1, (OutputCommand(payload),), 99),
            e.InvocationCompleted(A, completion, 1000),
            e.MessageSent(1, 2, c.CompleteCall(A, CallCompletion(5, payload))),
            e.StateChanged("S", "a", {b"k": payload, b"gone": None}),
        ]

    def test_a_large_one_is_written_once(self) -> None:
        events = self.part(b"x" * SHARE_FROM_BYTES)
        raw = encode_part(events)
        assert len(raw) < SHARE_FROM_BYTES + 500
        assert decode_part(raw) == events

    def test_a_smaller_one_is_not_worth_it(self) -> None:
        events = self.part(b"x" * (SHARE_FROM_BYTES - 1))
        raw = encode_part(events)
        assert len(raw) > 4 * (SHARE_FROM_BYTES - 1)
        assert decode_part(raw) == events

    def test_a_single_one_stays_where_it_is(self) -> None:
        events: list[e.AnyEvent] = [
            e.InvocationCreated(INVOCATION, STATUS, (InputCommand((), b"x" * 3 * SHARE_FROM_BYTES),))
        ]
        raw = encode_part(events)
        assert raw == msgspec.msgpack.encode(events)
        assert decode_part(raw) == events

    @given(st.lists(st.sampled_from([b"", b"a", b"x" * SHARE_FROM_BYTES, b"y" * (SHARE_FROM_BYTES + 1)]), max_size=6))
    def test_any_mixture_comes_back(self, payloads: list[bytes]) -> None:
        events: list[e.AnyEvent] = [event for payload in payloads for event in self.part(payload)]
        raw = encode_part([*events, *EVENTS])
        assert decode_part(raw) == [*events, *EVENTS]
        record = JournalRecord(FORMAT, b"a", 1, 1, 1, 0, (msgspec.Raw(raw),))
        assert decode_record(encode_record(record)).events() == [*events, *EVENTS]
