"""Context managers around invocations whose value handlers can reach."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from contextvars import ContextVar
from typing import Generic, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class contextvar(Generic[P, T]):  # noqa: N801  (used as a decorator)
    """Decorates an async context manager so that, within it, `.value` is what it yielded.

    For `invocation_context_managers`, which are entered around each invocation and yield nothing to the handler.
    """

    def __init__(self, func: Callable[P, AbstractAsyncContextManager[T]]) -> None:
        self.func = func
        self._entered: ContextVar[T] = ContextVar(getattr(func, "__name__", "contextvar"))

    @property
    def value(self) -> T:
        """What the context manager yielded; raises `LookupError` outside of it."""
        try:
            return self._entered.get()
        except LookupError:
            raise LookupError(f"{self._entered.name} is used outside of its context manager") from None

    @asynccontextmanager
    async def _enter(self, *args: P.args, **kwargs: P.kwargs) -> AsyncGenerator[None, None]:
        async with self.func(*args, **kwargs) as value:
            token = self._entered.set(value)
            try:
                yield
            finally:
                self._entered.reset(token)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> AbstractAsyncContextManager[None]:
        """A context manager to enter around an invocation."""
        return self._enter(*args, **kwargs)
