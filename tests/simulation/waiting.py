"""Who waits for whom: what can never go on because invocations wait for each other in a circle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from odradek.protocol.ids import parse_invocation_id
from odradek.protocol.messages import (
    AttachInvocationCommand,
    CallCommand,
    CallInvocationIdCompletion,
    Entry,
)
from odradek_engine.model.rows import Phase
from odradek_engine.node.node import Node
from odradek_engine.partition import keys
from odradek_engine.partition.routing import partition_of_invocation
from odradek_engine.query.source import InvocationRow


def blocked_for_good(node: Node, rows: Sequence[InvocationRow]) -> list[bytes]:
    """One invocation of each circle."""
    waits = waits_for(node, rows)
    found: list[bytes] = []
    settled: dict[bytes, None] = {}
    for start in waits:
        path: dict[bytes, None] = {}
        at: bytes | None = start
        while at is not None and at not in settled and at not in path:
            path[at] = None
            at = next((other for other in waits.get(at, ()) if other in waits), None)
        if at is not None and at in path:
            found.append(at)
        settled |= path
    return found


def waits_for(node: Node, rows: Sequence[InvocationRow]) -> Mapping[bytes, list[bytes]]:
    """By invocation, whom it waits for: the holder of its object's lock, what it has called or attached to."""
    waits: dict[bytes, list[bytes]] = {}
    for row in rows:
        assert row.status is not None
        invocation = row.invocation
        tables = node.processors[partition_of_invocation(invocation.id, node.partitions)].tables
        if row.status.phase is Phase.INBOXED:
            lock = tables.locks.get(keys.object_key(invocation.target.service, invocation.target.key))
            waits[invocation.id] = [] if lock is None else [lock.holder]
        else:
            waits[invocation.id] = _called(tables.journal_entries(invocation.id))
    return waits


def _called(entries: Sequence[Entry]) -> list[bytes]:
    """What the open calls of a journal are about."""
    names = {one.completion_id: one.invocation_id for one in entries if isinstance(one, CallInvocationIdCompletion)}
    arrived = {one.completion_id for one in entries if hasattr(one, "completion_id")}
    called: list[bytes] = []
    for entry in entries:
        if isinstance(entry, CallCommand) and entry.result_completion_id not in arrived:
            name = names.get(entry.invocation_id_notification_idx)
            if name is not None:
                called.append(parse_invocation_id(name))
        elif isinstance(entry, AttachInvocationCommand) and entry.result_completion_id not in arrived:
            called += [parse_invocation_id(name) for name in [entry.target] if isinstance(name, str)]
    return called
