"""Words for handlers that use a context where it cannot be used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from odradek.driver.current import current
from odradek.driver.run_block import RunBlock
from odradek.exceptions import HandlerMisuseError
from odradek.serde import Serde

if TYPE_CHECKING:
    from odradek.driver.attempt import Attempt


def explain_misuse(attempt: Attempt, operation: str) -> HandlerMisuseError:
    """Why `operation` is refused on this attempt's context, and what to do instead."""
    target = attempt.machine.target
    running = current.get()
    if running is None:
        reason = "by code that does not belong to the handler: call it from the handler's own task"
    elif running.attempt is not attempt:
        other = running.attempt.machine.target
        reason = f"by another invocation, of {other}: a handler may only use the context that it was given"
    elif isinstance(running, RunBlock):
        reason = f"inside {running.label}: an action must be plain code, use the context before or after the run"
    elif attempt.machine.closed is not None:
        reason = "after the handler had ended: await all its futures and tasks before it returns"
    else:
        reason = (
            f"while it awaits {attempt.waiting_for}: only one thing can be awaited at a time, since a replay must find"
            " the same order; use odradek.gather, select or as_completed instead of tasks"
        )
    return HandlerMisuseError(f"{target}: {operation} was used {reason}")


def refuse_write(target: str, operation: str) -> HandlerMisuseError:
    """The error for writing state where it can only be read."""
    return HandlerMisuseError(
        f"{target}: {operation} in a shared handler, which can only read state: make the handler exclusive, or send"
        " the change to an exclusive handler of the same object"
    )


def refuse_promise(target: str) -> HandlerMisuseError:
    """The error for a promise outside of workflows."""
    return HandlerMisuseError(
        f"{target}: ctx.promise outside of a workflow: declare the handler on a Workflow, or use ctx.awakeable, whose"
        " id anybody can complete"
    )


def refuse_state(target: str, operation: str) -> HandlerMisuseError:
    """The error for state in a service without keys."""
    return HandlerMisuseError(
        f"{target}: {operation} in a plain service, which has no key and no state: declare it on a VirtualObject"
    )


def serialize(attempt: Attempt, operation: str, name: str, serde: Serde[Any], value: Any) -> bytes:
    """What is stored for a value that `operation` was given for `name`. Raises for one that has no bytes."""
    try:
        raw = serde.serialize(value)
    except Exception as error:
        raise HandlerMisuseError(
            f"{attempt.machine.target}: {operation} of {name!r} was given a value of type {type(value).__qualname__},"
            f" which {type(serde).__name__} cannot serialize ({error}); give it a JSON value, a model or a dataclass,"
            " or name another serde"
        ) from error
    return attempt.encode(raw)
