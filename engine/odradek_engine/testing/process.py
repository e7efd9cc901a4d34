"""Processes of a simulation: parts of one program that die apart from the rest.

A callback, timer or task belongs to the process whose context it was made in; the loop runs nothing of a dead one.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import logging
from collections.abc import Callable
from typing import Any, Final, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

_current: Final[contextvars.ContextVar[Process | None]] = contextvars.ContextVar("odradek_process", default=None)
_TASKS: Final = 64
"""From so many tasks on, finished ones are forgotten now and then."""


class Process:
    """Something that can be killed, by `VirtualLoop.kill`."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.alive = True
        self.frozen = False
        """It stands still, as after SIGSTOP: see `VirtualLoop.freeze`."""
        self.held: list[asyncio.Handle] = []
        """What was due while it stood still."""
        self._context = contextvars.copy_context()
        self._context.run(_current.set, self)
        self._tasks: dict[asyncio.Task[Any], contextvars.Context] = {}
        self._tasks_max = _TASKS

    def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Calls a function as part of this process."""
        return self._context.copy().run(function, *args, **kwargs)

    def adopt(self, task: asyncio.Task[Any], context: contextvars.Context) -> None:
        """A task of this process begins; in a dead one, what is only being closed begins nothing."""
        if not self.alive:
            _close(task, context)
            return
        if len(self._tasks) >= self._tasks_max:
            self._tasks = {task: context for task, context in self._tasks.items() if not task.done()}
            self._tasks_max = max(_TASKS, 2 * len(self._tasks))
        self._tasks[task] = context

    def bury(self) -> None:
        """Closes the tasks of a dead process, so that none of them comes up when it is collected."""
        tasks, self._tasks = self._tasks, {}
        for task, context in tasks.items():
            _close(task, context)


def current_process() -> Process | None:
    """The process that runs now; None outside of all."""
    return _current.get()


def process_of(context: contextvars.Context) -> Process | None:
    """The process that a context belongs to."""
    return context.get(_current)


def _close(task: asyncio.Task[Any], context: contextvars.Context) -> None:
    """What is left of it unwinds, and may raise and write logs on the way: a killed process says nothing of that."""
    _silence(task)
    disabled = logging.root.manager.disable
    logging.disable()
    try:
        with contextlib.suppress(Exception):
            context.run(task.get_coro().close)
    finally:
        logging.disable(disabled)


def _silence(task: asyncio.Task[Any]) -> None:
    """Nobody complains that the task never ended, or that nobody took its exception, or that it took none itself."""
    task._log_destroy_pending = False  # type: ignore[attr-defined]
    awaited: asyncio.Future[Any] | None = task._fut_waiter  # type: ignore[attr-defined]
    for future in (task, awaited):
        if future is not None and future.done() and not future.cancelled():
            future.exception()
