"""A signal is heard at most as often as it was sent, and an awakeable once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from odradek.json_codec import encode
from odradek.protocol.messages import SignalNotification
from odradek_engine.model import events as e
from simulation.checkers.port import Checker, Handle, Watched, hexed
from simulation.history import Moment
from simulation.plan import Request

Heard = tuple[bytes, object, bytes | None]
"""Invocation, signal and value."""


class Signals(Checker):
    """Counts what clients send, and what stands in journals."""

    name = "signals"

    def __init__(self, run: Watched) -> None:
        super().__init__(run)
        self._sent: Counter[Heard] = Counter()
        self._heard: Counter[Heard] = Counter()

    def handles(self) -> Mapping[type, Handle]:
        return {e.EntriesAppended: self._appended}

    def asked(self, request: Request, invocation: bytes) -> None:
        if request.kind == "signal":
            self._sent[invocation, request.body[0], encode(request.body[1])] += 1

    def _appended(self, event: e.EntriesAppended, moment: Moment) -> None:
        for entry in event.entries:
            if not isinstance(entry, SignalNotification):
                continue
            heard = (event.invocation, entry.signal, entry.value)
            self._heard[heard] += 1
            if heard in self._sent and self._heard[heard] > self._sent[heard]:
                self.violated(f"{hexed(event.invocation)} hears {entry} more often than it was sent")
