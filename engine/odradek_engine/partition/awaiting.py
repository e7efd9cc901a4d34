"""Whether what a suspended handler waits for has come.

Source: the service protocol's await trees (version 7). A leaf is a completion id, a signal index or a signal name.
"""

from __future__ import annotations

from odradek.protocol.messages import Combinator, Future


class Arrived:
    """Completions and signals that are in a journal, each with whether it was a success; the first one counts."""

    __slots__ = ("completions", "signals")

    def __init__(self) -> None:
        self.completions: dict[int, bool] = {}
        self.signals: dict[int | str, bool] = {}

    def resolves(self, future: Future) -> bool:
        """Whether a handler that waits for `future` can go on."""
        return self._outcome(future) is not None

    def _outcome(self, future: Future) -> bool | None:
        """True: succeeded, False: failed, None: open."""
        outcomes = [self.completions.get(completion) for completion in future.waiting_completions]
        outcomes += [self.signals.get(signal) for signal in future.waiting_signals]
        outcomes += [self.signals.get(name) for name in future.waiting_named_signals]
        outcomes += [self._outcome(child) for child in future.nested_futures]
        match future.combinator:
            case Combinator.UNKNOWN | Combinator.FIRST_COMPLETED:
                return next((outcome for outcome in outcomes if outcome is not None), None)
            case Combinator.ALL_COMPLETED:
                return None if None in outcomes else True
            case Combinator.FIRST_SUCCEEDED_OR_ALL_FAILED:
                if True in outcomes:
                    return True
                return None if None in outcomes else False
            case Combinator.ALL_SUCCEEDED_OR_FIRST_FAILED:
                if False in outcomes:
                    return False
                return None if None in outcomes else True
