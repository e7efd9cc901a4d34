"""The virtual loop: order, time, threads, processes that are killed, and what it refuses."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import threading
import time
from collections.abc import AsyncIterator

import pytest

from odradek_engine.testing.loop import NothingLeft, StillBusy, VirtualLoop
from odradek_engine.testing.process import Process


def run(loop: VirtualLoop, coroutine):
    with contextlib.closing(loop):
        return loop.run_until_complete(coroutine)


def test_time_jumps_to_the_next_timer() -> None:
    loop = VirtualLoop()

    async def main() -> float:
        await asyncio.gather(asyncio.sleep(86_400), asyncio.sleep(3 * 86_400), asyncio.sleep(1))
        return loop.time()

    begun = time.monotonic()
    assert run(loop, main()) == 3 * 86_400
    assert time.monotonic() - begun < 5


def test_timers_of_one_moment_keep_their_order() -> None:
    loop = VirtualLoop()
    seen: list[int] = []
    for number in range(10):
        loop.call_at(5.0, seen.append, number)
    loop.run_for(5)
    assert seen == list(range(10))


def test_ready_callbacks_run_in_their_order_or_in_a_drawn_one() -> None:
    def order(seed: int | None) -> list[int]:
        loop = VirtualLoop(seed)
        seen: list[int] = []
        for number in range(20):
            loop.call_soon(seen.append, number)
        loop.run_for(0)
        return seen

    assert order(None) == list(range(20))
    assert order(1) == order(1) != order(2)
    assert sorted(order(1)) == list(range(20))


def test_time_outs_and_cancellation_work_as_ever() -> None:
    loop = VirtualLoop()

    async def main() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(10):
                await asyncio.sleep(20)
        assert loop.time() == 10
        task = asyncio.create_task(asyncio.sleep(100))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert loop.time() == 10

    run(loop, main())


def test_it_passes_exactly_the_time_that_is_asked_for() -> None:
    loop = VirtualLoop()
    seen: list[float] = []
    loop.call_later(2, lambda: seen.append(loop.time()))
    loop.run_for(1.5)
    assert (loop.time(), seen) == (1.5, [])
    loop.run_for(1.5)
    assert (loop.time(), seen) == (3.0, [2.0])


def test_what_can_never_come_is_said_at_once() -> None:
    loop = VirtualLoop()
    with pytest.raises(NothingLeft):
        run(loop, loop.create_future())


def test_nobody_lives_for_background_timers() -> None:
    loop = VirtualLoop()
    seen: list[float] = []

    def tick() -> None:
        seen.append(loop.time())
        loop.call_in_background(1, tick)

    loop.call_in_background(1, tick)
    loop.run_until_complete(asyncio.sleep(2.5))
    assert seen == [2.5]  # passed by far, served once
    with pytest.raises(NothingLeft):
        loop.run_until_complete(loop.create_future())
    loop.run_for(1)
    assert seen == [2.5, 3.5]


def test_an_endless_program_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("odradek_engine.testing.loop.CALLBACKS_MAX", 1_000)
    loop = VirtualLoop()

    def again() -> None:
        loop.call_later(1, again)

    again()
    with pytest.raises(StillBusy, match="1000 callbacks have run"):
        loop.run_until_complete(loop.create_future())
    with pytest.raises(StillBusy):
        loop.run_for(10_000)


def test_time_stands_still_while_threads_work() -> None:
    loop = VirtualLoop()
    go_on = threading.Event()

    async def main() -> list[str]:
        def work() -> str:
            go_on.wait(10)
            return "worked"

        def open_the_way() -> str:
            go_on.set()
            return "opened"

        timer = asyncio.create_task(asyncio.sleep(60))
        done = await asyncio.gather(asyncio.to_thread(work), asyncio.to_thread(open_the_way))
        assert not timer.done()
        assert loop.time() == 0
        return list(done)

    assert run(loop, main()) == ["worked", "opened"]


def test_errors_of_threads_come_back() -> None:
    async def main() -> None:
        def fail() -> None:
            raise ValueError("in a thread")

        with pytest.raises(ValueError, match="in a thread"):
            await asyncio.to_thread(fail)

    run(VirtualLoop(), main())
    run(VirtualLoop(threads=False), main())


def test_without_threads_work_is_done_on_the_spot() -> None:
    async def main() -> int:
        return await asyncio.to_thread(threading.get_ident)

    assert run(VirtualLoop(threads=False), main()) == threading.get_ident()
    assert run(VirtualLoop(), main()) != threading.get_ident()


def test_a_thread_that_never_ends_is_not_waited_for_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("odradek_engine.testing.loop.THREAD_SECONDS_MAX", 0.01)
    loop = VirtualLoop()
    end = threading.Event()
    with pytest.raises(StillBusy, match="a thread"):
        loop.run_until_complete(loop.run_in_executor(None, end.wait, 10))
    end.set()
    loop.close()


def test_a_thread_may_call_back() -> None:
    loop = VirtualLoop()

    async def main() -> int:
        async def double(number: int) -> int:
            return number * 2

        def work() -> int:
            return asyncio.run_coroutine_threadsafe(double(4), loop).result(10)

        return await asyncio.to_thread(work)

    assert run(loop, main()) == 8


def test_a_killed_process_takes_no_further_step() -> None:
    loop = VirtualLoop()
    steps: list[str] = []

    async def live(name: str) -> None:
        while True:
            await asyncio.sleep(1)
            steps.append(name)

    dying, living = Process("dying"), Process("living")
    dying.run(loop.create_task, live("dying"))
    living.run(loop.create_task, live("living"))
    dying.run(loop.call_later, 5, steps.append, "dying")
    loop.run_for(2)
    loop.kill(dying)
    loop.run_for(10)
    assert steps.count("dying") == 2
    assert steps.count("living") == 12
    loop.kill(living)
    loop.run_for(0)
    assert loop.errors == []


def test_what_a_process_begins_belongs_to_it() -> None:
    loop = VirtualLoop()
    steps: list[str] = []

    async def child() -> None:
        await asyncio.to_thread(lambda: None)
        await asyncio.sleep(1)
        steps.append("child")

    async def parent() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(child())
            loop.call_later(1, steps.append, "timer")

    process = Process("parent")
    process.run(loop.create_task, parent())
    loop.run_for(0.5)
    loop.kill(process)
    loop.run_for(5)
    assert steps == []


def test_a_dying_process_may_not_refuse_to_die() -> None:
    loop = VirtualLoop()
    steps: list[str] = []

    async def stubborn() -> None:
        try:
            await asyncio.sleep(10)
        finally:
            steps.append("closed")
            await asyncio.sleep(10)
            steps.append("went on")

    process = Process("stubborn")
    process.run(loop.create_task, stubborn())
    loop.run_for(1)
    loop.kill(process)
    loop.run_for(100)
    assert steps == ["closed"]


def test_what_unwinds_in_a_dead_process_writes_no_log(caplog: pytest.LogCaptureFixture) -> None:
    loop = VirtualLoop()

    async def guarded() -> None:
        try:
            await waits_while_it_ends()
        except Exception:
            logging.getLogger("dying").exception("failed")

    async def waits_while_it_ends() -> None:
        try:
            await asyncio.sleep(10)
        finally:
            await asyncio.sleep(10)

    process = Process("dying")
    process.run(loop.create_task, guarded())
    loop.run_for(1)
    loop.kill(process)
    loop.run_for(1)
    gc.collect()
    assert caplog.records == []
    logging.getLogger("living").error("heard")
    assert [record.message for record in caplog.records] == ["heard"]


def test_generators_of_a_dead_process_are_closed_with_it() -> None:
    loop = VirtualLoop()
    closed: list[str] = []

    async def numbers() -> AsyncIterator[int]:
        try:
            yield 1
        finally:
            closed.append("closed")

    async def count() -> None:
        async for _ in numbers():
            await asyncio.sleep(10)

    process = Process("counting")
    process.run(loop.create_task, count())
    loop.run_for(1)
    loop.kill(process)
    loop.run_for(1)
    gc.collect()
    assert closed == ["closed"]
    assert loop.errors == []


def test_generators_left_behind_are_closed() -> None:
    closed: list[str] = []

    async def numbers() -> AsyncIterator[int]:
        try:
            yield 1
            yield 2
        finally:
            await asyncio.sleep(0)
            closed.append("closed")

    async def main() -> None:
        generator = numbers()
        async for _ in generator:
            break
        del generator
        await asyncio.sleep(1)

    run(VirtualLoop(), main())
    assert closed == ["closed"]


def test_errors_that_nobody_takes_are_kept() -> None:
    loop = VirtualLoop()
    loop.call_soon(lambda: 1 // 0)
    loop.run_for(0)
    assert [type(error["exception"]) for error in loop.errors] == [ZeroDivisionError]


def test_there_is_no_network() -> None:
    async def main() -> None:
        with pytest.raises(NotImplementedError, match="no network in virtual time"):
            await asyncio.open_connection("localhost", 80)

    run(VirtualLoop(), main())


def test_it_serves_a_runner() -> None:
    async def main() -> str:
        await asyncio.sleep(1)
        return "done"

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        assert runner.run(main()) == "done"


def test_cancelled_timers_do_not_pile_up() -> None:
    loop = VirtualLoop()
    for _ in range(10_000):
        loop.call_later(1_000, lambda: None).cancel()
    assert len(loop._timers) < 1_000
