"""Waits: journal order decides who wins, cancellation passes to children, trees say what is awaited."""

from __future__ import annotations

from itertools import permutations

import pytest

from odradek.exceptions import SdkInternalException, SuspendedException
from odradek.protocol.future import Outcome, resolve
from odradek.protocol.ids import format_invocation_id
from odradek.protocol.messages import (
    CallCompletion,
    CallInvocationIdCompletion,
    Combinator,
    Entry,
    Error,
    Failure,
    Future,
    InputCommand,
    Notification,
    ProposeRunCompletionAck,
    RunCommand,
    SendSignalCommand,
    SignalNotification,
    SleepCommand,
    SleepCompletion,
    Start,
    Suspension,
)
from odradek.vm import Closing, Machine, Wait
from odradek.vm.commands import call, cancel, run, sleep
from odradek.vm.commands.call import Outgoing

RAW_ID = bytes(range(24))
REQUEST = Outgoing("Payment", "pay", "", b"1", (), None)
CANCEL = SignalNotification(1)


def machine(*entries: Entry) -> Machine:
    journal = (InputCommand((), b""), *entries)
    start = Start(RAW_ID, format_invocation_id(RAW_ID), len(journal), {}, False, "", 0, 0, 1)
    return Machine("Svc/handler", start, journal)


def three_sleeps(vm: Machine) -> list[int]:
    return [sleep.sleep(vm, 1, "") for _ in range(3)]


def test_a_wait_takes_arrivals_only_up_to_the_one_that_ends_it() -> None:
    vm = machine()
    three_sleeps(vm)
    vm.receive([SleepCompletion(1), SleepCompletion(2), SleepCompletion(3)])
    assert cancel.poll(vm, Wait({2}))
    assert vm.arrivals.results.keys() == {1, 2}


def test_nothing_is_taken_before_a_wait() -> None:
    vm = machine()
    three_sleeps(vm)
    vm.receive([SleepCompletion(1)])
    assert vm.arrivals.results == {}


@pytest.mark.parametrize("order", list(permutations((1, 2, 3))))
def test_the_first_in_the_journal_wins_live_and_on_replay(order: tuple[int, ...]) -> None:
    live = machine()
    three_sleeps(live)
    wait = Wait({1, 2, 3})
    assert not cancel.poll(live, wait)
    for number in order:
        live.receive([SleepCompletion(number)])
    assert cancel.poll(live, wait)
    commands = [SleepCommand(1, number) for number in (1, 2, 3)]
    replayed = machine(*commands, *(SleepCompletion(number) for number in order))
    three_sleeps(replayed)
    assert cancel.poll(replayed, Wait({1, 2, 3}))
    assert live.arrivals.results.keys() == replayed.arrivals.results.keys() == {order[0]}


def test_waiting_for_all_takes_all() -> None:
    vm = machine()
    three_sleeps(vm)
    wait = Wait({1, 3}, every=True)
    vm.receive([SleepCompletion(3), SleepCompletion(2)])
    assert not cancel.poll(vm, wait)
    vm.receive([SleepCompletion(1)])
    assert cancel.poll(vm, wait)


def test_repeated_notifications_count_once() -> None:
    vm = machine()
    vm.receive([SignalNotification(17, b"first"), SignalNotification(17, b"second"), SleepCompletion(1)])
    assert cancel.poll(vm, Wait({1}))
    assert vm.arrivals.results[-17] == SignalNotification(17, b"first")


def test_acknowledgement_stands_for_the_proposed_result_at_its_place() -> None:
    vm = machine()
    run.begin(vm, "a")
    sleep.sleep(vm, 1, "")
    run.propose(vm, 1, None, Failure(500, "no"))
    vm.receive([SleepCompletion(2), ProposeRunCompletionAck(1)])
    assert cancel.poll(vm, Wait({1, 2}))
    assert vm.arrivals.results.keys() == {2}
    assert cancel.poll(vm, Wait({1}))
    result = vm.arrivals.results[1]
    assert result.failure == Failure(500, "no")  # type: ignore[union-attr]
    assert not vm.proposals


def test_acknowledgement_of_nothing_is_a_protocol_violation() -> None:
    vm = machine()
    with pytest.raises(SdkInternalException):
        vm.receive([ProposeRunCompletionAck(4)])
    (error,) = vm.outbox
    assert isinstance(error, Error)
    assert error.code == 571


def test_wait_during_replay_that_finds_nothing_is_a_mismatch() -> None:
    vm = machine(SleepCommand(1, 1), RunCommand(2, "next"))
    sleep.sleep(vm, 1, "")
    assert not cancel.poll(vm, Wait({1}))
    with pytest.raises(SdkInternalException, match="run 'next' here, the code now does await of a sleep"):
        vm.must_be_processing("a sleep")


def test_wait_after_the_replay_may_find_nothing() -> None:
    vm = machine(SleepCommand(1, 1))
    sleep.sleep(vm, 1, "")
    vm.must_be_processing("a sleep")
    assert vm.closed is None


class TestCancellation:
    def test_ends_the_wait_that_meets_it(self) -> None:
        vm = machine()
        three_sleeps(vm)
        vm.receive([SleepCompletion(1), CANCEL, SleepCompletion(2)])
        first, second = Wait({1}), Wait({2})
        assert cancel.poll(vm, first)
        assert not first.cancelled
        assert cancel.poll(vm, second)
        assert second.cancelled
        third = Wait({2})
        assert cancel.poll(vm, third)
        assert not third.cancelled

    def test_second_cancellation_is_a_second_one(self) -> None:
        vm = machine()
        three_sleeps(vm)
        vm.receive([CANCEL, CANCEL])
        for _ in range(2):
            wait = Wait({1})
            assert cancel.poll(vm, wait)
            assert wait.cancelled
        assert not cancel.poll(vm, Wait({1}))

    def test_is_passed_to_children_in_flight_only(self) -> None:
        vm = machine()
        for _ in range(2):
            call.call(vm, REQUEST)
        call.send(vm, REQUEST, 0)
        vm.receive(
            [
                CallInvocationIdCompletion(1, "inv_a"),
                CallInvocationIdCompletion(3, "inv_b"),
                CallInvocationIdCompletion(5, "inv_sent"),
                CallCompletion(2, b"done"),
                CANCEL,
            ]
        )
        vm.outbox.clear()
        wait = Wait({4})
        assert cancel.poll(vm, wait)
        assert wait.cancelled
        assert vm.outbox == [SendSignalCommand("inv_b", 1)]

    def test_waits_for_ids_of_children_that_are_not_known_yet(self) -> None:
        vm = machine()
        call.call(vm, REQUEST)
        call.call(vm, REQUEST)
        wait = Wait({2, 4}, every=True)
        vm.receive([CallInvocationIdCompletion(1, "inv_a"), CANCEL])
        vm.outbox.clear()
        assert not cancel.poll(vm, wait)
        assert wait.tree() == Future((3,), combinator=Combinator.ALL_COMPLETED)
        vm.receive([CallInvocationIdCompletion(3, "inv_b")])
        assert cancel.poll(vm, wait)
        assert vm.outbox == [SendSignalCommand("inv_a", 1), SendSignalCommand("inv_b", 1)]

    def test_second_one_while_waiting_for_ids_is_kept(self) -> None:
        vm = machine()
        call.call(vm, REQUEST)
        wait = Wait({2})
        vm.receive([CANCEL, CANCEL, CallInvocationIdCompletion(1, "inv_a")])
        assert cancel.poll(vm, wait)
        again = Wait({2})
        assert cancel.poll(vm, again)
        assert again.cancelled
        assert sum(isinstance(message, SendSignalCommand) for message in vm.outbox) == 1

    def test_survives_a_wait_that_was_given_up(self) -> None:
        """`asyncio.wait_for` may drop a wait while it waits for ids."""
        vm = machine()
        call.call(vm, REQUEST)
        vm.receive([CANCEL])
        assert not cancel.poll(vm, Wait({2}))
        vm.receive([CallInvocationIdCompletion(1, "inv_a")])
        wait = Wait({2})
        assert cancel.poll(vm, wait)
        assert wait.cancelled

    def test_replays_the_same(self) -> None:
        entries: list[Entry] = []
        live = machine()
        call.call(live, REQUEST)
        notifications: list[Notification] = [CallInvocationIdCompletion(1, "inv_a"), CANCEL]
        live.receive(notifications)
        assert cancel.poll(live, Wait({2}))
        command, signal = live.outbox
        entries = [command, *notifications, signal]  # type: ignore[list-item]
        replayed = machine(*entries)
        call.call(replayed, REQUEST)
        wait = Wait({2})
        assert cancel.poll(replayed, wait)
        assert wait.cancelled
        assert replayed.outbox == []
        assert not replayed.replaying


class TestTrees:
    def test_one(self) -> None:
        assert Wait({3}).tree() == Future((3,), (1,), combinator=Combinator.FIRST_COMPLETED)

    def test_first_of_several_kinds(self) -> None:
        tree = Wait({10, 9, -17, "go"}).tree()
        assert tree == Future((9, 10), (1, 17), ("go",), combinator=Combinator.FIRST_COMPLETED)

    def test_all_lie_below_the_cancellation(self) -> None:
        tree = Wait({1, 2, -17}, every=True).tree()
        inner = Future((1, 2), (17,), combinator=Combinator.ALL_COMPLETED)
        assert tree == Future((), (1,), (), (inner,), Combinator.FIRST_COMPLETED)

    def test_only_what_is_still_missing(self) -> None:
        vm = machine()
        three_sleeps(vm)
        wait = Wait({1, 2, 3}, every=True)
        vm.receive([SleepCompletion(2)])
        assert not cancel.poll(vm, wait)
        assert wait.tree().nested_futures[0].waiting_completions == (1, 3)
        vm.receive([SleepCompletion(1)])
        assert not cancel.poll(vm, wait)
        assert wait.tree() == Future((3,), (1,), combinator=Combinator.FIRST_COMPLETED)

    def test_tree_resolves_exactly_when_the_wait_is_over(self) -> None:
        for every in (False, True):
            tree = Wait({1, 2}, every=every).tree()
            assert resolve(tree, {}) is None
            assert (resolve(tree, {1: Outcome.SUCCESS}) is None) == every
            assert resolve(tree, {1: Outcome.SUCCESS, 2: Outcome.FAILURE}) is not None
            assert resolve(tree, {-1: Outcome.SUCCESS}) is not None


def test_suspension_carries_the_tree() -> None:
    vm = machine()
    wait = Wait({1})
    vm.suspend(wait)
    assert vm.outbox == [Suspension(wait.tree())]
    assert vm.closed is Closing.SUSPENDED
    assert isinstance(vm.unwinding(), SuspendedException)
