"""A handler asks for results of invocations that it did not call, and named signals are counted through."""

from __future__ import annotations

import pytest

from machine_world import INPUT, World, add, service
from odradek.protocol import messages as m
from odradek.protocol.ids import format_invocation_id
from odradek_engine.model import commands as c
from odradek_engine.model.effects import SendMessage, StartAttempt
from odradek_engine.model.events import ErrorRecorded
from odradek_engine.model.rows import Caller, Phase
from odradek_engine.partition.decide.ask_result import NOT_FOUND
from odradek_engine.partition.routing import idempotent_id, partition_of_invocation, workflow_run_id

DONE = (m.OutputCommand(b"out"), m.End())


def other_partition(world: World) -> bytes:
    """An id that another partition owns."""
    while True:
        invocation = world.random.randbytes(24)
        if partition_of_invocation(invocation, world.partitions) != world.partition:
            return invocation


class TestAttach:
    def test_it_waits_for_the_result(self) -> None:
        world = World()
        other, asker = world.invoke(service()), world.invoke(service())
        world.say(asker, m.AttachInvocationCommand(format_invocation_id(other.id), 1))
        assert world.journal(asker)[1:] == (m.AttachInvocationCommand(format_invocation_id(other.id), 1),)
        world.restart()
        world.say(other, *DONE)
        assert world.journal(asker)[-1] == m.AttachInvocationCompletion(1, b"out")
        assert "callers" not in world.rows()

    def test_it_gets_a_result_that_is_kept(self) -> None:
        world = World()
        other, asker = world.invoke(service()), world.invoke(service())
        world.say(other, m.OutputCommand(None, m.Failure(418, "no", (("a", "b"),))), m.End())
        world.say(asker, m.AttachInvocationCommand(format_invocation_id(other.id), 1))
        assert world.journal(asker)[-1] == m.AttachInvocationCompletion(1, None, m.Failure(418, "no", (("a", "b"),)))

    @pytest.mark.parametrize("wait", [True, False])
    def test_an_unknown_one_is_a_failure(self, wait: bool) -> None:
        world = World()
        asker = world.invoke(service())
        name = format_invocation_id(bytes(24))
        world.say(asker, m.AttachInvocationCommand(name, 1) if wait else m.GetInvocationOutputCommand(name, 1))
        kind = m.AttachInvocationCompletion if wait else m.GetInvocationOutputCompletion
        assert world.journal(asker)[-1] == kind(1, None, m.Failure(404, "not found"))

    def test_names_that_fix_an_id(self) -> None:
        world = World()
        other = world.invoke(add("k"), key="i")
        asker = world.invoke(service())
        world.say(asker, m.AttachInvocationCommand(m.IdempotentRequestTarget("Counter", "k", "add", "i"), 1))
        world.say(other, *DONE)
        assert world.journal(asker)[-1] == m.AttachInvocationCompletion(1, b"out")
        world.say(asker, m.GetInvocationOutputCommand(m.WorkflowTarget("SignUp", "ada"), 2))
        assert world.journal(asker)[-1] == m.GetInvocationOutputCompletion(2, None, NOT_FOUND.failure)

    def test_a_bad_id_breaks_the_attempt(self) -> None:
        world = World()
        asker = world.invoke(service())
        world.say(asker, m.AttachInvocationCommand("inv_nonsense", 1))
        failure = world.only(ErrorRecorded).event.failure
        assert failure is not None
        assert (failure.error_code, "'inv_nonsense' is no invocation id" in failure.message) == ("RT0017", True)
        assert world.journal(asker) == (INPUT,)

    def test_a_suspended_one_is_woken(self) -> None:
        world = World()
        other, asker = world.invoke(service()), world.invoke(service())
        command = m.AttachInvocationCommand(format_invocation_id(other.id), 1)
        world.say(asker, command, m.Suspension(m.Future((1,))))
        world.say(other, *DONE)
        assert world.only(StartAttempt).invocation.id == asker.id

    def test_across_partitions(self) -> None:
        world = World(partitions=2)
        asker = world.invoke(service()) if world.partition == 0 else None
        while asker is None or partition_of_invocation(asker.id, 2) != 0:
            asker = world.invoke(service())
        target = other_partition(world)
        world.say(asker, m.AttachInvocationCommand(format_invocation_id(target), 1))
        message = c.AskResult(target, Caller(asker.id, 1), wait=True)
        assert world.only(SendMessage).message == message
        world.decide(c.CompleteCall(asker.id, m.CallCompletion(1, b"another's"), asker.id))
        assert world.events == []
        world.decide(c.CompleteCall(asker.id, m.CallCompletion(1, b"out"), target))
        assert world.journal(asker)[-1] == m.AttachInvocationCompletion(1, b"out")


class TestOutput:
    def test_not_there_yet(self) -> None:
        world = World()
        other, asker = world.invoke(service()), world.invoke(service())
        name = format_invocation_id(other.id)
        world.say(asker, m.GetInvocationOutputCommand(name, 1))
        assert world.journal(asker)[-1] == m.GetInvocationOutputCompletion(1)
        world.say(other, *DONE)
        world.say(asker, m.GetInvocationOutputCommand(name, 2))
        assert world.journal(asker)[-1] == m.GetInvocationOutputCompletion(2, b"out")


def test_ids_that_a_name_fixes() -> None:
    assert idempotent_id("Counter", "k", "add", "abc") != idempotent_id("Counter", None, "add", "abc")
    assert format_invocation_id(idempotent_id("Counter", "k", "add", "abc"))[16:] == "8d7eT2QpALPRr7qJByyszM6k"[-22:]
    assert workflow_run_id("a", "b") != workflow_run_id("b", "a")


class TestNamedSignals:
    def test_each_one_is_delivered(self) -> None:
        world = World()
        invocation = world.invoke(service())
        for value in (b"1", b"2"):
            world.decide(c.Signal(invocation.id, m.SignalNotification("go", value)))
        assert world.journal(invocation)[1:] == (m.SignalNotification("go", b"1"), m.SignalNotification("go", b"2"))

    def test_a_wait_for_the_second_is_not_over_with_the_first(self) -> None:
        world = World()
        invocation = world.invoke(service())
        world.decide(c.Signal(invocation.id, m.SignalNotification("go", b"1")))
        second = m.Future((), (1,), ("go",), (), m.Combinator.FIRST_COMPLETED, (1,))
        world.say(invocation, m.Suspension(second))
        assert world.status(invocation).phase is Phase.SUSPENDED
        world.restart()
        world.decide(c.Signal(invocation.id, m.SignalNotification("other", b"")))
        assert world.started() == []
        world.decide(c.Signal(invocation.id, m.SignalNotification("go", b"2")))
        assert world.started() == [(invocation.id, 2)]

    def test_a_wait_that_does_not_count_takes_the_first(self) -> None:
        world = World()
        invocation = world.invoke(service())
        world.decide(c.Signal(invocation.id, m.SignalNotification("go", b"1")))
        world.say(invocation, m.Suspension(m.Future((), (1,), ("go",), (), m.Combinator.FIRST_COMPLETED)))
        assert world.started() == [(invocation.id, 2)]
