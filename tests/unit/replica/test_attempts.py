"""Live attempts: slots, stale frames, silence, what cannot be started."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, cast

import pytest
from msgspec.structs import replace
from partition_node import HandClock, Handler, Handlers

from machine_world import HANDLERS, INPUT, World, add, service
from odradek.protocol import messages as m
from odradek.protocol.attempt import Endpoint
from odradek.protocol.ids import format_invocation_id
from odradek_engine.invoker import attempts as attempting
from odradek_engine.invoker.attempts import Attempts
from odradek_engine.model.commands import AnyCommand, BeginAttempt, FailAttempt, HandlerMessages
from odradek_engine.model.effects import Deliver, StartAttempt
from odradek_engine.model.registry import Deployment, Schema
from odradek_engine.model.rows import AttemptFailure, Invocation
from until import until

DONE = (m.OutputCommand(b"out"), m.End())
DEPLOYMENT = Deployment("dp", 1, "sdk", 5, 7, (), in_process=False)


class Desk:
    """Attempts with two slots, and what they ask of partitions."""

    def __init__(self, limit: int = 2) -> None:
        self.clock = HandClock()
        self.handlers = Handlers()
        self.served = True
        self.asked: list[tuple[int, AnyCommand]] = []
        self.durable: list[Callable[[], None]] = []
        """Told when the larger commands are durable, in their order."""
        self.world = World()
        self.schema = Schema({}, {(one.service, one.handler): one for one in HANDLERS}, {})
        self.attempts = Attempts(
            self.clock,
            self.submit,
            lambda: self.schema,
            lambda _service: cast(Endpoint, self.handlers) if self.served else None,
            limit,
        )
        self.attempts.begin()

    def begin(
        self, invocation: Invocation | None = None, attempt: int = 1, partition: int = 0, deployment: str = ""
    ) -> Invocation:
        """A partition starts an attempt."""
        invocation = invocation or self.world.invocation(service())
        effect = StartAttempt(invocation, attempt, (INPUT,), {b"n": b"1"}, False, 3, 7, deployment)
        self.attempts.start(partition, effect)
        return invocation

    def submit(self, partition: int, command: AnyCommand, on_durable: Callable[[], None] | None = None) -> None:
        self.asked.append((partition, command))
        if on_durable is not None:
            self.durable.append(on_durable)

    def commands(self, kind: type[AnyCommand]) -> list[Any]:
        return [command for _, command in self.asked if isinstance(command, kind)]

    def handler(self, invocation: Invocation) -> Handler:
        return self.handlers.of(invocation.id)[-1]


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempting, "SILENCE_CHECK_SECONDS", 0.001)


def run(test: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(test())


class TestStart:
    def test_the_handler_is_told_everything(self) -> None:
        async def test() -> None:
            desk = Desk()
            invocation = desk.begin(desk.world.invocation(add(), key="k"), attempt=4)
            start = desk.handler(invocation).start
            assert start == m.Start(
                id=invocation.id,
                debug_id=format_invocation_id(invocation.id),
                known_entries=1,
                state_map={b"n": b"1"},
                partial_state=False,
                key="a",
                retry_count_since_last_stored_entry=3,
                duration_since_last_stored_entry=7,
                random_seed=int.from_bytes(invocation.id[16:], "little"),
                idempotency_key="k",
            )
            assert desk.handler(invocation).journal == (INPUT,)

        run(test)

    def test_a_service_that_nobody_serves_fails_the_attempt_and_keeps_no_slot(self) -> None:
        async def test() -> None:
            desk = Desk(limit=1)
            desk.served = False
            first, second = desk.world.invocation(service()), desk.world.invocation(service())
            for invocation in (first, second):
                desk.attempts.queue(0, invocation.id, 1)
            desk.begin(first)
            assert [command.failure.error_code for command in desk.commands(FailAttempt)] == ["RT0011"]
            assert [command.invocation for command in desk.commands(BeginAttempt)] == [first.id, second.id]

        run(test)

    def test_a_handler_that_cannot_be_started_fails_the_attempt_and_keeps_no_slot(self) -> None:
        async def test() -> None:
            desk = Desk(limit=1)
            desk.handlers.broken = True
            for _ in range(3):
                desk.begin()
            failures = desk.commands(FailAttempt)
            assert [command.failure.error_code for command in failures] == ["RT0007"] * 3
            assert "is broken" in failures[0].failure.message
            assert desk.attempts.live_count == 0

        run(test)


class TestFrames:
    def test_they_become_commands_of_the_attempt(self) -> None:
        async def test() -> None:
            desk = Desk()
            invocation = desk.begin(attempt=4, partition=3)
            desk.handler(invocation).say(m.RunCommand(1), m.ProposeRunCompletion(1, b"r"))
            messages = (m.RunCommand(1), m.ProposeRunCompletion(1, b"r"))
            assert desk.asked == [(3, HandlerMessages(invocation.id, 4, messages))]

        run(test)

    @pytest.mark.parametrize("last", [m.End(), m.Suspension(m.Future((1,))), m.Error(500, "no")])
    def test_after_the_last_one_nothing_is_heard(self, last: m.HandlerMessage) -> None:
        async def test() -> None:
            desk = Desk()
            invocation = desk.begin()
            desk.handler(invocation).say(last)
            desk.handler(invocation).say(m.RunCommand(1))
            assert [command.messages for command in desk.commands(HandlerMessages)] == [(last,)]
            assert not desk.attempts.is_live(invocation.id)
            assert not desk.handler(invocation).aborted

        run(test)

    def test_an_attempt_that_was_ended_is_not_heard_any_more(self) -> None:
        async def test() -> None:
            desk = Desk()
            invocation = desk.begin()
            old = desk.handler(invocation)
            desk.attempts.end(invocation.id, 2)
            assert not old.aborted
            desk.attempts.end(invocation.id, 1)
            assert old.aborted
            desk.begin(invocation, attempt=2)
            old.say(*DONE)
            assert desk.asked == []
            assert desk.attempts.is_live(invocation.id)

        run(test)

    def test_messages_reach_the_attempt_that_they_are_for(self) -> None:
        async def test() -> None:
            desk = Desk()
            invocation = desk.begin(attempt=2)
            for attempt in (1, 2, 3):
                message = m.SignalNotification(f"{attempt}")
                desk.attempts.deliver(invocation.id, Deliver(invocation.id, attempt, (message,)))
            desk.attempts.deliver(bytes(24), Deliver(bytes(24), 1, (m.SleepCompletion(1),)))
            assert desk.handler(invocation).delivered == [m.SignalNotification("2")]

        run(test)

    def test_a_long_stretch_is_cut_at_frames(self) -> None:
        async def test() -> None:
            desk = Desk()
            invocation = desk.begin()
            half, large = bytes(attempting.STRETCH_BYTES // 2 - 1000), bytes(attempting.STRETCH_BYTES + 1)
            stretch: list[m.HandlerMessage] = [
                m.SetStateCommand(b"1", half),
                m.RunCommand(1),
                m.ProposeRunCompletion(1, half),
                m.RunCommand(2),
                m.ProposeRunCompletion(2, large),
                m.RunCommand(3),
            ]
            desk.handler(invocation).say(*stretch)
            cut = [command.messages for command in desk.commands(HandlerMessages)]
            assert [message for part in cut for message in part] == stretch
            assert [len(part) for part in cut] == [4, 1, 1]

        run(test)


class TestPressure:
    def test_a_handler_that_says_much_is_heard_no_further_until_that_is_durable(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(attempting, "UNTAKEN_BYTES_MAX", 100_000)

        async def test() -> None:
            desk = Desk()
            engine = desk.handler(desk.begin()).engine
            told: list[str] = []
            for number, size in enumerate((60_000, 100, 60_000, 60_000)):
                engine.send([m.SetStateCommand(b"n", bytes(size))])
                engine.when_taken(partial(told.append, f"after {number}"))
            assert told == ["after 0", "after 1"]
            assert len(desk.durable) == 3
            desk.durable[0]()
            assert told == ["after 0", "after 1"]
            desk.durable[1]()
            assert told == [f"after {number}" for number in range(4)]
            engine.when_taken(partial(told.append, "at once"))
            assert told[-1] == "at once"

        run(test)


class TestSlots:
    def test_no_more_run_than_there_are_slots_and_the_others_follow_in_order(self) -> None:
        async def test() -> None:
            desk = Desk()
            first, second, third, fourth = (desk.begin() for _ in range(4))
            assert (desk.attempts.live_count, desk.attempts.waiting_count) == (2, 2)
            desk.handler(second).say(*DONE)
            assert desk.commands(BeginAttempt) == [BeginAttempt(third.id, 1)]
            desk.handler(first).say(*DONE)
            assert desk.commands(BeginAttempt) == [BeginAttempt(third.id, 1), BeginAttempt(fourth.id, 1)]
            fifth = desk.begin()
            assert not desk.handlers.of(fifth.id)  # both slots are kept for those who were granted them
            for invocation in (fourth, third):
                desk.begin(invocation)
                assert desk.attempts.is_live(invocation.id)
            assert desk.attempts.live_count == 2

        run(test)

    def test_a_slot_of_one_that_was_overtaken_goes_to_the_next(self) -> None:
        async def test() -> None:
            desk = Desk(limit=1)
            first, second, third = (desk.begin() for _ in range(3))
            desk.handler(first).say(*DONE)
            desk.attempts.end(second.id, 1)  # the machine's answer to `BeginAttempt`
            assert [command.invocation for command in desk.commands(BeginAttempt)] == [second.id, third.id]

        run(test)

    def test_one_that_stands_in_line_twice_runs_once(self) -> None:
        async def test() -> None:
            desk = Desk(limit=2)
            first, second, third = desk.begin(), desk.begin(), desk.begin()
            desk.begin(third)
            for invocation in (first, second):
                desk.handler(invocation).say(*DONE)
            for _ in desk.commands(BeginAttempt):
                desk.begin(third)
            assert len(desk.commands(BeginAttempt)) == 2
            assert len(desk.handlers.of(third.id)) == 1

        run(test)

    def test_one_that_stands_in_line_again_while_it_runs_keeps_no_second_slot(self) -> None:
        async def test() -> None:
            desk = Desk(limit=2)
            first, second, third = desk.begin(), desk.begin(), desk.begin()
            desk.begin(third)
            for invocation in (first, second):
                desk.handler(invocation).say(*DONE)
                desk.begin(third)
            fourth = desk.begin()
            assert desk.attempts.is_live(fourth.id)

        run(test)

    def test_an_attempt_that_is_overtaken_is_aborted_and_its_slot_free(self) -> None:
        async def test() -> None:
            desk = Desk(limit=2)
            first = desk.begin()
            desk.begin(first, attempt=2)
            older, newer = desk.handlers.of(first.id)
            assert (older.aborted, newer.aborted) == (True, False)
            assert desk.attempts.is_live(desk.begin().id)
            assert desk.attempts.waiting_count == 0

        run(test)

    def test_one_deployment_s_attempts_leave_room_for_others(self) -> None:
        async def test() -> None:
            desk = Desk(limit=3)
            desk.schema = replace(desk.schema, deployments=dict.fromkeys(("dp_1", "dp_2"), DEPLOYMENT))
            hung = [desk.begin(deployment="dp_1") for _ in range(5)]
            assert [desk.attempts.is_live(one.id) for one in hung] == [True, True, False, False, False]
            other = desk.begin(deployment="dp_2")
            assert desk.attempts.is_live(other.id)
            desk.handler(other).say(*DONE)
            assert desk.commands(BeginAttempt) == []
            desk.handler(hung[0]).say(*DONE)
            assert desk.commands(BeginAttempt) == [BeginAttempt(hung[2].id, 1)]

        run(test)

    def test_what_a_new_leader_finds_counts_for_its_deployment_once_that_is_known(self) -> None:
        async def test() -> None:
            desk = Desk(limit=3)
            desk.schema = replace(desk.schema, deployments=dict.fromkeys(("dp_1", "dp_2"), DEPLOYMENT))
            found = [desk.world.invocation(service()) for _ in range(3)]
            for one in found:
                desk.attempts.queue(0, one.id, 1)
            for command in list(desk.commands(BeginAttempt)):
                (one,) = [each for each in found if each.id == command.invocation]
                desk.begin(one, deployment="dp_1")
            assert desk.attempts.live_count == 2
            assert desk.attempts.is_live(desk.begin(deployment="dp_2").id)

        run(test)

    def test_a_partition_s_attempts_end_with_its_term(self) -> None:
        async def test() -> None:
            desk = Desk()
            mine = [desk.begin(partition=1) for _ in range(3)]
            other = desk.begin(partition=2)
            desk.attempts.abort_all(1)
            assert all(desk.handler(one).aborted for one in mine[:2])
            assert desk.asked == [(2, BeginAttempt(other.id, 1))]
            desk.begin(other, partition=2)
            assert desk.attempts.live_count == 1
            assert desk.attempts.waiting_count == 0

        run(test)

    def test_slots_granted_to_a_partition_are_free_after_its_term(self) -> None:
        async def test() -> None:
            desk = Desk(limit=1)
            first = desk.begin(partition=2)
            desk.begin(partition=1)
            other = desk.begin(partition=2)
            desk.handler(first).say(*DONE)  # partition 1 is granted the slot
            desk.attempts.abort_all(1)
            assert desk.asked[-1] == (2, BeginAttempt(other.id, 1))

        run(test)


class TestSilence:
    def test_a_silent_handler_is_asked_to_suspend_and_then_aborted(self) -> None:
        async def test() -> None:
            desk = Desk()
            invocation = desk.begin(partition=3)
            handler = desk.handler(invocation)
            desk.clock.ms += 59_999
            await asyncio.sleep(0.01)
            assert handler.input_open
            desk.clock.ms += 1
            await until(lambda: not handler.input_open)
            desk.clock.ms += 599_999
            handler.say(m.RunCommand(1))  # a word starts the abort timeout again
            desk.clock.ms += 599_999
            await asyncio.sleep(0.01)
            assert not handler.aborted
            desk.clock.ms += 1
            await until(lambda: handler.aborted)
            failed = desk.asked[-1]
            assert failed[0] == 3
            assert isinstance(failed[1], FailAttempt)
            assert (failed[1].attempt, failed[1].failure.error_code) == (1, "RT0001")
            assert desk.attempts.live_count == 0

        run(test)

    @pytest.mark.parametrize("speaks", [True, False])
    def test_traffic_in_either_direction_is_no_silence(self, speaks: bool) -> None:
        async def test() -> None:
            desk = Desk()
            invocation = desk.begin()
            handler = desk.handler(invocation)
            for number in range(3):
                desk.clock.ms += 59_999
                if speaks:
                    handler.say(m.RunCommand(number))
                else:
                    message = m.SignalNotification(f"{number}")
                    desk.attempts.deliver(invocation.id, Deliver(invocation.id, 1, (message,)))
                await asyncio.sleep(0.005)
            assert handler.input_open

        run(test)


class TestRemoteHandlers:
    """What a handler's side may report that is reached through a transport."""

    def begun(self, desk: Desk, deployment: str = "dp_1") -> Invocation:
        invocation = desk.world.invocation(service())
        desk.attempts.start(2, StartAttempt(invocation, 3, (INPUT,), {}, False, 0, 0, deployment, 6))
        return invocation

    def test_it_may_fail_on_its_own(self) -> None:
        async def test() -> None:
            desk = Desk(limit=1)
            invocation = self.begun(desk)
            waiting = desk.begin(partition=1)
            engine = desk.handler(invocation).engine
            failure = AttemptFailure(500, "gone", "RT0010")
            for _ in range(2):
                engine.fail(failure, 3000, m.ErrorBehavior.PAUSE)
            assert desk.asked == [
                (1, BeginAttempt(waiting.id, 1)),
                (2, FailAttempt(invocation.id, 3, failure, 3000, m.ErrorBehavior.PAUSE)),
            ]

        run(test)

    def test_a_sign_of_life_is_no_silence(self) -> None:
        async def test() -> None:
            desk = Desk()
            handler = desk.handler(self.begun(desk))
            for _ in range(3):
                desk.clock.ms += 59_999
                handler.engine.heard()
                await asyncio.sleep(0.005)
            assert handler.input_open
            handler.say(*DONE)
            handler.engine.heard()
            assert desk.attempts.live_count == 0

        run(test)

    @pytest.mark.parametrize("deployment", ["", "dp_1"])
    def test_without_an_inactivity_timeout_it_is_asked_to_suspend_at_once(self, deployment: str) -> None:
        async def test() -> None:
            desk = Desk()
            key = ("Greeter", "greet")
            desk.schema = Schema({}, {key: replace(desk.schema.handlers[key], inactivity_timeout=0)}, {})
            handler = desk.handler(self.begun(desk, deployment))
            assert handler.input_open == (deployment == "")
            await until(lambda: not handler.input_open)

        run(test)

    def test_a_deployment_that_is_gone_fails_the_attempt(self) -> None:
        async def test() -> None:
            desk = Desk()
            desk.served = False
            self.begun(desk)
            ((partition, failed),) = desk.asked
            assert isinstance(failed, FailAttempt)
            assert (partition, failed.failure.error_code) == (2, "RT0011")
            assert "dp_1" in failed.failure.message

        run(test)
