"""`RestartAsNew`: a new invocation like a finished one, which may start with a part of that one's journal."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from odradek.protocol.ids import make_invocation_id, partition_key_of
from odradek.protocol.messages import Entry
from odradek_engine.model.commands import KEEP, LATEST, RestartAsNew
from odradek_engine.model.outcomes import (
    Accepted,
    AnyOutcome,
    InputGone,
    NotCompleted,
    NotFound,
    NotRestartable,
    NotStarted,
    PrefixOpen,
    UnknownDeployment,
)
from odradek_engine.model.rows import Completion, Invocation, Phase, Source, SourceKind, Status, random_seed
from odradek_engine.model.target import Target
from odradek_engine.partition.decide.decision import Decision
from odradek_engine.partition.decide.placing import bound_to, knows_deployment
from odradek_engine.partition.decide.starting import create_now


def decide(d: Decision, command: RestartAsNew) -> None:
    """The finished one stays as it is; the new one has an id of its own in the same partition, and no key."""
    completion = d.tables.completions.get(command.invocation)
    if completion is None:
        d.answer(_unfinished(d, command.invocation))
        return
    before = d.tables.invocation(command.invocation)
    if before.target.of_workflow:
        d.answer(NotRestartable(command.invocation))
        return
    if not completion.journal_kept:
        d.answer(InputGone(command.invocation))
        return
    entries = _prefix(d.tables.journal_entries(command.invocation), command.last_index)
    if entries is None:
        d.answer(PrefixOpen(command.invocation))
        return
    if command.deployment not in (KEEP, LATEST) and not knows_deployment(d, command.deployment):
        d.answer(UnknownDeployment(command.invocation))
        return
    goes_on = len(entries) > 1
    invocation = _anew(d, before, random_seed(before) if goes_on else None)
    create_now(d, invocation, _placed(d, before.target, completion, command.deployment, goes_on), entries)
    d.answer(Accepted(invocation.id, existing=False))


def _unfinished(d: Decision, invocation: bytes) -> AnyOutcome:
    status = d.tables.statuses.get(invocation)
    if status is None:
        return NotFound(invocation)
    waits = status.phase in (Phase.SCHEDULED, Phase.INBOXED)
    return NotStarted(invocation) if waits else NotCompleted(invocation)


def _prefix(journal: tuple[Entry, ...], last_index: int) -> tuple[Entry, ...] | None:
    """The entries up to an index, and the results of their commands that came later; None where one never came."""
    if last_index >= len(journal):
        return None
    kept, rest = journal[: last_index + 1], journal[last_index + 1 :]
    awaited = {number for entry in kept for number in _results_of(entry)}
    awaited -= {number for entry in kept for number in _completes(entry)}
    results = tuple(entry for entry in rest if not awaited.isdisjoint(_completes(entry)))
    return kept + results if len(results) == len(awaited) else None


def _results_of(entry: Entry) -> Iterator[int]:
    """Completion ids that a command waits for."""
    for field in ("invocation_id_notification_idx", "result_completion_id"):
        number = getattr(entry, field, None)
        if number is not None:
            yield number


def _completes(entry: Entry) -> tuple[int, ...]:
    number = getattr(entry, "completion_id", None)
    return () if number is None else (number,)


def _placed(d: Decision, target: Target, completion: Completion, deployment: str, goes_on: bool) -> Status:
    """Where it runs. Who goes on from a journal is bound to its deployment from the start."""
    status = Status(Phase.INVOKED, d.now)
    if deployment == KEEP and completion.deployment:
        kept, version = completion.deployment, completion.protocol_version
        return replace(status, deployment=kept, protocol_version=version, pinned=True)
    if deployment not in (KEEP, LATEST):
        return bound_to(d, status, deployment)
    handler = d.schema.handler(target.service, target.handler)
    return bound_to(d, status, handler.deployment) if goes_on and handler and handler.deployment else status


def _anew(d: Decision, before: Invocation, seed: int | None) -> Invocation:
    """Who goes on from a journal gets that one's seed: its steps may hang on what chance has given them."""
    return Invocation(
        make_invocation_id(partition_key_of(before.id), d.surroundings.random_bytes(16)),
        before.target,
        d.now,
        Source(SourceKind.RESTART, before.id),
        completion_retention=before.completion_retention,
        journal_retention=before.journal_retention,
        random_seed=seed,
    )
