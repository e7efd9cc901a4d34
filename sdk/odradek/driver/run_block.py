"""Run blocks at work: executing an action, proposing its result, deciding about a failed one.

An action that fails for now ends the attempt (the engine starts the next one, which comes back to this block); one
that fails for good, or whose retries are used up, is proposed as a failure.
"""

from __future__ import annotations

import asyncio
import inspect
import traceback
from collections.abc import Callable
from contextvars import copy_context
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, cast

from odradek.context import RunOptions
from odradek.driver.current import current
from odradek.exceptions import HandlerMisuseError, RetryableError, SdkInternalBaseException, TerminalError
from odradek.handler import ResultNotSerializable
from odradek.protocol.messages import Error, Failure, RunCommand
from odradek.serde import Serde
from odradek.vm.commands import run
from odradek.vm.machine import INTERNAL_ERROR

if TYPE_CHECKING:
    from odradek.driver.attempt import Attempt

_RUN_COMMAND_TAG: Final = cast(int, RunCommand.__struct_config__.tag)


@dataclass(frozen=True, slots=True)
class RunRetryPolicy:
    """Retries of one block's action; all None leaves them to the invocation's policy."""

    max_attempts: int | None = None
    max_duration: timedelta | None = None
    initial_interval: timedelta | None = None
    max_interval: timedelta | None = None
    factor: float | None = None

    @classmethod
    def of(cls, options: RunOptions[Any]) -> RunRetryPolicy:
        """The retry fields of the options that a handler gave."""
        return cls(
            options.max_attempts,
            options.max_retry_duration if options.max_duration is None else options.max_duration,
            options.initial_retry_interval,
            options.max_retry_interval,
            options.retry_interval_factor,
        )

    def is_exhausted(self, attempts: int, duration_ms: int) -> bool:
        """True if no attempt may follow the last of `attempts`, made within `duration_ms`."""
        if self.max_attempts is not None and attempts >= self.max_attempts:
            return True
        return self.max_duration is not None and duration_ms >= _ms(self.max_duration)

    def delay_ms(self, attempts: int) -> int | None:
        """Time to wait after so many failed attempts; None lets the engine decide."""
        if self == UNSET_POLICY:
            return None
        initial = _DEFAULT_INITIAL_MS if self.initial_interval is None else _ms(self.initial_interval)
        longest = _DEFAULT_MAX_MS if self.max_interval is None else _ms(self.max_interval)
        factor = _DEFAULT_FACTOR if self.factor is None else self.factor
        try:
            return int(min(longest, initial * factor ** (attempts - 1)))
        except OverflowError:
            return longest


UNSET_POLICY: Final = RunRetryPolicy()
_DEFAULT_INITIAL_MS: Final = 50
_DEFAULT_MAX_MS: Final = 10_000
_DEFAULT_FACTOR: Final = 2.0


def _ms(duration: timedelta) -> int:
    return int(duration.total_seconds() * 1000)


class RunBlock:
    """A declared block whose result is not in the journal yet."""

    __slots__ = ("action", "attempt", "awaited", "command_index", "is_async", "name", "number", "policy", "serde")

    def __init__(
        self,
        attempt: Attempt,
        number: int,
        name: str,
        action: Callable[[], Any],
        *,
        is_async: bool,
        serde: Serde[Any],
        policy: RunRetryPolicy,
    ) -> None:
        self.attempt = attempt
        self.number = number
        self.name = name
        self.action = action
        self.is_async = is_async
        self.serde = serde
        self.policy = policy
        self.awaited = False
        self.command_index = attempt.machine.command_index

    @property
    def label(self) -> str:
        """What messages call it."""
        return f"run {self.name!r}"


async def execute(attempt: Attempt, block: RunBlock) -> None:
    """Runs the action and proposes its result, or fails the attempt. Never raises except when cancelled."""
    current.set(block)
    began_ms = attempt.environment.now_ms()
    earlier = run.earlier_failures(attempt.machine)
    try:
        attempt.environment.before_step(attempt.handler.target, block.name)
        returned = await (block.action() if block.is_async else _run_in_thread(attempt, block))
        result = attempt.encode(_serialize(block, returned))
    except TerminalError as error:
        metadata = tuple((error.metadata or {}).items())
        attempt.propose(block, None, Failure(error.status_code, error.message, metadata))
    except SdkInternalBaseException as error:
        attempt.fail(_report(block, error, None))
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if attempt.machine.closed is not None or (task is not None and task.cancelling()):
            raise
        _handle_failure(attempt, block, error, earlier, began_ms)
    except (GeneratorExit, KeyboardInterrupt):
        raise
    except HandlerMisuseError as error:
        attempt.fail(_report(block, error, None))
    except BaseException as error:
        _handle_failure(attempt, block, error, earlier, began_ms)
    else:
        attempt.propose(block, result, None)


async def _run_in_thread(attempt: Attempt, block: RunBlock) -> Any:
    in_context = copy_context().run
    result = await attempt.environment.run_in_thread(lambda: in_context(block.action))
    return await result if inspect.isawaitable(result) else result


def _serialize(block: RunBlock, result: Any) -> bytes:
    try:
        return block.serde.serialize(result)
    except Exception as error:
        raise ResultNotSerializable(
            f"{block.attempt.machine.target}: run {block.name!r} returned a value of type"
            f" {type(result).__qualname__}, which {type(block.serde).__name__} cannot serialize ({error});"
            " return a JSON value, a model or a dataclass, or name another serde in RunOptions"
        ) from error


def _handle_failure(
    attempt: Attempt, block: RunBlock, error: BaseException, earlier: run.EarlierFailures, began_ms: int
) -> None:
    attempts = earlier.count + 1
    duration_ms = earlier.duration_ms + attempt.environment.now_ms() - began_ms
    if block.policy.is_exhausted(attempts, duration_ms):
        attempt.propose(block, None, Failure(INTERNAL_ERROR, _message(error)))
        return
    delay_ms = block.policy.delay_ms(attempts)
    if isinstance(error, RetryableError) and error.retry_after is not None:
        delay_ms = _ms(error.retry_after)
    attempt.fail(_report(block, error, delay_ms))


def _message(error: BaseException) -> str:
    return error.message if isinstance(error, RetryableError) else repr(error)


def _report(block: RunBlock, error: BaseException, delay_ms: int | None) -> Error:
    return Error(
        error.status_code if isinstance(error, RetryableError) else INTERNAL_ERROR,
        _message(error),
        "".join(traceback.format_exception(error)),
        related_command_index=block.command_index,
        related_command_name=block.name,
        related_command_type=_RUN_COMMAND_TAG,
        next_retry_delay=delay_ms,
    )
