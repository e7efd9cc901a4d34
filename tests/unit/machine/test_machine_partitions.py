"""Messages between partitions and records of subscriptions: each once, in order."""

import pytest
from test_machine_handler_messages import send

from machine_world import INPUT, NOW, World, add, service
from odradek.protocol import messages as m
from odradek.protocol.ids import format_invocation_id, make_invocation_id
from odradek_engine.model import commands as c
from odradek_engine.model import outcomes as o
from odradek_engine.model.effects import AcknowledgeMessage, Answer, SendMessage
from odradek_engine.model.events import MessagesAcknowledged, MessageSent, MessageTaken, SourceCommitted, SourceTaken
from odradek_engine.model.rows import Caller, Phase, Result


def of_partition(number: int) -> bytes:
    """An invocation that another partition of three owns."""
    return make_invocation_id(number, bytes(16))


class TestReceiving:
    def test_it_takes_effect_and_is_acknowledged(self) -> None:
        world = World(partitions=3)
        invocation = world.invocation(service(), caller=Caller(of_partition(1), 2))
        world.decide(c.ReceiveMessage(1, 1, c.Invoke(invocation, INPUT)))
        assert world.found(MessageTaken) == [MessageTaken(1, 1)]
        assert world.found(AcknowledgeMessage) == [AcknowledgeMessage(1, 1)]
        assert world.found(Answer) == []
        assert world.started() == [(invocation.id, 1)]

    def test_only_the_next_number_counts(self) -> None:
        world = World(partitions=3)
        target = world.invoke(service())

        def receive(sequence: int, name: str) -> None:
            signal = c.Signal(target.id, m.SignalNotification(name))
            world.decide(c.ReceiveMessage(1, sequence, signal))

        receive(2, "gap")
        assert (world.events, world.effects) == ([], [])
        receive(1, "first")
        receive(1, "again")
        assert (world.events, world.effects) == ([], [AcknowledgeMessage(1, 1)])
        receive(3, "gap")
        receive(2, "second")
        world.restart()
        receive(1, "again")
        assert (world.events, world.effects) == ([], [AcknowledgeMessage(1, 2)])
        receive(3, "third")
        assert [entry.signal for entry in world.journal(target)[1:]] == ["first", "second", "third"]  # type: ignore[union-attr]

    def test_senders_are_numbered_apart(self) -> None:
        world = World(partitions=3)
        target = world.invoke(service())
        for sender in (1, 2):
            world.decide(c.ReceiveMessage(sender, 1, c.Cancel(target.id)))
        assert len(world.journal(target)) == 3

    def test_an_answer_goes_back_as_a_message(self) -> None:
        world = World(partitions=3)
        caller = Caller(of_partition(2), 7)
        invocation = world.invocation(service(), caller=caller)
        world.decide(c.ReceiveMessage(2, 1, c.Invoke(invocation, INPUT)))
        world.say(invocation, m.OutputCommand(b"out"), m.End())
        message = c.CompleteCall(caller.invocation, m.CallCompletion(7, b"out"), invocation.id)
        assert world.found(MessageSent) == [MessageSent(2, 1, message)]
        assert world.found(SendMessage) == [SendMessage(2, 1, message)]

    def test_one_that_cannot_be_decided_does_not_hold_up_the_next(self) -> None:
        world = World(partitions=3)
        caller = Caller(of_partition(1), 7)
        broken = world.invocation(service(), caller=caller, at=2**70)  # no timer can be that late
        world.decide(c.ReceiveMessage(1, 1, c.Invoke(broken, INPUT)))
        assert world.found(AcknowledgeMessage) == [AcknowledgeMessage(1, 1)]
        (sent,) = world.found(SendMessage)
        assert isinstance(sent.message, c.CompleteCall)
        assert sent.message.completion.failure is not None
        assert len(world.rows()["rejected"]) == 1
        target = world.invoke(service())
        world.decide(c.ReceiveMessage(1, 2, c.Cancel(target.id)))
        assert len(world.journal(target)) == 2


class TestSending:
    def test_what_is_acknowledged_need_not_be_sent_again(self) -> None:
        world = World(partitions=3)
        parent = world.invoke(service())
        world.say(parent, *(m.SendSignalCommand(signal_target(1), f"{number}") for number in range(4)))
        assert len(world.rows()["outbox"]) == 4
        world.decide(c.AcknowledgeMessages(1, 2))
        assert world.events == [MessagesAcknowledged(1, 1, 2)]
        assert len(world.rows()["outbox"]) == 2
        world.restart()
        for repeated in (1, 2):
            world.decide(c.AcknowledgeMessages(1, repeated))
            assert world.events == []
        world.decide(c.AcknowledgeMessages(1, 99))
        assert world.events == [MessagesAcknowledged(1, 3, 4)]
        assert not world.rows().get("outbox")

    def test_of_a_target_that_was_sent_nothing(self) -> None:
        world = World(partitions=3)
        world.decide(c.AcknowledgeMessages(1, 5))
        assert world.events == []


def signal_target(partition: int) -> str:
    return format_invocation_id(of_partition(partition))


def record(offset: int, previous: int, partition: int = 0, topic: str = "t1") -> c.SourceRecord:
    return c.SourceRecord("sub", topic, partition, offset, previous)


class TestIngest:
    def test_a_record_starts_one_invocation(self) -> None:
        world = World()
        invocation = world.invocation(add())
        assert world.ask(c.Ingest(record(5, -1), invocation, INPUT)) == o.Done()
        assert world.found(SourceTaken) == [SourceTaken("sub", "t1", 0, 5)]
        assert world.started() == [(invocation.id, 1)]
        for again in (5, 4):
            assert world.ask(c.Ingest(record(again, -1), world.invocation(add()), INPUT)) == o.Done()
            assert world.events == []

    def test_a_gap_is_refused(self) -> None:
        world = World()
        world.decide(c.Ingest(record(5, -1), world.invocation(add()), INPUT))
        refused = world.ask(c.Ingest(record(9, 8), world.invocation(add()), INPUT))
        assert isinstance(refused, o.Refused)
        assert refused.code == 409
        assert world.events == []
        assert world.ask(c.Ingest(record(8, 5), world.invocation(add()), INPUT)) == o.Done()
        assert world.ask(c.Ingest(record(9, 8), world.invocation(add()), INPUT)) == o.Done()
        assert len(world.found(SourceTaken)) == 1

    def test_the_first_record_of_a_topic_may_stand_at_offset_0(self) -> None:
        world = World()
        world.decide(c.Ingest(record(0, -1), world.invocation(add()), INPUT))
        assert len(world.started()) == 1

    @pytest.mark.parametrize("other", [{"partition": 1}, {"topic": "t2"}])
    def test_partitions_and_topics_stand_apart(self, other: dict[str, object]) -> None:
        world = World()
        world.decide(c.Ingest(record(5, -1), world.invocation(add("a")), INPUT))
        world.decide(c.Ingest(record(5, -1, **other), world.invocation(add("b")), INPUT))  # type: ignore[arg-type]
        assert len(world.started()) == 1

    def test_a_refusal_is_an_invocation_that_failed(self) -> None:
        world = World()
        holder = world.invoke(add())
        invocation = world.invocation(add())
        assert world.ask(c.Ingest(record(5, -1), invocation, INPUT, "the key is not UTF-8")) == o.Done()
        assert world.started() == []
        outcome = world.ask(c.ReadOutput(invocation.id))
        assert isinstance(outcome, o.Ended)
        assert outcome.result == Result(failure=m.Failure(400, "the key is not UTF-8"))
        assert world.journal(invocation) == (INPUT,)
        assert world.status(holder).phase is Phase.INVOKED

    def test_commits_only_rise(self) -> None:
        world = World()
        for offset, moves in ((5, True), (5, False), (4, False), (6, True)):
            assert world.ask(c.CommitSource("sub", "t1", 0, offset)) == o.Done()
            assert world.found(SourceCommitted) == ([SourceCommitted("sub", "t1", 0, offset)] if moves else [])


def test_a_send_to_another_partition_takes_no_lock_here() -> None:
    world = World(partitions=3)
    assert world.now == NOW
    parent = world.invoke(service())
    keys = [str(number) for number in range(30)]
    world.say(parent, *(send("add", "Counter", key, invocation_id_notification_idx=n) for n, key in enumerate(keys)))
    here = [key for key, _ in world.rows().get("locks", [])]
    assert len(here) + len(world.rows()["outbox"]) == 30
    assert 0 < len(here) < 30
