"""Whether what a suspended handler waits for has come.

Source: the service protocol's await trees (version 7). A leaf is a completion id, a signal index or a signal name.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Final

from odradek.protocol.future import NotificationKey, Outcome, leaves_of, resolve, signal_key
from odradek.protocol.messages import Future

AWAIT_DEPTH_MAX: Final = 400
"""Trees nested deeper are refused: they could not be written into a row."""


class Arrived:
    """Completions and signals that are in a journal, each with whether it was a success.

    The first completion of an id, or signal of an index, counts; named signals are counted through.
    """

    __slots__ = ("_named", "_outcomes")

    def __init__(self) -> None:
        self._outcomes: dict[NotificationKey, Outcome] = {}
        self._named: dict[str, int] | None = None

    def add_completion(self, completion_id: int, succeeded: bool) -> None:
        """A completion is there."""
        self._outcomes.setdefault(completion_id, Outcome.SUCCESS if succeeded else Outcome.FAILURE)

    def add_signal(self, signal: int | str, succeeded: bool) -> None:
        """A signal is there."""
        key = -signal if isinstance(signal, int) else self._key_of_next(signal)
        self._outcomes.setdefault(key, Outcome.SUCCESS if succeeded else Outcome.FAILURE)

    def _key_of_next(self, name: str) -> NotificationKey:
        if self._named is None:
            self._named = {}
        before = self._named.get(name, 0)
        self._named[name] = before + 1
        return signal_key(name, before)

    def has_completion(self, completion_id: int) -> bool:
        """Whether a completion is there."""
        return completion_id in self._outcomes

    def has_signal(self, signal: int | str) -> bool:
        """Whether a signal is there."""
        return (-signal if isinstance(signal, int) else signal) in self._outcomes

    def resolves(self, future: Future) -> bool:
        """Whether a handler that waits for `future` can go on."""
        return resolve(future, self._outcomes) is not None


def is_empty(future: Future) -> bool:
    """Whether nothing at all is awaited."""
    return not any(leaves_of(node) for level in _levels(future) for node in level)


def is_too_deep(future: Future) -> bool:
    """Whether a tree has more than `AWAIT_DEPTH_MAX` levels."""
    return next(islice(_levels(future), AWAIT_DEPTH_MAX, None), None) is not None


def _levels(future: Future) -> Iterator[Sequence[Future]]:
    level: Sequence[Future] = (future,)
    while level:
        yield level
        level = [child for node in level for child in node.nested_futures]
