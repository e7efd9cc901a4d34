"""Which partition a request belongs to. All routing goes through `partition_of`.

The partition of an object is that of Kafka's default partitioner on the object's key, so that a topic keyed by
Java producers and the engine agree. An invocation id carries the hash, so that any node can route by id.
"""

from __future__ import annotations

import struct
from functools import lru_cache
from typing import Final

from odradek.protocol.ids import idempotent_unique, make_invocation_id, partition_key_of, workflow_unique
from odradek_engine.model.target import Target, TargetKind

_SEED: Final = 0x9747B28C
_MULTIPLIER: Final = 0x5BD1E995
_MASK: Final = 0xFFFFFFFF
_REMEMBERED_KEY_LENGTH: Final = 256
CHILDREN_AT_HOME: Final = 16
"""So many calls without a key stay in their caller's partition; later ones are spread."""


def murmur2(data: bytes) -> int:
    """The unsigned 32-bit murmur2 hash as Kafka's Java client computes it."""
    length = len(data)
    h = _SEED ^ length
    words = length >> 2
    aligned = words << 2
    for k in struct.unpack_from(f"<{words}I", data):
        k = (k * _MULTIPLIER) & _MASK
        h = (h * _MULTIPLIER ^ (k ^ k >> 24) * _MULTIPLIER) & _MASK
    if length > aligned:
        h ^= int.from_bytes(data[aligned:], "little")
        h = (h * _MULTIPLIER) & _MASK
    h ^= h >> 13
    h = (h * _MULTIPLIER) & _MASK
    return h ^ (h >> 15)


def hash_key(key: str) -> int:
    """The 31-bit hash that routes a key; it is the partition key inside invocation ids."""
    return murmur2(key.encode()) & 0x7FFFFFFF


_hash_object_key = lru_cache(maxsize=16_384)(hash_key)
"""Objects are asked for again and again."""


def partition_of(partition_key: int, partitions: int) -> int:
    """The partition that owns a partition key."""
    return partition_key % partitions


def partition_of_invocation(invocation: bytes, partitions: int) -> int:
    """The partition that owns an invocation."""
    return partition_of(partition_key_of(invocation), partitions)


def new_invocation_id(target: Target, idempotency_key: str | None, unique: bytes, home: int | None = None) -> bytes:
    """The id of a new invocation of `target`; for a workflow's run the one that it has for ever.

    `unique`: 16 random bytes, used where no idempotency key fixes the id; its first four bytes route requests that
    have neither key. `home`: a partition key to stay with, for a handler's own calls.
    """
    if target.kind is TargetKind.WORKFLOW_RUN:
        return workflow_run_id(target.service, target.key)
    key = target.key if target.keyed else None
    if key is not None:
        partition_key = _hash_object_key(key) if len(key) <= _REMEMBERED_KEY_LENGTH else hash_key(key)
    elif idempotency_key is not None:
        partition_key = hash_key(idempotency_key)
    elif home is not None:
        partition_key = home
    else:
        partition_key = int.from_bytes(unique[:4], "big") & 0x7FFFFFFF
    if idempotency_key is not None:
        unique = idempotent_unique(target.service, key, target.handler, idempotency_key)
    return make_invocation_id(partition_key, unique)


def idempotent_id(service: str, key: str | None, handler: str, idempotency_key: str) -> bytes:
    """The id that an idempotency key fixes; `key` None for services."""
    partition_key = hash_key(idempotency_key if key is None else key)
    return make_invocation_id(partition_key, idempotent_unique(service, key, handler, idempotency_key))


def workflow_run_id(workflow: str, key: str) -> bytes:
    """The id of the one run of a workflow's key."""
    return make_invocation_id(hash_key(key), workflow_unique(workflow, key))
