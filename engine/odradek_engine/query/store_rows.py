"""Rows for SQL out of a snapshot of the store."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any, Final

import msgspec

from odradek.protocol.ids import INVOCATION_ID_LENGTH
from odradek_engine.model.registry import Schema
from odradek_engine.model.rows import Invocation
from odradek_engine.partition.keys import object_key, split_object_key
from odradek_engine.partition.routing import hash_key, partition_of, partition_of_invocation
from odradek_engine.partition.tables import ROW_TYPES, partition_prefix
from odradek_engine.query.source import ChunkRow, ErrorRow, InboxRow, InvocationRow, LockRow, PromiseRow, StateRow
from odradek_engine.store.port import StoreReader, prefix_end

_PREFIX_BYTES: Final = len(partition_prefix(0))
_ID_END: Final = _PREFIX_BYTES + INVOCATION_ID_LENGTH


def _decoder(table: str) -> Any:
    return msgspec.msgpack.Decoder(ROW_TYPES[table]).decode


class StoreRows:
    """Implements `RowSource` over a snapshot of all partitions that share a store."""

    def __init__(self, reader: StoreReader, partitions: int, schema: Schema) -> None:
        self.schema = schema
        self._reader: StoreReader | None = reader
        self._partitions = partitions
        self._decode = {table: _decoder(table) for table in ROW_TYPES}

    def close(self) -> None:
        """Drops the snapshot."""
        self._reader = None

    def invocations(self, ids: Collection[bytes] | None) -> Iterator[InvocationRow]:
        """Statuses and completions lie beside the invocations in tables of the same order: a merge."""
        if ids is not None:
            for invocation in ids:
                found = self._get("invocations", invocation)
                if found is not None:
                    yield self._joined(found)
            return
        statuses = self._all("statuses")
        status_key, status = next(statuses, (b"", None))
        for key, invocation in self._all("invocations"):
            while status is not None and status_key < key:
                status_key, status = next(statuses, (b"", None))
            if status is not None and status_key == key:
                yield InvocationRow(invocation, status, None)
            else:
                yield InvocationRow(invocation, None, self._get("completions", invocation.id))

    def _joined(self, invocation: Invocation) -> InvocationRow:
        return InvocationRow(invocation, self._get("statuses", invocation.id), self._get("completions", invocation.id))

    def journal(self, ids: Collection[bytes] | None) -> Iterator[ChunkRow]:
        """See `RowSource`."""
        for key, chunk in self._grouped("journal", ids):
            yield ChunkRow(key[_PREFIX_BYTES:_ID_END], int.from_bytes(key[_ID_END:], "big"), chunk)

    def errors(self, ids: Collection[bytes] | None) -> Iterator[ErrorRow]:
        """See `RowSource`."""
        for key, event in self._grouped("errors", ids):
            yield ErrorRow(key[_PREFIX_BYTES:_ID_END], event)

    def state(self, service: str | None, key: str | None) -> Iterator[StateRow]:
        """See `RowSource`."""
        for owner, owner_key, name, value in self._of_objects("state", service, key):
            yield StateRow(owner, owner_key, name, value)

    def promises(self, service: str | None, key: str | None) -> Iterator[PromiseRow]:
        """See `RowSource`."""
        for owner, owner_key, name, promise in self._of_objects("promises", service, key):
            yield PromiseRow(owner, owner_key, name, promise)

    def inbox(self, service: str | None, key: str | None) -> Iterator[InboxRow]:
        """See `RowSource`."""
        for owner, owner_key, sequence, entry in self._of_objects("inbox", service, key):
            if entry.edit is None:
                yield InboxRow(owner, owner_key, int.from_bytes(sequence, "big"), entry)

    def locks(self, service: str | None, key: str | None) -> Iterator[LockRow]:
        """See `RowSource`."""
        for owner, owner_key, _, lock in self._of_objects("locks", service, key):
            yield LockRow(owner, owner_key, lock)

    # --- reading ---

    def _prefix_of(self, invocation: bytes) -> bytes:
        return partition_prefix(partition_of_invocation(invocation, self._partitions)) + invocation

    def _get(self, table: str, invocation: bytes) -> Any:
        assert self._reader is not None
        raw = self._reader.get(table, self._prefix_of(invocation))
        return None if raw is None else self._decode[table](raw)

    def _scan(self, table: str, prefix: bytes) -> Iterator[tuple[bytes, Any]]:
        decode = self._decode[table]
        if self._reader is not None:
            for key, raw in self._reader.scan(table, prefix, prefix_end(prefix)):
                yield key, decode(raw)

    def _all(self, table: str) -> Iterator[tuple[bytes, Any]]:
        for partition in range(self._partitions):
            yield from self._scan(table, partition_prefix(partition))

    def _grouped(self, table: str, ids: Collection[bytes] | None) -> Iterator[tuple[bytes, Any]]:
        if ids is None:
            yield from self._all(table)
        else:
            for invocation in ids:
                yield from self._scan(table, self._prefix_of(invocation))

    def _of_objects(self, table: str, service: str | None, key: str | None) -> Iterator[tuple[str, str, bytes, Any]]:
        for prefix in self._object_prefixes(service, key):
            for raw_key, row in self._scan(table, prefix):
                owner, owner_key, rest = split_object_key(raw_key[_PREFIX_BYTES:])
                yield owner, owner_key, rest, row

    def _object_prefixes(self, service: str | None, key: str | None) -> Iterator[bytes]:
        if service is not None and key is not None:
            yield partition_prefix(partition_of(hash_key(key), self._partitions)) + object_key(service, key)
            return
        for partition in range(self._partitions):
            prefix = partition_prefix(partition)
            if service is not None:
                prefix += object_key(service, "")[:-4]
            yield prefix
