"""Bugs in the layers between the machine and the disk."""

from __future__ import annotations

from typing import Any, Final

from odradek_engine.model import events as e
from odradek_engine.model.rows import JournalChunk
from odradek_engine.node.node import Node
from odradek_engine.partition import apply as applying
from odradek_engine.partition import keys
from odradek_engine.partition.overlay import Pending, Table
from odradek_engine.partition.tables import Tables
from simulation.mutants.plant import Mutant, Plant


def pending_layer_without_tombstones(plant: Plant) -> None:
    def forgetful(drain: Any) -> Any:
        return lambda pending: [entry for entry in drain(pending) if entry[2][0] is not None]

    plant.around(Pending, "drain", forgetful)


def stored_rows_taken_for_new(plant: Plant) -> None:
    def newborn(put: Any) -> Any:
        return lambda table, key, row, **_: put(table, key, row, new=True)

    plant.around(Table, "put", newborn)


def scans_see_the_disk_alone(plant: Plant) -> None:
    def rows(table: Any, start: bytes = b"", end: bytes | None = None, limit: int | None = None) -> Any:
        hot = table._hot
        table._hot = {}
        try:
            return iter(list(before(table, start, end, limit)))
        finally:
            table._hot = hot

    before = plant.put(Table, "rows", rows)


def memory_forgets_rows_under_way(plant: Plant) -> None:
    def written(table: Any, key: bytes, cell: Any, size: int) -> None:
        table._hot.pop(key, None)
        table._clean.pop(key, None)

    plant.put(Table, "written", written)


def journals_taken_for_whole(plant: Plant) -> None:
    def append(tables: Any, invocation: bytes, first_index: int, chunk: JournalChunk) -> None:
        tables.journal.put(invocation, keys.u32(first_index), chunk, first=True)
        summary = tables.journal.derived_now(invocation)
        if summary is not None and summary.next_index == first_index:
            summary.extend(chunk.entries)

    plant.put(Tables, "append_journal", append)
    plant.put(Tables, "__init__", _without_clean_rows(plant))


def _without_clean_rows(plant: Plant) -> Any:
    init = Tables.__dict__["__init__"]

    def small(tables: Any, partition: int, store: Any) -> None:
        init(tables, partition, store)
        tables.journal._keep_bytes = 0

    return small


def sequence_of_the_outbox_not_kept(plant: Plant) -> None:
    def reset(sent: Any) -> Any:
        def send(event: e.MessageSent, tables: Tables) -> None:
            tables.outbox.put(keys.outbox_key(event.target, event.sequence), event.message, new=True)
            tables.sequences._hot[applying.sent_to(event.target)] = (event.sequence,)

        return send

    plant.around(applying._APPLY, e.MessageSent, reset)  # type: ignore[arg-type]


def reads_do_not_wait_for_the_disk(plant: Plant) -> None:
    def hasty(object_state: Any) -> Any:
        async def read(node: Any, service: str, key: str) -> Any:
            flush = node._flusher.flush
            node._flusher.flush = lambda: None
            try:
                return await object_state(node, service, key)
            finally:
                node._flusher.flush = flush

        return read

    plant.around(Node, "object_state", hasty)


MUTANTS: Final[tuple[Mutant, ...]] = (
    pending_layer_without_tombstones,
    stored_rows_taken_for_new,
    scans_see_the_disk_alone,
    memory_forgets_rows_under_way,
    journals_taken_for_whole,
    sequence_of_the_outbox_not_kept,
    reads_do_not_wait_for_the_disk,
)
