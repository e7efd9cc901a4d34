"""The user's test kit: calls, virtual time, failures, crashes, and a look inside."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import kit_programs as programs
import pytest

import odradek
from odradek import testing

MONTH = timedelta(days=30)


@pytest.fixture
def engine():
    programs.charged.clear()
    with testing.engine(programs.app) as engine:
        yield engine


def test_handlers_are_called_by_function_and_by_name(engine: testing.Engine) -> None:
    assert engine.call(programs.deposit, 5, key="ada") == 5
    assert engine.call("Account/deposit", 6, key="ada") == 11
    assert engine.call(programs.read, key="ada") == 11
    assert engine.call(programs.read, key="bob") is None
    assert engine.state(programs.account, "ada") == {"balance": 11}
    assert engine.state("Account", "bob") == {}


def test_a_month_passes_in_no_time(engine: testing.Engine) -> None:
    begun, real = engine.now, time.monotonic()
    assert engine.call(programs.deposit_in_a_month, 5, key="ada") == 5
    assert engine.now - begun == MONTH
    assert time.monotonic() - real < 5


def test_time_passes_step_by_step(engine: testing.Engine) -> None:
    begun = engine.now
    invocation = engine.send(programs.deposit_in_a_month, 5, key="ada")
    assert engine.now == begun
    engine.advance(MONTH - timedelta(milliseconds=1))
    assert not invocation.done
    assert invocation.status == testing.InvocationStatus("suspended")
    engine.advance(timedelta(milliseconds=1))
    assert invocation.done
    assert invocation.result() == 5
    assert engine.now == begun + MONTH


def test_a_delayed_send_waits_its_time(engine: testing.Engine) -> None:
    invocation = engine.send(programs.deposit, 5, key="ada", delay=timedelta(hours=1))
    engine.advance(timedelta(minutes=59))
    status = invocation.status
    assert status is not None
    assert status.state == "scheduled"
    engine.advance(timedelta(minutes=1))
    assert engine.state("Account", "ada") == {"balance": 5}


def test_an_object_takes_one_call_after_the_other(engine: testing.Engine) -> None:
    first = engine.send(programs.deposit_in_a_month, 5, key="ada")
    second = engine.send(programs.deposit, 6, key="ada")
    status = second.status
    assert status is not None
    assert status.state == "pending"
    assert second.result() == 11
    assert first.done


def test_awakeables_are_completed_from_outside(engine: testing.Engine) -> None:
    resolved, rejected = (engine.send(programs.ask, key=key) for key in ("ada", "bob"))
    engine.resolve_awakeable(engine.state("Account", "ada")["question"], "yes")
    engine.reject_awakeable(engine.state("Account", "bob")["question"], "no", 418)
    assert resolved.result() == "yes"
    with pytest.raises(odradek.TerminalError, match="no") as caught:
        rejected.result()
    assert caught.value.status_code == 418
    with pytest.raises(ValueError, match="is not an awakeable's id"):
        engine.resolve_awakeable("question", "yes")


def test_an_awakeable_may_be_completed_twice_or_too_late_but_the_first_time_counts(engine: testing.Engine) -> None:
    asking = engine.send(programs.ask, key="ada")
    question = engine.state("Account", "ada")["question"]
    engine.resolve_awakeable(question, "yes")
    engine.resolve_awakeable(question, "twice")
    assert asking.result() == "yes"
    engine.reject_awakeable(question, "too late")
    assert asking.result() == "yes"


def test_signals_are_sent_from_outside(engine: testing.Engine) -> None:
    resolved, rejected = (engine.send(programs.wait_for_word, key=key) for key in ("ada", "bob"))
    engine.resolve_signal(resolved.id, "another", "no")
    assert not resolved.done
    engine.resolve_signal(resolved.id, "word", "yes")
    engine.reject_signal(rejected.id, "word", "no", 418)
    assert resolved.result() == "yes"
    with pytest.raises(odradek.TerminalError, match="no") as caught:
        rejected.result()
    assert caught.value.status_code == 418
    with pytest.raises(odradek.TerminalError, match="no such invocation"):
        engine.resolve_signal(resolved.id, "word", "again")
    with pytest.raises(ValueError, match="is not an invocation's id"):
        engine.resolve_signal("ada", "word", "yes")


def test_a_workflows_promise_is_completed_by_its_handler(engine: testing.Engine) -> None:
    begun = engine.send(programs.sign_up, "ada@home", key="ada")
    assert not begun.done
    engine.call(programs.confirm, "link", key="ada")
    assert begun.done
    with pytest.raises(odradek.TerminalError, match="promise was already completed"):
        engine.call(programs.confirm, "link", key="ada")
    assert begun.result() == "ada@home confirmed by link"


def test_terminal_errors_come_with_their_code(engine: testing.Engine) -> None:
    with pytest.raises(odradek.TerminalError, match="sold out") as caught:
        engine.call(programs.refuse)
    assert caught.value.status_code == 410


def test_a_waiting_invocation_is_cancelled_killed_and_resumed(engine: testing.Engine) -> None:
    cancelled, killed = engine.send(programs.forever), engine.send(programs.forever)
    cancelled.cancel()
    killed.kill()
    for invocation in (cancelled, killed):
        with pytest.raises(odradek.TerminalError) as caught:
            invocation.result()
        assert caught.value.status_code == 409
    assert engine.state("Account", "undone") == {"balance": 409}
    with pytest.raises(odradek.TerminalError, match="has ended already"):
        killed.resume()


def test_a_paused_invocation_goes_on_when_it_is_resumed(engine: testing.Engine) -> None:
    begun = engine.now
    invocation = engine.send(programs.break_down)
    engine.advance(timedelta(minutes=1))
    assert invocation.status == testing.InvocationStatus("paused", 0, "ValueError('broken')")
    invocation.resume()
    assert invocation.status == testing.InvocationStatus("backing-off", 1, "ValueError('broken')")
    assert engine.now == begun + timedelta(minutes=1)


def test_one_that_backs_off_is_held_until_it_is_resumed(engine: testing.Engine) -> None:
    engine.fail_first(programs.refuse, attempts=1)
    invocation = engine.send(programs.refuse)
    invocation.pause()
    engine.advance(timedelta(days=1))
    assert invocation.status is not None
    assert invocation.status.state == "paused"
    invocation.resume()
    with pytest.raises(odradek.TerminalError, match="sold out"):
        invocation.result()
    with pytest.raises(odradek.TerminalError, match="is not running"):
        invocation.pause()


def test_a_test_that_waits_in_vain_is_told_why(engine: testing.Engine) -> None:
    invocation = engine.send(programs.ask, key="ada")
    question = engine.state("Account", "ada")["question"]
    with pytest.raises(testing.Stuck, match=f"Account/ada/ask .* is suspended, waits for awakeable {question}"):
        invocation.result()
    with pytest.raises(testing.Stuck, match=r"Shop/break_down .* is paused, last failure: ValueError\('broken'\)"):
        engine.call(programs.break_down)


def test_a_step_fails_on_its_first_attempts(engine: testing.Engine) -> None:
    engine.fail_first("charge", attempts=2)
    invocation = engine.send(programs.buy, 5)
    status = invocation.status
    assert status is not None
    assert status.state == "backing-off"
    assert status.last_failure is not None
    assert "fails by order of the test (1 of 2)" in status.last_failure
    assert programs.charged == []
    assert invocation.result() == 10
    assert programs.charged == [5]


def test_a_step_fails_for_good_within_one_handler_only(engine: testing.Engine) -> None:
    engine.fail_first("charge", within=programs.refuse, error=odradek.TerminalError("never"))
    assert engine.call(programs.buy, 5) == 10
    engine.fail_first("charge", within=programs.buy, error=odradek.TerminalError("broke", 402))
    with pytest.raises(odradek.TerminalError, match="broke"):
        engine.call(programs.buy, 5)


def test_a_handler_fails_on_its_first_attempts(engine: testing.Engine) -> None:
    engine.fail_first(programs.deposit, attempts=2)
    invocation = engine.send(programs.deposit, 5, key="ada")
    assert not invocation.done
    assert invocation.result() == 5


def test_journals_can_be_read(engine: testing.Engine) -> None:
    invocation = engine.send(programs.buy, 5)
    invocation.result()
    commands = [entry for entry in invocation.journal if entry.kind.startswith("Command")]
    assert [entry.kind.removeprefix("Command: ") for entry in commands] == ["Input", "Run", "Sleep", "Call", "Output"]
    assert commands[1].name == "charge"
    assert [entry.index for entry in invocation.journal] == list(range(len(invocation.journal)))


@pytest.mark.parametrize("power", [False, True])
def test_a_crash_changes_nothing_but_the_attempt(engine: testing.Engine, power: bool) -> None:
    invocation = engine.send(programs.buy, 5)
    engine.crash_and_restart(power=power)
    assert invocation.result() == 10
    assert engine.call(programs.deposit, 1, key="shop") == 11
    assert programs.charged == [5]


@pytest.mark.parametrize("step", ["sent", "written"])
def test_a_send_is_taken_once_whatever_crashes(engine: testing.Engine, step: testing.CrashStep) -> None:
    engine.crash_at(1, step)
    invocation = engine.send(programs.ask, key="ada")
    assert not invocation.done
    engine.resolve_awakeable(engine.state("Account", "ada")["question"], "yes")
    assert invocation.result() == "yes"


def test_a_lost_result_of_a_step_is_made_again(engine: testing.Engine) -> None:
    records = 3  # the invocation, the run block's command, its result
    engine.crash_at(records, "sent")
    assert engine.call(programs.buy, 5) == 10
    assert programs.charged == [5, 5]


def test_a_durable_result_of_a_step_is_not_made_again(engine: testing.Engine) -> None:
    engine.crash_at(3, "written")
    assert engine.call(programs.buy, 5) == 10
    assert programs.charged == [5]


def test_several_crashes_in_one_call(engine: testing.Engine) -> None:
    for record in range(1, 60, 2):
        engine.crash_at(record, "sent" if record % 3 else "written")
    assert sorted(engine.call(programs.buy_twice, 5)) == [5, 5, 10]


def test_a_scenario_is_replayed_with_a_crash_everywhere() -> None:
    def scenario(engine: testing.Engine) -> tuple[int, list[int]]:
        return engine.call(programs.buy, 5), sorted(engine.call(programs.buy_twice, 7))

    report = testing.replay_everywhere(programs.app, scenario)
    assert report.outcome == (10, [7, 7, 14])
    assert report.crashes > 30


def cancelled(engine: testing.Engine) -> object:
    invocation = engine.send(programs.wait_and_undo, key="ada")
    invocation.cancel()
    return invocation.result()


def killed(engine: testing.Engine) -> object:
    invocation = engine.send(programs.forever)
    invocation.kill()
    with pytest.raises(odradek.TerminalError) as caught:
        invocation.result()
    return caught.value.message


def told_twice(engine: testing.Engine) -> object:
    invocation = engine.send(programs.hear_two_words, key="ada")
    engine.resolve_signal(invocation.id, "word", "one")
    engine.resolve_signal(invocation.id, "word", "two")
    return invocation.result()


@pytest.mark.parametrize(
    ("scenario", "outcome"), [(cancelled, "undone"), (killed, "killed"), (told_twice, ["one", "two"])]
)
def test_what_a_test_tells_an_invocation_counts_once_whatever_crashes(
    scenario: Callable[[testing.Engine], object], outcome: object
) -> None:
    assert testing.replay_everywhere(programs.app, scenario).outcome == outcome


def test_a_replay_finds_what_is_not_durable() -> None:
    programs.charged.clear()

    def scenario(engine: testing.Engine) -> float:
        programs.charged.clear()
        return engine.call(programs.not_replayable)

    with pytest.raises(AssertionError, match=r"the outcome is 2 in place of 1 with a crash at journal record \d+ \("):
        testing.replay_everywhere(programs.app, scenario)


def test_threads_count_as_busy_until_they_end(engine: testing.Engine) -> None:
    begun = engine.now
    assert engine.call(programs.slow_step) == "step"
    assert engine.now == begun


def test_async_steps_wait_in_virtual_time(engine: testing.Engine) -> None:
    begun = engine.now
    assert engine.call(programs.waiting_step) == "waited"
    assert engine.now == begun + timedelta(seconds=5)


def test_the_same_idempotency_key_is_the_same_invocation(engine: testing.Engine) -> None:
    assert engine.call(programs.deposit, 5, key="ada", idempotency_key="once") == 5
    assert engine.call(programs.deposit, 5, key="ada", idempotency_key="once") == 5
    engine.advance(timedelta(days=2))
    assert engine.call(programs.deposit, 5, key="ada", idempotency_key="once") == 10


def test_invocations_are_attached_to_by_id(engine: testing.Engine) -> None:
    begun = engine.send(programs.deposit_in_a_month, 5, key="ada")
    assert engine.attach(begun.id, programs.deposit_in_a_month).result() == 5
    with pytest.raises(ValueError, match="is not an invocation's id"):
        engine.attach("ada", programs.deposit)


def test_a_workflow_runs_once_for_its_key(engine: testing.Engine) -> None:
    begun = engine.send(programs.sign_up, "ada@home", key="ada")
    with pytest.raises(odradek.TerminalError) as caught:
        engine.call(programs.sign_up, "ada@work", key="ada")
    assert caught.value.status_code == 409
    with pytest.raises(odradek.TerminalError, match="cannot use the idempotency key"):
        engine.call(programs.sign_up, "ada@work", key="ada", idempotency_key="once")
    assert engine.call(programs.confirm, "link", key="ada") is None
    assert begun.result() == "ada@home confirmed by link"


def test_misuse_is_named(engine: testing.Engine) -> None:
    with pytest.raises(ValueError, match="serves no handler Account/withdraw; it serves Account/ask"):
        engine.call("Account/withdraw", key="ada")
    with pytest.raises(TypeError, match="Account/deposit needs a key"):
        engine.call(programs.deposit, 5)
    with pytest.raises(TypeError, match="Shop/buy takes no key"):
        engine.call(programs.buy, 5, key="ada")
    with pytest.raises(ValueError, match="records count from 1"):
        engine.crash_at(0)


def test_the_plugin_brings_a_fixture(tmp_path: Path) -> None:
    (tmp_path / "test_of_a_user.py").write_text(
        "import odradek\n"
        "hello = odradek.Service('Hello')\n"
        "@hello.handler()\n"
        "async def greet(ctx: odradek.Context, name: str) -> str:\n"
        "    return f'hello {name}'\n"
        "def test_greet(odradek_engine):\n"
        "    assert odradek_engine(odradek.app([hello])).call(greet, 'ada') == 'hello ada'\n"
    )
    options = ["-q", "-p", "no:cacheprovider", "-p", "odradek.testing.pytest_plugin", f"--rootdir={tmp_path}"]
    run = subprocess.run(
        [sys.executable, "-m", "pytest", *options, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},  # else an installed one would be there twice
    )
    assert "1 passed" in run.stdout, run.stdout + run.stderr


def test_the_engine_runs_inside_of_another_loop(engine: testing.Engine) -> None:
    async def test() -> int:
        task = asyncio.current_task()
        result = engine.call(programs.deposit, 5, key="ada")
        assert asyncio.current_task() is task
        await asyncio.sleep(0)
        return result

    assert asyncio.run(test()) == 5
