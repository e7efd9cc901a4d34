"""Arrivals: what has been answered, taken strictly in journal order, and waits for some of it.

Invariant: how far the arrivals have been taken depends only on the journal and on the waits that were made, never on
when messages came in. A wait takes arrivals up to the one that ends it and leaves the rest, so that a replay, which
has all of them from the start, sees the same winner of every race.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Final

from odradek.protocol.future import NotificationKey, signal_key
from odradek.protocol.messages import CANCEL_SIGNAL, Combinator, Future, Notification, SignalNotification

CANCEL_KEY: Final = -CANCEL_SIGNAL


def future_of(keys: Iterable[NotificationKey], combinator: Combinator) -> Future:
    """One flat node of a wait, as the protocol spells it."""
    completions: list[int] = []
    signals: list[int] = []
    named: list[tuple[str, int]] = []
    for key in keys:
        if isinstance(key, str):
            named.append((key, 0))
        elif isinstance(key, tuple):
            named.append(key)
        elif key > 0:
            completions.append(key)
        else:
            signals.append(-key)
    if not named:
        return Future(tuple(sorted(completions)), tuple(sorted(signals)), (), (), combinator)
    names, heard = zip(*sorted(named), strict=True)
    heard = heard if any(heard) else ()
    return Future(tuple(sorted(completions)), tuple(sorted(signals)), names, (), combinator, heard)


class Wait:
    """One await of a handler: over when `needed` more of the `pending` keys have arrived, or when cancelled."""

    __slots__ = ("cancelled", "every", "needed", "pending")

    def __init__(self, pending: set[NotificationKey], *, every: bool = False) -> None:
        self.pending = pending
        self.every = every
        self.needed = len(pending) if every else 1
        self.cancelled = False

    def turn_to(self, keys: set[NotificationKey]) -> None:
        """A cancellation came first: only these (ids of children that are to be cancelled too) are waited for now."""
        self.cancelled = True
        self.every = True
        self.pending = keys
        self.needed = len(keys)

    def tree(self) -> Future:
        """The wait as the protocol's tree; a cancellation always ends it too, once that has not happened yet."""
        if self.every and (len(self.pending) > 1 or self.cancelled):
            inner = future_of(self.pending, Combinator.ALL_COMPLETED)
            if self.cancelled:
                return inner
            return Future(
                waiting_signals=(CANCEL_SIGNAL,), nested_futures=(inner,), combinator=Combinator.FIRST_COMPLETED
            )
        return future_of((*self.pending, CANCEL_KEY), Combinator.FIRST_COMPLETED)


class Arrivals:
    """The queue of notifications and the results taken from it."""

    __slots__ = ("_cancelling", "_named", "_queue", "_taken", "children", "results")

    def __init__(self) -> None:
        self.results: dict[NotificationKey, Notification] = {}
        self.children: dict[NotificationKey, NotificationKey] = {}
        """Calls in flight, in order of creation: key of the result -> key of the child's invocation id."""
        self._queue: deque[tuple[NotificationKey, Notification]] = deque()
        self._cancelling = 0
        self._named: dict[str, int] = {}
        """How many signals of a name have arrived."""
        self._taken: dict[str, int] = {}
        """How many of them the handler has taken."""

    def push(self, notification: Notification) -> None:
        """Queues what has arrived; nobody sees it before a wait takes it."""
        if type(notification) is not SignalNotification:
            key: NotificationKey = notification.completion_id  # type: ignore[union-attr]  # all others have one
        elif isinstance(notification.signal, int):
            key = -notification.signal
        else:
            before = self._named.get(notification.signal, 0)
            self._named[notification.signal] = before + 1
            key = signal_key(notification.signal, before)
        self._queue.append((key, notification))

    def next_signal(self, name: str) -> NotificationKey:
        """The key of the signal of this name that the handler has not taken yet."""
        return signal_key(name, self._taken.get(name, 0))

    def take_signal(self, name: str) -> NotificationKey:
        """The same; the next one is another one from now on."""
        key = self.next_signal(name)
        self._taken[name] = self._taken.get(name, 0) + 1
        return key

    def advance(self, wait: Wait) -> bool:
        """Takes arrivals until the wait is over; False if they run out before."""
        if self._cancelling and not wait.cancelled:
            wait.turn_to(self._unknown_children())
        queue = self._queue
        results = self.results
        while wait.needed > 0:
            if not queue:
                return False
            key, notification = queue.popleft()
            if key == CANCEL_KEY:
                self._cancelling += 1
                if not wait.cancelled:
                    wait.turn_to(self._unknown_children())
                continue
            if key in results:
                continue  # a completion or an awakeable's signal counts once, the first time
            results[key] = notification
            if self.children:
                self.children.pop(key, None)
            if key in wait.pending:
                wait.pending.discard(key)
                wait.needed -= 1
        return True

    def take_cancellation(self) -> list[NotificationKey]:
        """Ends one cancellation; the keys of the ids of the children to cancel, each child once."""
        self._cancelling -= 1
        keys = list(self.children.values())
        self.children.clear()
        return keys

    def _unknown_children(self) -> set[NotificationKey]:
        return {key for key in self.children.values() if key not in self.results}
