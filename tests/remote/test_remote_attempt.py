"""One attempt of a remote handler: what it sends, what it takes, and how it ends."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from protocol_messages import MESSAGES
from scripted_transport import INPUT, NOW_MS, PIECE, ScriptedStream, Talk

from odradek.protocol import messages as m
from odradek.protocol.codec import content_type
from odradek.protocol.framing import HEADER, REQUIRES_ACK, Frame
from odradek.protocol.future import MAX_FUTURE_DEPTH
from odradek_engine.invoker.remote import attempt as remote
from odradek_engine.invoker.remote.attempt import REFUSALS_MAX, State

DONE = (m.OutputCommand(b"out"), m.End())
VERSIONS = (5, 6, 7)
WAIT = m.Future((1,), (1,), combinator=m.Combinator.FIRST_COMPLETED)


class TestOpening:
    @pytest.mark.parametrize("version", VERSIONS)
    def test_start_and_journal_go_out_in_order_before_any_answer(self, version: int) -> None:
        journal = (INPUT, m.RunCommand(1, "a"), m.SignalNotification("go", b"1"), m.RunCompletion(1, b"2"))
        talk = Talk(version, journal=journal).open()
        assert talk.sent() == [talk.start, *journal]
        assert not talk.stream.ended

    def test_nothing_is_written_before_there_is_a_connection(self) -> None:
        talk = Talk()
        talk.attempt.deliver([m.SleepCompletion(1)])
        assert not talk.stream.written
        talk.open()
        assert talk.sent() == [talk.start, INPUT, m.SleepCompletion(1)]

    def test_request_and_response_ends_the_input_behind_the_journal(self) -> None:
        talk = Talk(duplex=False).answer()
        assert talk.stream.ended == 1
        talk.attempt.deliver([m.SleepCompletion(1)])
        talk.attempt.close_input()
        assert talk.sent() == [talk.start, INPUT]
        assert talk.stream.ended == 1

    def test_a_long_journal_waits_for_the_other_side(self) -> None:
        journal = (INPUT, *(m.RunCompletion(n, PIECE) for n in range(1, 4)))
        talk = Talk(journal=journal)
        talk.stream.blocked = True
        talk.open()
        sent = [len(talk.sent())]
        while sent[-1] < 5:
            talk.drain()
            sent.append(len(talk.sent()))
        assert sent[0] < 4
        assert sent == sorted(set(sent))
        assert talk.sent() == [talk.start, *journal]

    def test_a_refused_request_is_made_again_with_all_that_was_said(self) -> None:
        talk = Talk().open()
        talk.attempt.deliver([m.SleepCompletion(1)])
        talk.attempt.refused()
        talk.stream = ScriptedStream()
        assert len(talk.requests.asked) == 2
        talk.attempt.deliver([m.SleepCompletion(2)])
        talk.answer()
        assert talk.sent() == [talk.start, INPUT, m.SleepCompletion(1), m.SleepCompletion(2)]
        assert talk.engine.failures == []

    def test_it_is_not_made_again_for_ever(self) -> None:
        talk = Talk().open()
        for _ in range(REFUSALS_MAX):
            talk.attempt.refused()
            talk.attempt.opened(ScriptedStream())
        talk.attempt.refused()
        assert talk.engine.code == "RT0010"
        assert len(talk.requests.asked) == 1 + REFUSALS_MAX

    def test_an_abort_cancels_what_waits_for_a_connection(self) -> None:
        talk = Talk()
        talk.attempt.abort()
        assert talk.requests.cancelled == 1
        assert talk.attempt.state is State.OVER


class TestTalking:
    @pytest.mark.parametrize("version", VERSIONS)
    def test_what_the_handler_says_reaches_the_engine_in_order(self, version: int) -> None:
        talk = Talk(version).answer()
        talk.say(m.RunCommand(1, "a"), m.SleepCommand(5, 2, ""))
        talk.say(m.Suspension(WAIT))
        assert talk.engine.messages == [m.RunCommand(1, "a"), m.SleepCommand(5, 2, ""), m.Suspension(WAIT)]
        assert talk.stream.finished
        assert talk.engine.failures == []

    def test_what_the_handler_waits_for_is_only_a_sign_of_life(self) -> None:
        talk = Talk().answer()
        before = talk.engine.signs_of_life
        talk.say(m.AwaitingOn(WAIT))
        assert talk.engine.messages == []
        assert talk.engine.signs_of_life == before + 1

    def test_bytes_are_acknowledged_as_they_are_worked_off(self) -> None:
        talk = Talk().answer()
        frame = talk.codec.encode(m.RunCommand(1, "a"))
        talk.say(frame[:5])
        talk.say(frame[5:])
        assert talk.stream.consumed_bytes == len(frame)

    def test_but_not_while_the_engine_has_too_much_to_take(self) -> None:
        talk = Talk().answer()
        talk.engine.takes_nothing = True
        talk.say(m.RunCommand(1, "a"))
        assert talk.stream.consumed_bytes == 0
        (callback,) = talk.engine.waiting
        callback()
        assert talk.stream.consumed_bytes > 0
        talk.attempt.abort()
        callback()

    @pytest.mark.parametrize("version", [5, 6])
    def test_a_run_result_comes_back_whole_before_version_7(self, version: int) -> None:
        talk = Talk(version).answer()
        failure = m.Failure(500, "no")
        talk.say(m.RunCommand(1, ""), m.ProposeRunCompletion(1, b"v"), m.ProposeRunCompletion(2, failure=failure))
        talk.attempt.deliver([m.ProposeRunCompletionAck(2), m.ProposeRunCompletionAck(1)])
        assert talk.sent()[2:] == [m.RunCompletion(2, failure=failure), m.RunCompletion(1, b"v")]

    def test_in_version_7_it_is_acknowledged_by_its_id(self) -> None:
        talk = Talk(7).answer()
        talk.say(m.RunCommand(1, ""), m.ProposeRunCompletion(1, b"v"))
        talk.attempt.deliver([m.ProposeRunCompletionAck(1)])
        assert talk.sent()[2:] == [m.ProposeRunCompletionAck(1)]

    def test_unless_the_handler_did_not_ask_for_that(self) -> None:
        talk = Talk(7).answer()
        proposal = talk.codec.encode(m.ProposeRunCompletion(1, b"v"))[HEADER.size :]
        talk.say(Frame(5, 0, proposal))
        talk.attempt.deliver([m.ProposeRunCompletionAck(1)])
        assert talk.sent()[2:] == [m.RunCompletion(1, b"v")]

    def test_a_command_that_asks_for_it_gets_its_acknowledgement_through_the_engine(self) -> None:
        talk = Talk(journal=(INPUT, m.ClearAllStateCommand(), m.SleepCompletion(9))).answer()
        talk.say(Frame(0x0405, REQUIRES_ACK, b""), Frame(0x0405, 0, b""), Frame(0x0405, REQUIRES_ACK, b""))
        clear = m.ClearAllStateCommand()
        assert talk.engine.messages == [clear, m.CommandAck(2), clear, clear, m.CommandAck(4)]
        talk.attempt.deliver([m.CommandAck(2)])
        assert talk.sent()[-1] == m.CommandAck(2)

    def test_closed_input_ends_behind_what_was_delivered(self) -> None:
        talk = Talk().answer()
        talk.attempt.deliver([m.SleepCompletion(1)])
        talk.attempt.close_input()
        talk.attempt.close_input()
        talk.attempt.deliver([m.SleepCompletion(2)])
        assert talk.sent()[2:] == [m.SleepCompletion(1)]
        assert talk.stream.ended == 1

    def test_closed_input_waits_for_what_is_unsent(self) -> None:
        talk = Talk()
        talk.stream.blocked = True
        talk.answer()
        talk.attempt.deliver([m.CallCompletion(1, PIECE), m.CallCompletion(2, b"x")])
        talk.attempt.close_input()
        assert not talk.stream.ended
        talk.drain()
        talk.drain()
        assert talk.stream.ended == 1
        assert [message.completion_id for message in talk.sent()[2:]] == [1, 2]

    def test_a_handler_that_does_not_read_is_sent_no_more_than_the_bound(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(remote, "UNREAD_BYTES_MAX", 3 * len(PIECE))
        talk = Talk()
        talk.stream.blocked = True
        talk.answer()
        for number in range(10):
            talk.attempt.deliver([m.CallCompletion(number, PIECE)])
        while not talk.stream.ended:
            talk.drain()
        delivered = [message.completion_id for message in talk.sent()[2:]]
        assert delivered == list(range(len(delivered)))
        assert len(delivered) == 4
        assert talk.engine.failures == []

    def test_an_abort_resets(self) -> None:
        talk = Talk().answer()
        talk.attempt.abort()
        assert talk.stream.was_reset
        talk.say(m.RunCommand(1, ""))
        talk.attempt.deliver([m.SleepCompletion(1)])
        talk.attempt.ended()
        assert talk.engine.messages == []
        assert talk.engine.failures == []


class TestEnds:
    @pytest.mark.parametrize("last", [m.End(), m.Suspension(WAIT), m.Error(500, "no")])
    def test_the_last_word_ends_it(self, last: Any) -> None:
        talk = Talk().answer()
        talk.say(m.OutputCommand(b"x"), last, m.RunCommand(9, "late"))
        talk.attempt.ended()
        assert talk.engine.messages == [m.OutputCommand(b"x"), last]
        assert talk.stream.finished
        assert not talk.stream.was_reset
        assert talk.engine.failures == []

    @pytest.mark.parametrize(
        ("status", "code"),
        [
            *((200 + n, "RT0012") for n in (1, 4, 6)),
            (404, "RT0012"),
            (500, "RT0012"),
            (401, "RT0012"),
            (0, "RT0012"),
            (413, "RT0019"),
            (415, "RT0015"),
            (502, "RT0010"),
            (504, "RT0010"),
            (429, "RT0023"),
            (503, "RT0023"),
        ],
    )
    def test_another_status_fails_it(self, status: int, code: str) -> None:
        talk = Talk().open()
        talk.attempt.responded(status, {"content-type": content_type(7)})
        assert talk.engine.code == code
        assert talk.stream.was_reset

    @pytest.mark.row("H7")
    @pytest.mark.parametrize(
        ("status", "text", "delay"),
        [
            (429, "3", 3000),
            (503, " 0 ", 0),
            (503, "Thu, 01 Jan 1970 00:16:50 GMT", 10_000),
            (503, "Thu, 01 Jan 1970 00:00:00 GMT", 0),
            (429, "99999999999999999999", 24 * 3600 * 1000),
            (429, "soon", None),
            (429, "", None),
            (429, "-5", None),
            (500, "3", None),
        ],
    )
    def test_a_wish_for_later_is_respected(self, status: int, text: str, delay: int | None) -> None:
        assert NOW_MS == 1_000_000
        talk = Talk().open()
        talk.attempt.responded(status, {"retry-after": text})
        ((_, found, _),) = talk.engine.failures
        assert found == delay

    @pytest.mark.parametrize("kind", [None, "text/html", content_type(6)])
    def test_another_type_fails_it(self, kind: str | None) -> None:
        talk = Talk(7).open()
        talk.attempt.responded(200, {} if kind is None else {"content-type": kind})
        assert talk.engine.code == "RT0012"

    def test_a_stream_that_ends_early_fails_it(self) -> None:
        talk = Talk().answer()
        talk.say(m.RunCommand(1, ""))
        talk.attempt.ended()
        assert talk.engine.messages == [m.RunCommand(1, "")]
        assert talk.engine.code == "RT0007"

    def test_a_stream_that_ends_within_a_frame_fails_it(self) -> None:
        talk = Talk().answer()
        talk.say(talk.codec.encode(m.RunCommand(1, "x"))[:-1])
        talk.attempt.ended()
        assert talk.engine.code == "RT0007"

    def test_no_connection_fails_it(self) -> None:
        talk = Talk()
        talk.attempt.broken("nobody listens")
        ((failure, delay, behavior),) = talk.engine.failures
        assert (failure.error_code, delay, behavior) == ("RT0010", None, m.ErrorBehavior.RETRY)
        assert "nobody listens" in failure.message

    @pytest.mark.parametrize("answered", [True, False])
    def test_a_lost_connection_fails_it(self, answered: bool) -> None:
        talk = Talk().answer() if answered else Talk().open()
        talk.attempt.broken("gone")
        talk.attempt.broken("gone")
        assert talk.engine.code == "RT0010"

    def test_a_refusal_after_the_answer_fails_it(self) -> None:
        talk = Talk().answer()
        talk.attempt.refused()
        assert talk.engine.code == "RT0010"

    @pytest.mark.parametrize(
        "forbidden",
        [
            m.Start(b"", "", 1, {}, False, "", 0, 0, 0),
            m.CommandAck(1),
            m.ProposeRunCompletionAck(1),
            INPUT,
            m.SleepCompletion(1),
            m.SignalNotification(1),
        ],
    )
    def test_what_only_the_engine_may_say_fails_it(self, forbidden: m.Message) -> None:
        talk = Talk().answer()
        talk.say(m.RunCommand(1, ""), forbidden, m.RunCommand(2, ""))
        assert talk.engine.messages == [m.RunCommand(1, "")]
        ((failure, _, _),) = talk.engine.failures
        assert failure.error_code == "RT0012"
        assert failure.message.startswith("received unexpected message: ")
        assert talk.stream.was_reset

    @pytest.mark.parametrize("frame", [Frame(0x0008, 0, b""), Frame(0xFC01, 0, b""), Frame(0x0411, 0, b"\x58")])
    def test_what_nobody_may_say_fails_it(self, frame: Frame) -> None:
        talk = Talk().answer()
        talk.say(frame)
        assert talk.engine.code == "RT0012"

    def test_a_message_beyond_the_limit_fails_it(self) -> None:
        talk = Talk(body_bytes_max=100).answer()
        talk.say(Frame(0x0403, 0, bytes(101)))
        assert talk.engine.code == "RT0003"

    def test_a_message_at_the_limit_passes(self) -> None:
        command = m.SetStateCommand(b"k", bytes(80))
        size = len(Talk().codec.encode(command)) - HEADER.size
        talk = Talk(body_bytes_max=size).answer()
        talk.say(command)
        assert talk.engine.messages == [command]

    def test_a_wait_that_nobody_can_work_out_pauses_it(self) -> None:
        tree = m.Future((1,))
        for _ in range(MAX_FUTURE_DEPTH):
            tree = m.Future(nested_futures=(tree,))
        talk = Talk().answer()
        talk.say(m.Suspension(tree))
        ((failure, _, behavior),) = talk.engine.failures
        assert (failure.error_code, behavior) == ("RT0025", m.ErrorBehavior.PAUSE)


class TestAnything:
    """However the parts are called, nothing is raised, and the engine hears one end at most."""

    @given(st.data())
    def test_any_order_of_events(self, data: st.DataObject) -> None:
        version = data.draw(st.sampled_from(VERSIONS))
        talk = Talk(version, duplex=data.draw(st.booleans()))
        attempt = talk.attempt
        steps: dict[str, Any] = {
            "open": lambda: attempt.opened(talk.stream) if attempt.state is State.CONNECTING else None,
            "answer": lambda: attempt.responded(200, {"content-type": content_type(version)}),
            "reject": lambda: attempt.responded(data.draw(st.integers(0, 999)), {"retry-after": "x"}),
            "say": lambda: talk.say(data.draw(st.one_of(list(MESSAGES.values())))),
            "garbage": lambda: attempt.received(data.draw(st.binary(max_size=40))),
            "end": attempt.ended,
            "refuse": attempt.refused,
            "break": lambda: attempt.broken("gone"),
            "deliver": lambda: attempt.deliver([m.SleepCompletion(1), m.ProposeRunCompletionAck(1)]),
            "close": attempt.close_input,
            "abort": attempt.abort,
            "writable": attempt.writable,
        }
        for name in data.draw(st.lists(st.sampled_from(sorted(steps)), max_size=25)):
            steps[name]()
            if attempt.state is State.CONNECTING and name == "refuse":
                talk.stream = ScriptedStream()
        last = [message for message in talk.engine.messages if isinstance(message, m.End | m.Suspension | m.Error)]
        assert len(last) + len(talk.engine.failures) <= 1
        if last:
            assert talk.engine.messages[-1] is last[0]
        assert (attempt.state is State.OVER) >= bool(last or talk.engine.failures)
