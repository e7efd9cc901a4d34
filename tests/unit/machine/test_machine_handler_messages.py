"""What each message of a handler brings about."""

from typing import Any

import pytest

from machine_world import HOUR, INPUT, World, add, get, service
from odradek.protocol import messages as m
from odradek.protocol.ids import format_awakeable_id, format_invocation_id, parse_invocation_id
from odradek_engine.model import commands as c
from odradek_engine.model.effects import AnyEffect, ArmTimer, Deliver, EndAttempt, SendMessage, StartAttempt
from odradek_engine.model.events import EntriesAppended, ErrorRecorded, MessageSent, StateChanged, TimerSet
from odradek_engine.model.rows import AttemptFailure, Invocation, Phase, Source, SourceKind, Timer, TimerKind
from odradek_engine.model.target import Target
from odradek_engine.partition.routing import CHILDREN_AT_HOME, new_invocation_id, partition_of_invocation

DONE = m.OutputCommand(b"out")


def call(handler: str = "greet", service: str = "Greeter", key: str = "", **settings: Any) -> m.CallCommand:
    values: dict[str, Any] = {
        "parameter": b"in",
        "headers": (),
        "idempotency_key": None,
        "invocation_id_notification_idx": 1,
        "result_completion_id": 2,
        **settings,
    }
    return m.CallCommand(service, handler, key=key, **values)


def send(handler: str = "greet", service: str = "Greeter", key: str = "", **settings: Any) -> m.OneWayCallCommand:
    values: dict[str, Any] = {
        "parameter": b"in",
        "headers": (),
        "invoke_time": 0,
        "idempotency_key": None,
        "invocation_id_notification_idx": 1,
        **settings,
    }
    return m.OneWayCallCommand(service, handler, key=key, **values)


def failure_of(world: World, invocation: Invocation) -> AttemptFailure:
    """Why the attempt failed; its retry is set."""
    event = world.only(ErrorRecorded)
    assert event.event.kind == "TransientError"
    assert event.event.failure is not None
    status = world.status(invocation)
    assert status.phase is Phase.INVOKED
    assert status.retry is not None
    assert status.retry.last_failure == event.event.failure
    assert EndAttempt(invocation.id, status.attempt - 1) in world.effects
    return event.event.failure


def delivered(effects: list[AnyEffect]) -> tuple[m.EngineMessage, ...]:
    return tuple(message for effect in effects if isinstance(effect, Deliver) for message in effect.messages)


class TestStretches:
    def test_a_stretch_is_one_event_and_one_delivery(self) -> None:
        world = World()
        invocation = world.invoke(service())
        run, result = m.RunCommand(1, "step"), m.ProposeRunCompletion(1, b"r")
        world.say(invocation, run, result, m.RunCommand(2), m.ProposeRunCompletion(2, failure=m.Failure(500, "no")))
        expected = (run, m.RunCompletion(1, b"r"), m.RunCommand(2), m.RunCompletion(2, failure=m.Failure(500, "no")))
        assert world.events == [EntriesAppended(invocation.id, 1, expected, world.now)]
        acknowledgements = (m.ProposeRunCompletionAck(1), m.ProposeRunCompletionAck(2))
        assert world.effects == [Deliver(invocation.id, 1, acknowledgements)]

    def test_an_older_attempt_is_not_heard(self) -> None:
        world = World()
        invocation = world.invoke(service())
        for attempt in (0, 2):
            world.say(invocation, m.RunCommand(1), attempt=attempt)
            assert (world.events, world.effects) == ([], [])

    def test_nobody_hears_of_one_that_is_gone_or_not_running(self) -> None:
        world = World()
        delayed = world.invoke(service(), at=world.now + 1)
        for invocation in (delayed, world.invocation(service())):
            world.say(invocation, m.RunCommand(1), attempt=0)
            assert (world.events, world.effects) == ([], [])

    @pytest.mark.parametrize(
        "message", [m.InputCommand((), b""), m.SleepCompletion(1), m.SignalNotification(17), m.RunCompletion(1, b"")]
    )
    def test_what_only_the_engine_says_breaks_the_attempt(self, message: Any) -> None:
        world = World()
        invocation = world.invoke(service())
        world.say(invocation, m.RunCommand(1), message, m.RunCommand(2))
        assert failure_of(world, invocation).error_code == "RT0012"
        assert world.journal(invocation) == (INPUT, m.RunCommand(1))

    def test_awaiting_changes_nothing(self) -> None:
        world = World()
        world.say(world.invoke(service()), m.AwaitingOn(m.Future((1,))))
        assert (world.events, world.effects) == ([], [])

    def test_an_end_without_output_breaks_the_attempt(self) -> None:
        world = World()
        invocation = world.invoke(service())
        world.say(invocation, m.End())
        assert failure_of(world, invocation).code == 571

    def test_an_output_of_an_earlier_stretch_is_enough(self) -> None:
        world = World()
        invocation = world.invoke(service())
        world.say(invocation, DONE)
        world.restart()
        world.say(invocation, m.End())
        assert world.tables.completions.get(invocation.id) is not None


class TestRuns:
    def test_a_result_may_come_later_and_after_a_restart(self) -> None:
        world = World()
        invocation = world.invoke(service())
        world.say(invocation, m.RunCommand(1))
        assert world.found(Deliver) == []
        world.restart()
        world.say(invocation, m.ProposeRunCompletion(1, b"r"))
        assert world.journal(invocation)[1:] == (m.RunCommand(1), m.RunCompletion(1, b"r"))
        assert delivered(world.effects) == (m.ProposeRunCompletionAck(1),)

    @pytest.mark.parametrize("same_stretch", [True, False])
    def test_a_second_result_is_dropped(self, same_stretch: bool) -> None:
        world = World()
        invocation = world.invoke(service())
        messages: list[m.HandlerMessage] = [
            m.RunCommand(1),
            m.ProposeRunCompletion(1, b"1"),
            m.ProposeRunCompletion(1, b"2"),
        ]
        for stretch in [messages] if same_stretch else [messages[:2], messages[2:]]:
            world.say(invocation, *stretch)
        assert world.journal(invocation)[1:] == (m.RunCommand(1), m.RunCompletion(1, b"1"))

    def test_a_result_that_nobody_asked_for_breaks_the_attempt(self) -> None:
        world = World()
        invocation = world.invoke(service())
        sleep = m.SleepCommand(world.now + 1, 3)
        for unknown in (m.ProposeRunCompletion(9, b"r"), m.ProposeRunCompletion(3, b"r")):
            world.say(invocation, sleep, unknown)
            assert failure_of(world, invocation).code == 571


class TestState:
    def test_writes_take_effect_with_their_entry(self) -> None:
        world = World()
        invocation = world.invoke(add())
        world.say(invocation, m.SetStateCommand(b"a", b"1"), m.SetStateCommand(b"b", b""), m.ClearStateCommand(b"a"))
        assert [row[1:] for row in world.rows()["state"]] == [(b"b", b"")]
        assert len(world.found(EntriesAppended)) == 1

    def test_all_of_it_goes_at_once_and_by_name(self) -> None:
        world = World()
        invocation = world.invoke(add())
        world.say(invocation, m.SetStateCommand(b"a", b"1"))
        world.restart()
        world.say(invocation, m.SetStateCommand(b"b", b"2"), m.ClearAllStateCommand(), m.SetStateCommand(b"c", b"3"))
        assert [event.values for event in world.found(StateChanged)][1] == {b"a": None, b"b": None}
        assert [row[1:] for row in world.rows()["state"]] == [(b"c", b"3")]

    def test_lazy_reads_see_what_was_written_before_them(self) -> None:
        world = World()
        invocation = world.invoke(add())
        world.say(
            invocation,
            m.GetLazyStateCommand(b"a", 1),
            m.SetStateCommand(b"a", b"1"),
            m.GetLazyStateCommand(b"a", 2),
            m.SetStateCommand(b"b", b"2"),
            m.GetLazyStateKeysCommand(3),
        )
        completions = (
            m.GetLazyStateCompletion(1),
            m.GetLazyStateCompletion(2, b"1"),
            m.GetLazyStateKeysCompletion(3, (b"a", b"b")),
        )
        assert delivered(world.effects) == completions
        assert world.journal(invocation)[2] == completions[0]

    def test_eager_reads_are_noted(self) -> None:
        world = World()
        invocation = world.invoke(get())
        reads = (m.GetEagerStateCommand(b"a"), m.GetEagerStateKeysCommand(()))
        world.say(invocation, *reads)
        assert world.journal(invocation)[1:] == reads
        assert world.effects == []

    @pytest.mark.parametrize(
        "write", [m.SetStateCommand(b"a", b"1"), m.ClearStateCommand(b"a"), m.ClearAllStateCommand()]
    )
    def test_shared_handlers_may_not_write(self, write: Any) -> None:
        world = World()
        invocation = world.invoke(get())
        world.say(invocation, m.RunCommand(1, "before"), write, m.RunCommand(2))
        failure = failure_of(world, invocation)
        assert failure.error_code == "RT0017"
        assert failure.related_command_index == 2
        assert failure.related_command_type == write.__struct_config__.tag
        assert failure.message.startswith("cannot process command Command: ")
        assert world.journal(invocation) == (INPUT, m.RunCommand(1, "before"))
        assert not world.rows().get("state")

    @pytest.mark.parametrize(
        "command",
        [
            m.SetStateCommand(b"a", b"1"),
            m.ClearAllStateCommand(),
            m.GetLazyStateCommand(b"a", 1),
            m.GetLazyStateKeysCommand(1),
            m.GetEagerStateCommand(b"a"),
            m.GetEagerStateKeysCommand(()),
        ],
    )
    def test_services_have_none(self, command: Any) -> None:
        world = World()
        invocation = world.invoke(service())
        world.say(invocation, command)
        assert failure_of(world, invocation).error_code == "RT0017"
        assert world.journal(invocation) == (INPUT,)


class TestSleep:
    def test_it_ends_when_its_timer_fires(self) -> None:
        world = World()
        invocation = world.invoke(service())
        timer = Timer(world.now + HOUR, TimerKind.SLEEP, invocation.id, 4)
        world.say(invocation, m.SleepCommand(timer.due_at, 4))
        assert world.only(TimerSet).timer == world.only(ArmTimer).timer == timer
        world.now = timer.due_at
        world.decide(c.FireTimer(timer))
        assert delivered(world.effects) == (m.SleepCompletion(4),)
        assert world.journal(invocation)[-1] == m.SleepCompletion(4)
        world.decide(c.FireTimer(timer))
        assert world.events == []

    @pytest.mark.parametrize("late", [0, HOUR])
    def test_a_time_that_has_come_completes_at_once(self, late: int) -> None:
        world = World()
        invocation = world.invoke(service())
        world.say(invocation, m.SleepCommand(world.now - late, 4))
        assert world.found(TimerSet) == []
        assert delivered(world.effects) == (m.SleepCompletion(4),)

    def test_the_end_clears_what_still_sleeps(self) -> None:
        world = World()
        invocation = world.invoke(service())
        world.say(invocation, m.SleepCommand(world.now + 1, 4), m.SleepCommand(world.now + 2, 5), DONE, m.End())
        assert not world.rows().get("timers")


class TestCalls:
    def test_the_child_is_known_at_once_and_its_result_comes_back(self) -> None:
        world = World()
        parent = world.invoke(service())
        world.say(parent, call("add", "Counter", "a"))
        start = world.only(StartAttempt)
        child = start.invocation
        assert child.source == Source(SourceKind.SERVICE, parent.id, parent.target)
        assert (child.target, child.completion_retention) == (add(), 24 * HOUR)
        assert start.journal == (m.InputCommand((), b"in"),)
        known = m.CallInvocationIdCompletion(1, format_invocation_id(child.id))
        assert delivered(world.effects) == (known,)
        world.say(child, DONE, m.End())
        assert delivered(world.effects) == (m.CallCompletion(2, b"out"),)
        assert world.journal(parent)[-1] == m.CallCompletion(2, b"out")

    def test_a_result_counts_once(self) -> None:
        world = World()
        parent = world.invoke(service())
        world.say(parent, call())
        for value in (b"1", b"2"):
            world.decide(c.CompleteCall(parent.id, m.CallCompletion(2, value)))
        assert world.events == []
        assert world.journal(parent)[-1] == m.CallCompletion(2, b"1")

    def test_a_result_for_an_earlier_life_of_the_caller_is_dropped(self) -> None:
        world = World()
        parent = world.invoke(service())
        world.say(parent, call())
        (child,) = (start.invocation for start in world.found(StartAttempt))
        other = world.invocation(service())
        world.decide(c.CompleteCall(parent.id, m.CallCompletion(2, b"late"), other.id))
        world.decide(c.CompleteCall(parent.id, m.CallCompletion(3, b"no call has this number yet"), child.id))
        assert world.events == []
        world.decide(c.CompleteCall(parent.id, m.CallCompletion(2, b"right"), child.id))
        assert world.journal(parent)[-1] == m.CallCompletion(2, b"right")

    def test_a_result_for_nobody_is_dropped(self) -> None:
        world = World()
        world.decide(c.CompleteCall(world.invocation(service()).id, m.CallCompletion(2, b"")))
        assert (world.events, world.effects) == ([], [])

    def test_calls_and_sends_to_one_object_arrive_in_order(self) -> None:
        world = World()
        parent = world.invoke(service())
        world.say(
            parent,
            call("add", "Counter", "a", parameter=b"1"),
            send("add", "Counter", "a", parameter=b"2", invocation_id_notification_idx=3),
            call("add", "Counter", "a", parameter=b"3", invocation_id_notification_idx=4, result_completion_id=5),
        )
        seen = []
        for _ in range(3):
            start = world.only(StartAttempt)
            seen.append(start.journal[0].value)  # type: ignore[union-attr]
            world.say(start.invocation, DONE, m.End())
        assert seen == [b"1", b"2", b"3"]

    def test_a_send_has_no_way_back_and_may_be_late(self) -> None:
        world = World()
        parent = world.invoke(service())
        world.say(parent, send(invoke_time=world.now + HOUR))
        child_id = parse_invocation_id(world.journal(parent)[-1].invocation_id)  # type: ignore[union-attr]
        assert world.status(child_id).phase is Phase.SCHEDULED
        world.now += HOUR
        world.decide(c.FireTimer(Timer(world.now, TimerKind.START, child_id)))
        world.say(child_id, DONE, m.End())
        assert world.journal(parent)[-1] == m.CallInvocationIdCompletion(1, format_invocation_id(child_id))

    def test_an_idempotency_key_finds_the_one_that_is_there(self) -> None:
        world = World()
        parent = world.invoke(service())
        child = world.invoke(service(), key="k")
        world.say(parent, call(idempotency_key="k"))
        assert world.started() == []
        world.say(child, DONE, m.End())
        assert world.journal(parent)[-1] == m.CallCompletion(2, b"out")

    @pytest.mark.parametrize("command", [call("nobody"), send("greet", "Nobody")])
    def test_an_unknown_handler_breaks_the_attempt(self, command: Any) -> None:
        world = World()
        invocation = world.invoke(service())
        world.say(invocation, command)
        failure = failure_of(world, invocation)
        assert (failure.code, failure.error_code) == (500, "RT0018")
        name = f"{command.service_name}/{command.handler_name}"
        assert failure.message.endswith(f"the service handler {name} was not found")
        assert world.journal(invocation) == (INPUT,)

    @pytest.mark.parametrize("command", [call(key="k"), call(idempotency_key=""), send(key="k")])
    def test_keys_that_cannot_be_break_the_attempt(self, command: Any) -> None:
        world = World()
        invocation = world.invoke(service())
        world.say(invocation, command)
        assert failure_of(world, invocation).error_code == "RT0017"

    def test_the_first_children_without_a_key_stay_at_home(self) -> None:
        world = World(partitions=1000)
        parent = world.invoke(service())
        world.partition = world.surroundings.partition
        calls = [
            send(invocation_id_notification_idx=number, idempotency_key=None) for number in range(CHILDREN_AT_HOME + 8)
        ]
        world.say(parent, *calls)
        entries = [entry for entry in world.journal(parent) if isinstance(entry, m.CallInvocationIdCompletion)]
        homes = [partition_of_invocation(parse_invocation_id(entry.invocation_id), 1000) for entry in entries]
        home = partition_of_invocation(parent.id, 1000)
        assert homes[:CHILDREN_AT_HOME] == [home] * CHILDREN_AT_HOME
        assert set(homes[CHILDREN_AT_HOME:]) != {home}


class TestOtherPartitions:
    def elsewhere(self, target: Target, partition: int) -> str:
        """A key of an object of another partition."""
        keys = (str(number) for number in range(1000))
        for key in keys:
            raw = new_invocation_id(Target(target.kind, target.service, target.handler, key), None, bytes(16))
            if partition_of_invocation(raw, 3) == partition:
                return key
        raise AssertionError

    def test_messages_are_numbered_for_each_target(self) -> None:
        world = World(partitions=3)
        parent = world.invocation(service())
        world.decide(c.Invoke(parent, INPUT))
        keys = [self.elsewhere(add(), partition) for partition in (1, 2, 1)]
        calls = [
            call("add", "Counter", key, invocation_id_notification_idx=2 * n + 1, result_completion_id=2 * n + 2)
            for n, key in enumerate(keys)
        ]
        world.say(parent, *calls)
        sent = world.found(MessageSent)
        assert [(event.target, event.sequence) for event in sent] == [(1, 1), (2, 1), (1, 2)]
        assert [(effect.target, effect.sequence, effect.message) for effect in world.found(SendMessage)] == [
            (event.target, event.sequence, event.message) for event in sent
        ]
        assert world.started() == []
        world.restart()
        world.say(parent, send("add", "Counter", keys[0], invocation_id_notification_idx=9))
        assert (world.only(MessageSent).target, world.only(MessageSent).sequence) == (1, 3)


class TestSignals:
    def test_an_awakeable_is_completed_once(self) -> None:
        world = World()
        waiting, other = world.invoke(service()), world.invoke(service())
        awakeable = format_awakeable_id(waiting.id, 17)
        world.say(other, m.CompleteAwakeableCommand(awakeable, b"1"), m.CompleteAwakeableCommand(awakeable, b"2"))
        assert world.journal(waiting)[1:] == (m.SignalNotification(17, b"1"),)

    def test_a_named_signal_reaches_its_target(self) -> None:
        world = World()
        waiting, other = world.invoke(service()), world.invoke(service())
        world.say(other, m.SendSignalCommand(format_invocation_id(waiting.id), "go", b"1"))
        assert delivered(world.effects) == (m.SignalNotification("go", b"1"),)

    def test_the_cancel_signal_cancels(self) -> None:
        world = World()
        holder, waiting = world.invoke(add()), world.invoke(add())
        world.say(holder, m.SendSignalCommand(format_invocation_id(waiting.id), m.CANCEL_SIGNAL))
        assert world.tables.statuses.get(waiting.id) is None

    def test_for_nobody_they_are_dropped(self) -> None:
        world = World()
        gone, other = world.invocation(service()), world.invoke(service())
        world.say(
            other,
            m.CompleteAwakeableCommand(format_awakeable_id(gone.id, 17), b"1"),
            m.SendSignalCommand(format_invocation_id(gone.id), "go"),
        )
        assert len(world.journal(other)) == 3
        assert world.effects == []

    @pytest.mark.parametrize(
        "command", [m.CompleteAwakeableCommand("sign_1nonsense"), m.SendSignalCommand("inv_1nonsense", "go")]
    )
    def test_an_id_that_is_none_breaks_the_attempt(self, command: Any) -> None:
        world = World()
        invocation = world.invoke(service())
        world.say(invocation, command)
        assert failure_of(world, invocation).error_code == "RT0017"
