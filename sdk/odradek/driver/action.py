"""What can be known of a run block's action without calling it: whether it is async, and the type of its result."""

from __future__ import annotations

import inspect
from functools import partial
from types import CodeType
from typing import Any, Final, get_type_hints

from odradek.exceptions import HandlerMisuseError
from odradek.serde import DefaultSerde, Serde

MAX_CACHED: Final = 4096
"""Entries of each cache; a program with more types or actions than this loses the cache now and then."""

_UNTYPED: Final[Serde[Any]] = DefaultSerde()


def is_async(action: Any, name: str, target: str) -> bool:
    """Whether calling the action of this handler's run block gives a coroutine.

    Raises `HandlerMisuseError` for what cannot be called.
    """
    code = getattr(action, "__code__", None)
    if code is not None:
        return bool(code.co_flags & inspect.CO_COROUTINE)
    if callable(action):
        return inspect.iscoroutinefunction(action) or inspect.iscoroutinefunction(getattr(action, "__call__", None))  # noqa: B004
    if inspect.iscoroutine(action):
        action.close()
        raise HandlerMisuseError(
            f"{target}: run {name!r} was given a coroutine: pass the function itself, and its arguments behind the"
            f" options, `ctx.run_typed({name!r}, function, RunOptions(), ...)`, so that a replay need not call it"
        )
    raise HandlerMisuseError(f"{target}: run {name!r} was given a {type(action).__qualname__}, which cannot be called")


_serdes: dict[Any, Serde[Any]] = {}


def result_serde(action: Any, type_hint: Any) -> Serde[Any]:
    """The default serde for the result: of the hint if given, else of the action's return annotation."""
    hint = _return_hint(action) if type_hint is None else type_hint
    if hint is None:
        return _UNTYPED
    try:
        serde = _serdes.get(hint)
    except TypeError:
        return DefaultSerde(hint)
    if serde is None:
        if len(_serdes) >= MAX_CACHED:
            _serdes.clear()
        serde = _serdes[hint] = DefaultSerde(hint)
    return serde


_hints: dict[CodeType, Any] = {}


def _return_hint(action: Any) -> Any:
    if isinstance(action, partial):
        return _return_hint(action.func)
    annotations = getattr(action, "__annotations__", None)
    if not annotations:
        return None
    hint = annotations.get("return")
    return _evaluated(action) if isinstance(hint, str) else hint


def _evaluated(action: Any) -> Any:
    """The return annotation of a function whose module keeps annotations as text."""
    code: CodeType = action.__code__
    if code not in _hints:
        if len(_hints) >= MAX_CACHED:
            _hints.clear()
        try:
            _hints[code] = get_type_hints(action).get("return")
        except NameError:  # a name that only type checkers see, or a local one
            _hints[code] = None
    return _hints[code]
