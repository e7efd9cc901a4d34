"""Waiting for several durable futures. Which one comes first is in the journal, so a replay sees the same winner."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from typing import Any

from odradek.driver.durable import DurableFuture
from odradek.futures import RestateDurableFuture
from odradek.vm import Wait


class _WaitFor:
    """Awaitable form of a wait for some of several futures of one context."""

    def __init__(self, futures: list[DurableFuture[Any]], *, every: bool) -> None:
        self._futures = futures
        self._every = every

    def __await__(self) -> Generator[Any, None, None]:
        attempt = self._futures[0].attempt
        label = ", ".join(future.operation for future in self._futures)
        yield from attempt.wait(Wait({future.key for future in self._futures}, every=self._every), label)


def _durable(futures: tuple[RestateDurableFuture[Any], ...]) -> list[DurableFuture[Any]]:
    """The futures as made by one context; asks for the run blocks among them."""
    durable: list[DurableFuture[Any]] = []
    for future in futures:
        if not isinstance(future, DurableFuture):
            raise TypeError(f"only durable futures of a context can be waited for, not {type(future).__qualname__}")
        if durable and future.attempt is not durable[0].attempt:
            raise ValueError("futures of different contexts cannot be waited for together")
        durable.append(future)
    if durable:
        durable[0].attempt.note_awaited([future.key for future in durable])
    return durable


async def gather(*futures: RestateDurableFuture[Any]) -> list[RestateDurableFuture[Any]]:
    """Waits until all futures are completed, successfully or not, and returns them; await each for its result.

    Run blocks among them run at the same time.
    """
    open_futures = [future for future in _durable(futures) if not future.is_completed]
    if open_futures:
        await _WaitFor(open_futures, every=True)
    return list(futures)


async def wait_completed(
    *args: RestateDurableFuture[Any],
) -> tuple[list[RestateDurableFuture[Any]], list[RestateDurableFuture[Any]]]:
    """Waits until at least one future is completed; returns the completed ones and the others, in the given order."""
    futures = _durable(args)
    if futures and not any(future.is_completed for future in futures):
        await _WaitFor(futures, every=False)
    completed: list[RestateDurableFuture[Any]] = [future for future in futures if future.is_completed]
    return completed, [future for future in futures if not future.is_completed]


async def as_completed(
    *futures: RestateDurableFuture[Any],
) -> AsyncGenerator[RestateDurableFuture[Any], None]:
    """Yields each future once, when it is completed."""
    remaining = list(futures)
    while remaining:
        completed, remaining = await wait_completed(*remaining)
        for future in completed:
            yield future


async def select(**kws: RestateDurableFuture[Any]) -> list[Any]:
    """Waits for the first of the named futures: `[its name, its result]`. Raises what that future raises.

    match await odradek.select(answer=promise, timeout=ctx.sleep(timedelta(seconds=10))):
        case ["answer", value]: ...
        case ["timeout", _]: ...
    """
    if not kws:
        raise ValueError("select needs at least one future")
    completed, _ = await wait_completed(*kws.values())
    winner = completed[0]
    name = next(name for name, future in kws.items() if future is winner)
    return [name, await winner]
