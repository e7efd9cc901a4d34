"""Each command of the journal machine: what it emits when fresh, and that a replay accepts exactly that."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from odradek.exceptions import SdkInternalException
from odradek.protocol.ids import format_awakeable_id, format_invocation_id
from odradek.protocol.messages import (
    CallCommand,
    ClearAllStateCommand,
    ClearStateCommand,
    Command,
    CompleteAwakeableCommand,
    End,
    Entry,
    Error,
    Failure,
    GetEagerStateCommand,
    GetEagerStateKeysCommand,
    GetLazyStateCommand,
    GetLazyStateKeysCommand,
    InputCommand,
    OneWayCallCommand,
    OutputCommand,
    ProposeRunCompletion,
    RunCommand,
    RunCompletion,
    SendSignalCommand,
    SetStateCommand,
    SleepCommand,
    SleepCompletion,
    Start,
)
from odradek.vm import Closing, Machine
from odradek.vm.commands import awakeable, call, cancel, output, run, sleep, state
from odradek.vm.commands.call import Outgoing

RAW_ID = bytes(range(24))
CHILD = format_invocation_id(bytes(24))
AWAKEABLE = format_awakeable_id(RAW_ID, 17)
REQUEST = Outgoing("Payment", "pay", "k", b"1", (), "ik")


def machine(*entries: Entry, state_map: dict[bytes, bytes] | None = None, partial: bool = False) -> Machine:
    journal = (InputCommand((), b""), *entries)
    start = Start(RAW_ID, format_invocation_id(RAW_ID), len(journal), state_map or {}, partial, "k", 0, 0, 1)
    return Machine("Svc/handler", start, journal)


OPERATIONS: list[tuple[Callable[[Machine], Any], Command]] = [
    (lambda m: run.begin(m, "step"), RunCommand(1, "step")),
    (lambda m: sleep.sleep(m, 5, "nap"), SleepCommand(5, 1, "nap")),
    (lambda m: call.call(m, REQUEST), CallCommand("Payment", "pay", b"1", (), "k", "ik", 1, 2)),
    (lambda m: call.send(m, REQUEST, 9), OneWayCallCommand("Payment", "pay", b"1", 9, (), "k", "ik", 1)),
    (lambda m: cancel.cancel(m, CHILD), SendSignalCommand(CHILD, 1)),
    (lambda m: awakeable.complete(m, AWAKEABLE, b"v", None), CompleteAwakeableCommand(AWAKEABLE, b"v")),
    (
        lambda m: awakeable.complete(m, AWAKEABLE, None, Failure(500, "no")),
        CompleteAwakeableCommand(AWAKEABLE, None, Failure(500, "no")),
    ),
    (lambda m: state.get(m, b"a", "n"), GetEagerStateCommand(b"a", None, "n")),
    (lambda m: state.get_keys(m, "n"), GetEagerStateKeysCommand((), "n")),
    (lambda m: state.put(m, b"a", b"1", "n"), SetStateCommand(b"a", b"1", "n")),
    (lambda m: state.clear(m, b"a", "n"), ClearStateCommand(b"a", "n")),
    (lambda m: state.clear_all(m, "n"), ClearAllStateCommand("n")),
]
NAMES = [type(command).__name__ for _, command in OPERATIONS]


@pytest.mark.parametrize(("operation", "command"), OPERATIONS, ids=NAMES)
def test_fresh_operation_emits_its_command(operation: Callable[[Machine], Any], command: Command) -> None:
    vm = machine()
    operation(vm)
    assert vm.outbox == [command]
    assert vm.command_index == 1
    assert vm.progressed


@pytest.mark.parametrize(("operation", "command"), OPERATIONS, ids=NAMES)
def test_replayed_operation_emits_nothing_and_returns_the_same(
    operation: Callable[[Machine], Any], command: Command
) -> None:
    fresh, replayed = machine(), machine(command)
    assert replayed.replaying
    assert operation(replayed) == operation(fresh)
    assert replayed.outbox == []
    assert not replayed.replaying
    assert not replayed.progressed


@pytest.mark.parametrize(("operation", "command"), OPERATIONS, ids=NAMES)
def test_another_operation_in_the_journal_is_a_mismatch(operation: Callable[[Machine], Any], command: Command) -> None:
    stored = SleepCommand(1, 1, "x") if isinstance(command, RunCommand) else RunCommand(1, "stored step")
    vm = machine(stored)
    with pytest.raises(SdkInternalException):
        operation(vm)
    (error,) = vm.outbox
    assert isinstance(error, Error)
    assert error.code == 570
    assert "Svc/handler" in error.message
    assert "command 1" in error.message
    assert ("run 'stored step'" in error.message) or ("sleep 'x'" in error.message)
    assert error.related_command_index == 1
    assert vm.closed is Closing.FAILED


def test_mismatch_names_the_fields_that_differ() -> None:
    vm = machine(SetStateCommand(b"a", b"1"))
    with pytest.raises(SdkInternalException, match=r"set of state 'a'.*set of state 'a' \(different: value\)"):
        state.put(vm, b"a", b"2", "")


def test_replay_keeps_stored_times() -> None:
    vm = machine(SleepCommand(5, 1, "nap"), OneWayCallCommand("Payment", "pay", b"1", 9, (), "k", "ik", 2))
    sleep.sleep(vm, 99_999, "nap")
    call.send(vm, REQUEST, 99_999)
    assert vm.outbox == []


def test_completion_ids_are_shared_and_calls_take_two() -> None:
    vm = machine()
    assert run.begin(vm, "a") == 1
    assert call.call(vm, REQUEST) == (2, 3)
    assert call.send(vm, REQUEST, 0) == 4
    assert sleep.sleep(vm, 1, "") == 5


def test_awakeables_count_from_17_and_write_nothing() -> None:
    vm = machine()
    assert awakeable.create(vm) == (AWAKEABLE, -17)
    assert awakeable.create(vm) == (format_awakeable_id(RAW_ID, 18), -18)
    assert vm.outbox == []


def test_output_then_end() -> None:
    vm = machine()
    output.finish(vm, b"done")
    assert vm.outbox == [OutputCommand(b"done"), End()]
    assert vm.closed is Closing.ENDED


def test_stored_output_is_not_repeated_but_the_end_is() -> None:
    vm = machine(OutputCommand(b"done"))
    output.finish(vm, b"done")
    assert vm.outbox == [End()]


def test_end_before_the_stored_commands_are_used_up_is_a_mismatch() -> None:
    vm = machine(RunCommand(1, "a"), RunCompletion(1, b"1"))
    with pytest.raises(SdkInternalException, match="run 'a' here, the code now does the end with a result"):
        output.finish(vm, b"done")


def test_only_the_first_closing_counts() -> None:
    vm = machine()
    vm.fail(Error(500, "first"))
    vm.fail(Error(500, "second"))
    output_messages = list(vm.outbox)
    vm.abort()
    assert output_messages == [Error(500, "first")]
    assert vm.closed is Closing.FAILED
    assert vm.outbox == []


def test_journal_must_begin_with_the_input() -> None:
    start = Start(RAW_ID, "inv", 1, {}, False, "", 0, 0, 1)
    with pytest.raises(ValueError, match="begin with the input"):
        Machine("Svc/handler", start, ())
    with pytest.raises(ValueError, match="begin with the input"):
        Machine("Svc/handler", start, (SleepCompletion(1),))


class TestState:
    def test_whole_state_is_answered_at_once(self) -> None:
        vm = machine(state_map={b"a": b"1"})
        assert state.get(vm, b"a", "") == (0, b"1")
        assert state.get(vm, b"b", "") == (0, None)
        assert vm.outbox == [GetEagerStateCommand(b"a", b"1"), GetEagerStateCommand(b"b", None)]

    def test_partial_state_asks_for_what_it_lacks(self) -> None:
        vm = machine(state_map={b"a": b"1"}, partial=True)
        assert state.get(vm, b"a", "") == (0, b"1")
        assert state.get(vm, b"b", "") == (1, None)
        assert vm.outbox[1] == GetLazyStateCommand(b"b", 1)

    def test_own_writes_are_seen_also_with_partial_state(self) -> None:
        vm = machine(partial=True)
        state.put(vm, b"a", b"2", "")
        assert state.get(vm, b"a", "") == (0, b"2")
        state.clear(vm, b"a", "")
        assert state.get(vm, b"a", "") == (0, None)
        state.clear_all(vm, "")
        assert state.get(vm, b"z", "") == (0, None)
        state.put(vm, b"z", b"3", "")
        assert state.get(vm, b"z", "") == (0, b"3")

    def test_keys_are_sorted_and_include_own_writes(self) -> None:
        vm = machine(state_map={b"b": b"1", b"a": b"1"})
        state.put(vm, b"c", b"1", "")
        state.clear(vm, b"b", "")
        assert state.get_keys(vm, "") == (0, (b"a", b"c"))
        state.clear_all(vm, "")
        assert state.get_keys(vm, "") == (0, ())

    def test_keys_of_partial_state_are_asked_for_unless_all_was_cleared(self) -> None:
        vm = machine(state_map={b"a": b"1"}, partial=True)
        assert state.get_keys(vm, "") == (1, ())
        assert vm.outbox == [GetLazyStateKeysCommand(1)]
        state.clear_all(vm, "")
        assert state.get_keys(vm, "") == (0, ())

    def test_start_message_is_never_changed(self) -> None:
        vm = machine(state_map={b"a": b"1"})
        state.put(vm, b"a", b"2", "")
        state.clear_all(vm, "")
        assert vm.start.state_map == {b"a": b"1"}

    def test_replay_reads_as_it_was_journaled(self) -> None:
        """The first attempt had partial state, this one has all of it, and the other way round."""
        vm = machine(
            GetLazyStateCommand(b"a", 1), GetEagerStateCommand(b"b", b"old"), state_map={b"a": b"9", b"b": b"9"}
        )
        assert state.get(vm, b"a", "") == (1, None)
        assert state.get(vm, b"b", "") == (0, b"old")
        vm = machine(GetEagerStateKeysCommand((b"x",)), GetLazyStateKeysCommand(1), partial=True)
        assert state.get_keys(vm, "") == (0, (b"x",))
        assert state.get_keys(vm, "") == (1, ())

    def test_after_a_replay_reads_see_replayed_writes(self) -> None:
        vm = machine(SetStateCommand(b"a", b"2"), ClearStateCommand(b"b"), state_map={b"a": b"2"})
        state.put(vm, b"a", b"2", "")
        state.clear(vm, b"b", "")
        assert state.get(vm, b"a", "") == (0, b"2")
        assert state.get(vm, b"b", "") == (0, None)


class TestRun:
    def test_proposal_becomes_the_result_when_acknowledged(self) -> None:
        vm = machine()
        number = run.begin(vm, "a")
        run.propose(vm, number, b"1", None)
        assert vm.outbox[1] == ProposeRunCompletion(1, b"1")
        assert vm.proposals.keys() == {1}

    def test_earlier_failures_concern_only_the_block_at_the_end_of_the_replay(self) -> None:
        journal = (InputCommand((), b""), RunCommand(1, "a"))
        start = Start(RAW_ID, "inv", 2, {}, False, "", 3, 700, 1)
        vm = Machine("Svc/handler", start, journal)
        run.begin(vm, "a")
        assert run.earlier_failures(vm) == run.EarlierFailures(3, 700)
        run.begin(vm, "b")
        assert run.earlier_failures(vm) == run.EarlierFailures(0, 0)
