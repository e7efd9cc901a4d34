"""Bugs in what the machine decides, and in what handlers and subscriptions make of it."""

from __future__ import annotations

from typing import Any, Final

from msgspec.structs import replace

from odradek.driver.attempt import Attempt
from odradek.protocol.messages import CallCompletion, ProposeRunCompletionAck
from odradek_connectors.window import Window
from odradek_engine.invoker.attempts import Attempts
from odradek_engine.model import commands as c
from odradek_engine.model import events as e
from odradek_engine.model.effects import AcknowledgeMessage
from odradek_engine.model.outcomes import Done
from odradek_engine.partition import machine
from odradek_engine.partition.decide import completing, failing, invoke, starting
from odradek_engine.partition.decide.decision import Decision
from odradek_engine.partition.decide.entries import promise, sleep
from odradek_engine.partition.decide.notifying import notify
from odradek_engine.partition.decide.starting import create
from odradek_engine.partition.decide.stretch import Stretch
from odradek_engine.replica.timers import TimerQueue
from simulation.mutants.plant import Mutant, Plant


def _decides(plant: Plant, command: type, decide: Any) -> Any:
    return plant.put(machine._DECIDE, command, decide)  # type: ignore[arg-type]


# --- between partitions ---


def messages_taken_twice(plant: Plant) -> None:
    def take_all(d: Decision, command: c.ReceiveMessage) -> None:
        d.emit(e.MessageTaken(command.sender, command.sequence))
        d.effect(AcknowledgeMessage(command.sender, command.sequence))
        d.no_more_answers()
        d.follow_ups.append(command.command)

    _decides(plant, c.ReceiveMessage, take_all)


def an_acknowledged_message_stays(plant: Plant) -> None:
    def acknowledge(d: Decision, command: c.AcknowledgeMessages) -> None:
        decide(d, replace(command, sequence=command.sequence - 1))

    decide = _decides(plant, c.AcknowledgeMessages, acknowledge)


# --- timers ---


def timers_fire_early(plant: Plant) -> None:
    def early(d: Decision, command: c.FireTimer) -> None:
        d.now += 50
        fire(d, command)
        d.now -= 50

    fire = _decides(plant, c.FireTimer, early)
    plant.around(TimerQueue, "take_due", lambda take: lambda queue, now, limit: take(queue, now + 50, limit))
    plant.around(TimerQueue, "next_due", lambda due: lambda queue: (due(queue) or 50) - 50 if due(queue) else None)


def timers_not_cleared(plant: Plant) -> None:
    def keep(emit: Any) -> Any:
        return lambda d, event: None if isinstance(event, e.TimerCleared) else emit(d, event)

    plant.around(Decision, "emit", keep)


def timer_removed_before_its_record(plant: Plant) -> None:
    def drop(d: Decision, command: c.FireTimer) -> None:
        if d.tables.statuses.get(command.timer.invocation) is not None and d.now % 5 == 0:
            d.emit(e.TimerCleared(command.timer))
            return
        fire(d, command)

    fire = _decides(plant, c.FireTimer, drop)


# --- handlers ---


def results_relied_on_before_durable(plant: Plant) -> None:
    def hasty(propose: Any) -> Any:
        def propose_and_go_on(attempt: Any, block: Any, *result: Any) -> None:
            propose(attempt, block, *result)
            attempt._loop.call_soon(attempt.deliver, (ProposeRunCompletionAck(block.number),))

        return propose_and_go_on

    plant.around(Attempt, "propose", hasty)


def older_attempts_are_heard(plant: Plant) -> None:
    def received(attempts: Any, live: Any, messages: Any) -> None:
        if messages:
            attempts._submit(live.partition, c.HandlerMessages(live.invocation, live.attempt, tuple(messages)))

    def any_attempt(d: Decision, command: c.HandlerMessages) -> None:
        status = d.tables.statuses.get(command.invocation)
        if status is not None:
            command = replace(command, attempt=status.attempt)
        decide(d, command)

    decide = _decides(plant, c.HandlerMessages, any_attempt)
    plant.put(Attempts, "received", received)


def a_start_lacks_the_last_entry(plant: Plant) -> None:
    def shorten(effect: Any) -> Any:
        def add(d: Any, one: Any) -> None:
            journal = getattr(one, "journal", ())
            effect(d, replace(one, journal=journal[:-1]) if len(journal) > 1 else one)

        return add

    plant.around(Decision, "effect", shorten)


def results_come_twice(plant: Plant) -> None:
    def again(d: Decision, command: c.CompleteCall) -> None:
        decide(d, command)
        status = d.tables.statuses.get(command.invocation)
        if status is not None and isinstance(command.completion, CallCompletion):
            notify(d, command.invocation, status, command.completion)

    decide = _decides(plant, c.CompleteCall, again)


def failed_attempts_are_not_tried_again(plant: Plant) -> None:
    def forget(d: Decision, command: c.FireTimer) -> None:
        if command.timer.kind.name == "RETRY":
            d.emit(e.TimerCleared(command.timer))
        else:
            fire(d, command)

    fire = _decides(plant, c.FireTimer, forget)


# --- objects, keys, promises ---


def a_lock_is_never_released(plant: Plant) -> None:
    plant.put(completing.__dict__, "release_lock", lambda *_: None)


def kill_keeps_the_lock(plant: Plant) -> None:
    def kill_badly(d: Decision, command: c.Kill) -> None:
        names = completing.__dict__
        release_lock = names["release_lock"]
        names["release_lock"] = lambda *_: None
        try:
            decide(d, command)
        finally:
            names["release_lock"] = release_lock

    decide = _decides(plant, c.Kill, kill_badly)


def an_object_lets_two_in(plant: Plant) -> None:
    plant.around(
        starting.__dict__,
        "_take_turn",
        lambda _: lambda d, invocation, status: starting._running(d, invocation, status),
    )


def a_known_request_begins_again(plant: Plant) -> None:
    def begin(d: Decision, command: c.Invoke) -> None:
        if d.tables.completions.get(command.invocation.id) is not None:
            invoke._begin(d, command)
        else:
            decide(d, command)

    decide = _decides(plant, c.Invoke, begin)


def results_are_kept_too_short(plant: Plant) -> None:
    def shorten(keep: Any) -> Any:
        return lambda d, invocation, *rest: keep(d, replace(invocation, completion_retention=1), *rest)

    plant.around(completing.__dict__, "_keep", shorten)


def a_promise_is_completed_twice(plant: Plant) -> None:
    def forget(result: Any) -> Any:
        def look(stretch: Stretch, command: Any) -> Any:
            return None if type(command).__name__ == "CompletePromiseCommand" else result(stretch, command)

        return look

    plant.around(promise.__dict__, "_result", forget)


def a_set_timer_is_not_armed(plant: Plant) -> None:
    for module in (starting, failing, sleep):
        if "set_timer" in module.__dict__:
            plant.put(module.__dict__, "set_timer", lambda d, timer: d.emit(e.TimerSet(timer)))


# --- subscriptions ---


def source_watermark_dropped(plant: Plant) -> None:
    def take(d: Decision, command: c.Ingest) -> None:
        source = command.source
        d.emit(e.SourceTaken(source.subscription, source.topic_id, source.partition, source.offset))
        create(d, command.invocation, command.input)
        d.answer(Done())

    _decides(plant, c.Ingest, take)


def source_position_in_another_record(plant: Plant) -> None:
    def apart(d: Decision, command: c.Ingest) -> None:
        decide(d, command)
        d.events[:] = [one for one in d.events if not isinstance(one, e.SourceTaken)] if d.now % 3 == 0 else d.events

    decide = _decides(plant, c.Ingest, apart)


def progress_committed_before_taken(plant: Plant) -> None:
    plant.put(Window, "committable", property(lambda window: window._position))


MUTANTS: Final[tuple[Mutant, ...]] = (
    messages_taken_twice,
    an_acknowledged_message_stays,
    timers_fire_early,
    timers_not_cleared,
    timer_removed_before_its_record,
    results_relied_on_before_durable,
    older_attempts_are_heard,
    a_start_lacks_the_last_entry,
    results_come_twice,
    failed_attempts_are_not_tried_again,
    a_lock_is_never_released,
    kill_keeps_the_lock,
    an_object_lets_two_in,
    a_known_request_begins_again,
    results_are_kept_too_short,
    a_promise_is_completed_twice,
    a_set_timer_is_not_armed,
    source_watermark_dropped,
    source_position_in_another_record,
    progress_committed_before_taken,
)
