"""When a tree of awaited things is resolved: pure evaluation against what has completed so far.

Both sides use it: the engine to decide whether a suspended handler may go on, tests to check the handler's waits.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Final

from odradek.protocol.messages import Combinator, Future

MAX_FUTURE_DEPTH: Final = 1000
"""Trees nested deeper are refused, by both sides."""

NotificationKey = int | str | tuple[str, int]
"""One space for all that can be awaited: a completion id, a negated signal index, a signal's name for the first of that
name, and for later ones the name with how many came before."""


class Outcome(Enum):
    """What a completed thing, or a whole tree, came to."""

    SUCCESS = "success"
    FAILURE = "failure"


class FutureTooDeep(ValueError):
    """A tree of futures is nested deeper than `MAX_FUTURE_DEPTH`."""


def signal_key(name: str, before: int) -> NotificationKey:
    """The key of a named signal; `before`: how many of its name came before it."""
    return (name, before) if before else name


def leaves_of(future: Future) -> list[NotificationKey]:
    """The keys that stand directly in one node, not in its children."""
    keys: list[NotificationKey] = list(future.waiting_completions)
    keys += [-index for index in future.waiting_signals]
    heard = future.signals_heard
    if heard:
        keys += [signal_key(*pair) for pair in zip(future.waiting_named_signals, heard, strict=True)]
    else:
        keys += future.waiting_named_signals
    return keys


def resolve(future: Future, completed: Mapping[NotificationKey, Outcome]) -> Outcome | None:
    """The outcome of a tree, None while it is unresolved.

    An empty node never resolves under FIRST_COMPLETED and UNKNOWN, and is a success under the others.
    Raises `FutureTooDeep`.
    """
    outcomes: dict[int, Outcome | None] = {}
    stack = [(future, 1, False)]
    while stack:
        node, depth, children_done = stack.pop()
        if depth > MAX_FUTURE_DEPTH:
            raise FutureTooDeep(f"an awaited future is nested deeper than {MAX_FUTURE_DEPTH}")
        if children_done or not node.nested_futures:
            parts = [completed.get(key) for key in leaves_of(node)]
            parts += [outcomes[id(child)] for child in node.nested_futures]
            outcomes[id(node)] = _combine(node.combinator, parts)
            continue
        stack.append((node, depth, True))
        stack += [(child, depth + 1, False) for child in node.nested_futures]
    return outcomes[id(future)]


def _combine(combinator: Combinator, parts: list[Outcome | None]) -> Outcome | None:
    decisive = _DECISIVE[combinator]
    for part in parts:
        if part in decisive:
            return part
    if combinator in _ANY or None in parts:
        return None
    return _FALLBACK[combinator]


_ANY: Final = frozenset((Combinator.UNKNOWN, Combinator.FIRST_COMPLETED))
_DECISIVE: Final[dict[Combinator, frozenset[Outcome | None]]] = {
    Combinator.UNKNOWN: frozenset(Outcome),
    Combinator.FIRST_COMPLETED: frozenset(Outcome),
    Combinator.ALL_COMPLETED: frozenset(),
    Combinator.FIRST_SUCCEEDED_OR_ALL_FAILED: frozenset((Outcome.SUCCESS,)),
    Combinator.ALL_SUCCEEDED_OR_FIRST_FAILED: frozenset((Outcome.FAILURE,)),
}
"""The outcomes of one part that settle the whole at once."""
_FALLBACK: Final = {
    Combinator.ALL_COMPLETED: Outcome.SUCCESS,
    Combinator.FIRST_SUCCEEDED_OR_ALL_FAILED: Outcome.FAILURE,
    Combinator.ALL_SUCCEEDED_OR_FIRST_FAILED: Outcome.SUCCESS,
}
"""The outcome when every part is there and none was decisive."""
