"""What the adapters check alike: the size of a record, a topic's specification."""

from __future__ import annotations

from collections.abc import Mapping

from odradek_engine.log.port import Cleanup, LogError, NewRecord, RecordTooLarge, TopicMisconfigured, TopicSpec

RECORD_BYTES_MAX = 40 * 1024 * 1024
"""The largest record of the engine's topics: value, key, headers and the log's own framing."""


def size_of(record: NewRecord) -> int:
    """The bytes of a record. Raises `RecordTooLarge`."""
    size = len(record.value or b"") + len(record.key or b"")
    size += sum(len(name) + len(value) for name, value in record.headers)
    check_size(size)
    return size


def check_size(size: int) -> None:
    """Raises `RecordTooLarge`."""
    if size > RECORD_BYTES_MAX:
        raise RecordTooLarge(f"a record of {size} bytes is larger than {RECORD_BYTES_MAX}")


def check_keys(topic: str, cleanup: Cleanup, record: NewRecord) -> None:
    """Raises `LogError` for a record that a compacted topic cannot take."""
    if cleanup is Cleanup.COMPACTED and record.key is None:
        raise LogError(f"topic {topic} is compacted: a record without a key cannot go there")


def user_topic(name: str, partitions: int, settings: Mapping[str, str]) -> TopicSpec:
    """What Kafka's settings of a user's topic mean to a log without Kafka."""
    cleanup = Cleanup.COMPACTED if settings.get("cleanup.policy") == "compact" else Cleanup.ORDINARY
    return TopicSpec(name, partitions, cleanup, settings.get("message.timestamp.type") == "LogAppendTime")


def check_topic(spec: TopicSpec, found: TopicSpec) -> None:
    """Raises `TopicMisconfigured` where a topic is not as it should be."""
    settings = (
        ("partitions", found.partitions, spec.partitions),
        ("cleanup", found.cleanup.value, spec.cleanup.value),
        ("log append time", found.log_append_time, spec.log_append_time),
    )
    for setting, is_now, needed in settings:
        if is_now != needed:
            text = f"topic {spec.name}: {setting} is {is_now}, needed is {needed}"
            raise TopicMisconfigured(f"{text}; configure what it was made with, or begin with an empty log")
