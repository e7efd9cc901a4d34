"""Exceptions that handlers raise, and those that the SDK raises into handlers."""

from __future__ import annotations

from datetime import timedelta


class TerminalError(Exception):
    """The invocation (or run block) has failed for good: it is not retried, and its caller gets this error.

    `status_code` is HTTP-like (the ingress answers with it); `metadata` travels along to the caller.
    """

    def __init__(self, message: str, status_code: int = 500, metadata: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.status_code = status_code
        self.metadata = metadata


class RetryableError(Exception):
    """This attempt has failed; `retry_after` sets the delay before the next one, None leaves it to the retry policy."""

    def __init__(self, message: str, status_code: int = 500, retry_after: timedelta | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.status_code = status_code
        self.retry_after = retry_after


class HandlerMisuseError(Exception):
    """A handler uses its context in a way that could not be replayed; the message says what to do instead."""


_ADVICE = (
    "\nThis exception ends the attempt, not the invocation. Handler code should let it pass: catch `TerminalError`"
    " or the exceptions you expect, not everything. `odradek.is_internal_exception(e)` tells it apart."
)


class SdkInternalBaseException(BaseException):
    """Base of the exceptions by which the SDK unwinds a handler; not for handlers to catch."""

    def __init__(self, message: str) -> None:
        super().__init__(message + _ADVICE)


class SuspendedException(SdkInternalBaseException):
    """The handler has been suspended: it starts again, from its journal, when what it waits for is there."""

    def __init__(self) -> None:
        super().__init__("The invocation was suspended until what it waits for is there.")


class SdkInternalException(SdkInternalBaseException):
    """The attempt has failed and been reported; the invocation is retried."""

    def __init__(self, message: str = "The attempt has failed and will be retried.") -> None:
        super().__init__(message)


def is_internal_exception(e: BaseException) -> bool:
    """True for exceptions that belong to the SDK's own control flow."""
    return isinstance(e, SdkInternalBaseException)
