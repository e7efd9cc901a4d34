"""From a source record to the command that begins its invocation. Pure.

The same record always makes the same invocation id, however often it is read.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from typing import Final

from odradek.protocol.messages import Header, InputCommand
from odradek_engine.durations import DAY_MS
from odradek_engine.log.port import Record
from odradek_engine.model.commands import Ingest, SourceRecord
from odradek_engine.model.registry import HandlerSchema
from odradek_engine.model.rows import Invocation, Source, SourceKind, Subscription
from odradek_engine.model.target import Target, TargetKind
from odradek_engine.partition.routing import new_invocation_id, partition_of_invocation

REFUSAL_RETENTION_MS: Final = DAY_MS
"""A record that no handler could take is kept at least that long, whatever its handler's retention."""

FIRST_OF_CHAIN: Final = -1
"""The `previous` of the first record that a target partition gets after a start or a break."""

_UNIQUE_BYTES: Final = 16


class Refusal:
    """Why a record's invocation fails before it starts. `keep_value`: whether the record's bytes go with it."""

    __slots__ = ("keep_value", "reason")

    def __init__(self, reason: str, keep_value: bool = True) -> None:
        self.reason = reason
        self.keep_value = keep_value


class RecordCommands:
    """Makes the commands for the records of one source partition."""

    def __init__(self, subscription: Subscription, partition: int, partitions: int) -> None:
        """`partitions`: how many the engine has."""
        self._subscription = subscription
        self._partition = partition
        self._partitions = partitions
        self._source = Source(SourceKind.SUBSCRIPTION, subscription=subscription.id)
        self._identity = hashlib.sha256(f"{subscription.id}\0{subscription.topic_id}\0{partition}\0".encode())
        self._fixed_headers = (
            Header("restate.subscription.id", subscription.id),
            Header("kafka.topic", subscription.topic),
            Header("kafka.partition", str(partition)),
        )

    def ingest(
        self,
        record: Record,
        handler: HandlerSchema,
        created_at: int,
        last_sent: Mapping[int, int],
        refusal: Refusal | None = None,
    ) -> tuple[int, Ingest]:
        """The target partition of a record, and its command. `created_at`: now, in ms.

        `last_sent`: by target partition, the offset of the last record sent there.
        """
        raw_key = record.key
        encoded_key = "" if raw_key is None else base64.urlsafe_b64encode(raw_key).decode()
        key = ""
        if raw_key is not None and handler.kind is not TargetKind.SERVICE:
            try:
                key = raw_key.decode()
            except UnicodeDecodeError:
                key = encoded_key
                refusal = refusal or Refusal(
                    f"the key of {self._name(record)} is not UTF-8, as an object's key must be"
                )
        kind = handler.kind
        if refusal is not None and kind is TargetKind.WORKFLOW_RUN:
            kind = TargetKind.WORKFLOW_SHARED  # it is no run: a good record of the key may still begin that
        target = Target(kind, handler.service, handler.handler, key)
        kept = REFUSAL_RETENTION_MS if refusal is not None else 0
        result_retention, journal_retention = (max(kept, retention) for retention in handler.retentions(None))
        invocation = Invocation(
            new_invocation_id(target, None, self._unique(record.offset)),
            target,
            created_at,
            self._source,
            completion_retention=result_retention,
            journal_retention=journal_retention,
        )
        value = b"" if record.value is None or (refusal is not None and not refusal.keep_value) else record.value
        target_partition = partition_of_invocation(invocation.id, self._partitions)
        previous = last_sent.get(target_partition, FIRST_OF_CHAIN)
        command = Ingest(
            SourceRecord(self._subscription.id, self._subscription.topic_id, self._partition, record.offset, previous),
            invocation,
            InputCommand(self._headers(record, encoded_key), value),
            None if refusal is None else refusal.reason,
        )
        return target_partition, command

    def refused(self, record: Record, reason: str, refused_before: Refusal | None) -> Refusal:
        """What to do with a record that its target partition cannot process: fail it with its bytes, then without."""
        if refused_before is None:
            return Refusal(f"{self._name(record)} cannot be processed: {reason}")
        return Refusal(f"{refused_before.reason} (its bytes are not kept: {reason})"[:2000], keep_value=False)

    def _unique(self, offset: int) -> bytes:
        digest = self._identity.copy()
        digest.update(b"%d" % offset)
        return digest.digest()[:_UNIQUE_BYTES]

    def _headers(self, record: Record, encoded_key: str) -> tuple[Header, ...]:
        offset = Header("kafka.offset", str(record.offset))
        timestamp = Header("kafka.timestamp", str(record.timestamp_ms))
        if record.key is None:
            return (*self._fixed_headers, offset, timestamp)
        return (*self._fixed_headers, offset, timestamp, Header("kafka.key", encoded_key))

    def _name(self, record: Record) -> str:
        return f"the record at offset {record.offset} of {self._subscription.topic}/{self._partition}"
