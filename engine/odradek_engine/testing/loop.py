"""An asyncio event loop with virtual time: one thread, no sockets, and a clock that jumps when nothing else is left.

When no callback is ready and no thread works, time jumps to the next timer. Timers of one instant run in the order in
which they were set; with a seed, ready callbacks run in a drawn order. The same program on the same seed takes the same
steps, as long as it uses no threads.

Work in threads counts as busy: time stands still until it ends. Background timers (`call_in_background`) are served
when time passes them, but nobody lives for them: with nothing else left the loop says `NothingLeft` rather than
running from one to the next for ever.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import contextvars
import heapq
import logging
import queue
import random
import sys
from collections.abc import Awaitable, Callable, Coroutine, Generator
from typing import Any, Final, TypeVar, TypeVarTuple
from weakref import WeakSet

from odradek_engine.testing.no_network import NoNetworkLoop
from odradek_engine.testing.process import Process, process_of

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

_log = logging.getLogger(__name__)

CALLBACKS_MAX: Final = 5_000_000
"""So many callbacks may run before what is waited for must be there."""
THREADS: Final = 32
"""Of the default executor."""
THREAD_SECONDS_MAX: Final = 60.0
"""So long, in real time, the loop waits for a thread with nothing else to do."""
_CANCELLED_TIMERS: Final = 100
"""So many cancelled timers may lie about before they are cleared away, if they are half of all."""


class NothingLeft(Exception):
    """What is waited for can never come: nothing is ready, no thread works and no timer is set."""


class StillBusy(Exception):
    """What is waited for has not come within `CALLBACKS_MAX` callbacks, or `THREAD_SECONDS_MAX` seconds in a thread."""


class _Call(asyncio.Handle):
    __slots__ = ("process",)
    process: Process | None


class _Timer(asyncio.TimerHandle):
    __slots__ = ("process",)
    process: Process | None


class _Task(asyncio.Task[Any]):
    """A task whose place in a set does not depend on where it lies in memory."""

    def __init__(self, *args: Any, number: int, **kwargs: Any) -> None:
        self._number = number
        super().__init__(*args, **kwargs)

    def __hash__(self) -> int:
        return self._number


class _Work:
    """Something that runs in a thread, and how its end comes back to the loop."""

    __slots__ = ("call", "future")

    def __init__(self, future: concurrent.futures.Future[Any], call: _Call) -> None:
        self.future = future
        self.call = call


class VirtualLoop(NoNetworkLoop):
    """See the module. `threads` False: what asks for a thread is run at once, on the loop's own."""

    def __init__(self, seed: int | None = None, *, threads: bool = True) -> None:
        self.callbacks = 0
        """How many callbacks have run."""
        self.errors: list[dict[str, Any]] = []
        """What callbacks and forgotten tasks have raised."""
        self._random = None if seed is None else random.Random(seed)
        self._threads = threads
        self._now = 0.0
        self._ready: list[_Call | _Timer] = []
        self._timers: list[tuple[float, int, _Timer]] = []
        self._background: list[tuple[float, int, _Timer]] = []
        self._timer_count = 0
        self._cancelled_timers = 0
        self._task_count = 0
        self._working: list[_Work] = []
        self._from_threads: queue.SimpleQueue[_Call | None] = queue.SimpleQueue()
        self._executor: concurrent.futures.ThreadPoolExecutor | None = None
        self._generators: WeakSet[Any] = WeakSet()
        self._world = Process("world")
        """Everything that belongs to no other process."""
        self._running = False
        self._stopping = False
        self._closed = False

    # --- time ---

    def time(self) -> float:
        """Virtual seconds since the loop was made."""
        return self._now

    def call_at(
        self, when: float, callback: Callable[[*Ts], object], *args: *Ts, context: contextvars.Context | None = None
    ) -> asyncio.TimerHandle:
        """See asyncio."""
        timer = self._new_timer(when, callback, args, context)
        heapq.heappush(self._timers, (when, self._timer_count, timer))
        return timer

    def call_later(
        self, delay: float, callback: Callable[[*Ts], object], *args: *Ts, context: contextvars.Context | None = None
    ) -> asyncio.TimerHandle:
        """See asyncio."""
        return self.call_at(self._now + max(0.0, delay), callback, *args, context=context)

    def call_in_background(self, delay: float, callback: Callable[[], object]) -> asyncio.TimerHandle:
        """A timer that nobody waits for; it runs once time has passed it, perhaps by far."""
        when = self._now + delay
        timer = self._new_timer(when, callback, (), None)
        heapq.heappush(self._background, (when, self._timer_count, timer))
        return timer

    def _new_timer(
        self, when: float, callback: Callable[..., object], args: Any, context: contextvars.Context | None
    ) -> _Timer:
        self._check_open()
        context = contextvars.copy_context() if context is None else context
        timer = _Timer(when, callback, args, self, context)
        timer.process = process_of(context)
        self._timer_count += 1
        return timer

    def _timer_handle_cancelled(self, _: asyncio.TimerHandle) -> None:
        """Called by a handle that is cancelled: keeps the heap from filling up with them."""
        self._cancelled_timers += 1
        if self._cancelled_timers > _CANCELLED_TIMERS and 2 * self._cancelled_timers > len(self._timers):
            self._timers = [entry for entry in self._timers if not entry[2].cancelled()]
            heapq.heapify(self._timers)
            self._cancelled_timers = 0

    # --- callbacks ---

    def call_soon(
        self, callback: Callable[[*Ts], object], *args: *Ts, context: contextvars.Context | None = None
    ) -> asyncio.Handle:
        """See asyncio."""
        call = self._new_call(callback, args, context)
        self._ready.append(call)
        return call

    def call_soon_threadsafe(
        self, callback: Callable[[*Ts], object], *args: *Ts, context: contextvars.Context | None = None
    ) -> asyncio.Handle:
        """See asyncio. Taken when nothing else is ready, so that a thread's speed changes as little as possible."""
        call = self._new_call(callback, args, context)
        self._from_threads.put(call)
        return call

    def _new_call(self, callback: Callable[..., object], args: Any, context: contextvars.Context | None) -> _Call:
        self._check_open()
        context = contextvars.copy_context() if context is None else context
        call = _Call(callback, args, self, context)
        call.process = process_of(context)
        return call

    def _run_ready(self) -> None:
        """One pass: everything that is ready now."""
        batch, self._ready = self._ready, []
        if self._random is not None:
            self._random.shuffle(batch)
        self.callbacks += len(batch)
        for call in batch:
            process = call.process
            if call._cancelled or (process is not None and not process.alive):
                continue
            if process is not None and process.frozen:
                process.held.append(call)
                continue
            call._run()

    def _find_work(self, horizon: float | None) -> bool:
        """Nothing is ready: waits for threads, or jumps to the next timer; False where that lies beyond the horizon.

        Raises `NothingLeft` where there is no horizon.
        """
        if self._take_from_threads():
            return True
        while self._timers and not _is_due_for_somebody(self._timers[0][2]):
            heapq.heappop(self._timers)
        if not self._timers:
            if horizon is None:
                raise NothingLeft("nothing is ready, no thread works and no timer is set")
            return self._jump(horizon)
        when = self._timers[0][0]
        if horizon is not None and when > horizon:
            return self._jump(horizon)
        return self._jump(when)

    def _jump(self, when: float) -> bool:
        """Sets the clock and makes ready what is due; whether anything is."""
        self._now = max(self._now, when)
        due = [*_take_due(self._background, self._now), *_take_due(self._timers, self._now)]
        self._ready += [timer for _, _, timer in due]
        return bool(due)

    # --- threads ---

    def run_in_executor(
        self, executor: concurrent.futures.Executor | None, func: Callable[[*Ts], T], *args: *Ts
    ) -> asyncio.Future[T]:
        """See asyncio."""
        future: asyncio.Future[T] = self.create_future()
        if not self._threads:
            _settle(future, func, args)
            return future
        if executor is None:
            executor = self._executor = self._executor or concurrent.futures.ThreadPoolExecutor(THREADS)
        work = executor.submit(func, *args)
        self._working.append(_Work(work, self._new_call(_settle, (future, work.result, ()), None)))
        work.add_done_callback(lambda _: self._from_threads.put(None))
        return future

    def set_default_executor(self, executor: Any) -> None:
        """See asyncio."""
        self._executor = executor

    def _take_from_threads(self) -> bool:
        """Takes what threads have left, in the order in which they were begun; waits for one if any works."""
        while self._working or not self._from_threads.empty():
            try:
                call = self._from_threads.get(timeout=THREAD_SECONDS_MAX)
            except queue.Empty:
                raise StillBusy(f"work in a thread has not ended within {THREAD_SECONDS_MAX:g} seconds") from None
            if call is not None:
                self._ready.append(call)
            self._ready += [work.call for work in self._working if work.future.done()]
            self._working = [work for work in self._working if not work.future.done()]
            if self._ready:
                return True
        return False

    # --- running ---

    def run_forever(self) -> None:
        """Runs until `stop`. Raises `NothingLeft`."""
        with _Running(self):
            while not self._stopping:
                if self._ready or self._find_work(None):
                    self._run_ready()

    def run_until_complete(self, future: Generator[Any, None, T] | Awaitable[T]) -> T:
        """Runs until the future is done. Raises `NothingLeft` if it never will be, `StillBusy` if it takes too long."""
        task: asyncio.Future[T] = asyncio.ensure_future(future, loop=self)  # type: ignore[arg-type]
        limit = self.callbacks + CALLBACKS_MAX
        with _Running(self):
            while not task.done():
                if self._ready or self._find_work(None):
                    self._run_ready()
                if self.callbacks > limit:
                    raise StillBusy(f"{CALLBACKS_MAX} callbacks have run, up to {self._now:.3f} virtual seconds")
        return task.result()

    def run_for(self, seconds: float) -> None:
        """Lets virtual time pass, and everything happen that is due meanwhile; 0: all that is due now."""
        horizon = self._now + seconds
        limit = self.callbacks + CALLBACKS_MAX
        with _Running(self):
            while self._ready or self._find_work(horizon):
                self._run_ready()
                if self.callbacks > limit:
                    raise StillBusy(f"{CALLBACKS_MAX} callbacks have run, up to {self._now:.3f} virtual seconds")

    def stop(self) -> None:
        """See asyncio."""
        self._stopping = True

    def is_running(self) -> bool:
        """See asyncio."""
        return self._running

    def is_closed(self) -> bool:
        """See asyncio."""
        return self._closed

    def close(self) -> None:
        """See asyncio. Tasks that are not done are closed."""
        self._world.bury()
        self._closed = True
        self._ready.clear()
        self._timers.clear()
        self._background.clear()
        if self._executor is not None:
            self._executor.shutdown(wait=False, cancel_futures=True)

    def _check_open(self) -> None:
        if self._closed:
            raise RuntimeError("the event loop is closed")

    async def shutdown_asyncgens(self) -> None:
        """See asyncio."""
        generators = list(self._generators)
        self._generators.clear()
        await asyncio.gather(*(generator.aclose() for generator in generators), return_exceptions=True)

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:  # noqa: ARG002
        """See asyncio."""
        if self._executor is not None:
            self._executor.shutdown(wait=True)

    # --- futures and tasks ---

    def create_future(self) -> asyncio.Future[Any]:
        """See asyncio."""
        return asyncio.Future(loop=self)

    def create_task(
        self,
        coro: Generator[Any, None, T] | Coroutine[Any, Any, T],
        *,
        name: str | None = None,
        context: contextvars.Context | None = None,
    ) -> asyncio.Task[T]:
        """See asyncio."""
        self._check_open()
        context = contextvars.copy_context() if context is None else context
        self._task_count += 1
        task: asyncio.Task[T] = _Task(coro, loop=self, name=name, context=context, number=self._task_count)
        (process_of(context) or self._world).adopt(task, context)
        return task

    def kill(self, process: Process) -> None:
        """Ends a process as kill -9 does: no callback, timer or task of it goes on."""
        process.alive = False
        self.call_in_world(process.bury)

    def freeze(self, process: Process) -> None:
        """Stops a process as SIGSTOP does: what is due waits, and time goes on without it."""
        process.frozen = True

    def thaw(self, process: Process) -> None:
        """A frozen process goes on, with everything at once that was due meanwhile."""
        process.frozen = False
        held, process.held = process.held, []
        self._ready += held  # type: ignore[arg-type]

    def call_in_world(self, callback: Callable[[], object]) -> None:
        """Calls back soon, outside of all processes."""
        self._world.run(self.call_soon, callback)

    def call_later_in_world(self, delay: float, callback: Callable[[], object]) -> asyncio.TimerHandle:
        """Calls back after `delay` seconds, outside of all processes, whichever of them asks."""
        return self._world.run(self.call_later, delay, callback)

    # --- errors ---

    def get_debug(self) -> bool:
        """See asyncio."""
        return False

    def set_debug(self, enabled: bool) -> None:
        """See asyncio; there is no debug mode."""

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Keeps what went wrong where nobody could take it, and logs it."""
        self.errors.append(context)
        _log.error("%s", context.get("message"), exc_info=context.get("exception"))


class _Running:
    """The loop runs; also inside of another loop's callback, which waits meanwhile."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop

    def __enter__(self) -> None:
        loop = self._loop
        loop._check_open()
        if loop._running:
            raise RuntimeError("the event loop is running already")
        loop._running = True
        loop._stopping = False
        self._outer = asyncio._get_running_loop()
        self._hooks = sys.get_asyncgen_hooks()
        sys.set_asyncgen_hooks(firstiter=loop._generators.add, finalizer=self._finalize)
        asyncio._set_running_loop(loop)

    def __exit__(self, *_: object) -> None:
        asyncio._set_running_loop(self._outer)
        sys.set_asyncgen_hooks(*self._hooks)
        self._loop._running = False

    def _finalize(self, generator: Any) -> None:
        self._loop._generators.discard(generator)
        process = process_of(contextvars.copy_context())
        if process is not None and not process.alive:
            with contextlib.suppress(BaseException):
                generator.aclose().send(None)  # no task of a dead process would ever do it
        elif not self._loop.is_closed():
            self._loop.create_task(generator.aclose())


def _is_due_for_somebody(timer: _Timer) -> bool:
    return not timer.cancelled() and (timer.process is None or timer.process.alive)


def _take_due(timers: list[tuple[float, int, _Timer]], now: float) -> list[tuple[float, int, _Timer]]:
    due = []
    while timers and timers[0][0] <= now:
        due.append(heapq.heappop(timers))
    return due


def _settle(future: asyncio.Future[Any], function: Callable[..., Any], args: tuple[Any, ...]) -> None:
    """Calls the function for the future."""
    if future.done():
        return
    try:
        future.set_result(function(*args))
    except BaseException as error:
        future.set_exception(error)
