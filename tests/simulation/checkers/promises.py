"""I10: a promise resolves once, and all who await it hear the same."""

from __future__ import annotations

from collections.abc import Mapping

from odradek.protocol.messages import GetPromiseCommand, GetPromiseCompletion
from odradek_engine.model import events as e
from odradek_engine.model.rows import Result
from simulation.checkers.port import Checker, Handle, Watched, hexed
from simulation.history import Moment

Name = tuple[str, str, str]
"""Service, key, promise."""


class Promises(Checker):
    """Remembers the results of promises until they are forgotten with their workflow."""

    name = "I10 promises"

    def __init__(self, run: Watched) -> None:
        super().__init__(run)
        self._results: dict[Name, Result] = {}

    def handles(self) -> Mapping[type, Handle]:
        return {
            e.PromiseCompleted: self._completed,
            e.PromisesForgotten: self._forgotten,
            e.EntriesAppended: self._appended,
        }

    def _completed(self, event: e.PromiseCompleted, moment: Moment) -> None:
        name = (event.service, event.key, event.name)
        if name in self._results:
            self.violated(f"promise {name} is completed again at {moment.partition}/{moment.offset}")
        self._results[name] = event.result

    def _forgotten(self, event: e.PromisesForgotten, moment: Moment) -> None:
        for promise in event.names:
            self._results.pop((event.service, event.key, promise), None)

    def _appended(self, event: e.EntriesAppended, moment: Moment) -> None:
        known = self.history.invocations.get(event.invocation)
        if known is None:
            return
        for entry in event.entries:
            if not isinstance(entry, GetPromiseCompletion):
                continue
            commands = [one for one in (*known.entries, *event.entries) if isinstance(one, GetPromiseCommand)]
            awaited = next((one for one in commands if one.result_completion_id == entry.completion_id), None)
            target = known.invocation.target
            result = None if awaited is None else self._results.get((target.service, target.key, awaited.key))
            if result is not None and (result.value, result.failure) != (entry.value, entry.failure):
                self.violated(f"{hexed(event.invocation)} hears {entry} of a promise that is {result}")
