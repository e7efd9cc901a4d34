"""Kafka's errors in the words of the log port."""

from __future__ import annotations

from confluent_kafka import KafkaError, KafkaException

from odradek_engine.log.port import (
    LogError,
    LogUnavailable,
    OffsetOutOfRange,
    RecordTooLarge,
    TopicExists,
    UnknownTopic,
)

_UNAVAILABLE = {
    KafkaError._ALL_BROKERS_DOWN,
    KafkaError._TIMED_OUT,
    KafkaError._TRANSPORT,
    KafkaError._RESOLVE,
    KafkaError._MSG_TIMED_OUT,
    KafkaError.BROKER_NOT_AVAILABLE,
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.FENCED_LEADER_EPOCH,
    KafkaError.UNKNOWN_LEADER_EPOCH,
    KafkaError.NOT_ENOUGH_REPLICAS,
    KafkaError.NOT_ENOUGH_REPLICAS_AFTER_APPEND,
    KafkaError.REQUEST_TIMED_OUT,
    KafkaError.NETWORK_EXCEPTION,
}

_CLASSES: dict[int, type[LogError]] = {
    **dict.fromkeys(_UNAVAILABLE, LogUnavailable),
    KafkaError.MSG_SIZE_TOO_LARGE: RecordTooLarge,
    KafkaError.OFFSET_OUT_OF_RANGE: OffsetOutOfRange,
    KafkaError._AUTO_OFFSET_RESET: OffsetOutOfRange,
    KafkaError.TOPIC_ALREADY_EXISTS: TopicExists,
    KafkaError.UNKNOWN_TOPIC_OR_PART: UnknownTopic,
    KafkaError._UNKNOWN_TOPIC: UnknownTopic,
    KafkaError._UNKNOWN_PARTITION: UnknownTopic,
    KafkaError._NOENT: UnknownTopic,
}


def log_error(what: str, error: KafkaError | KafkaException) -> LogError:
    """The port's error for one of Kafka's; `what` says what went wrong, its cause follows."""
    cause = error.args[0] if isinstance(error, KafkaException) else error
    return _CLASSES.get(cause.code(), LogError)(f"{what}: {cause.str()} ({cause.name()})")


def is_unavailable(error: KafkaException) -> bool:
    """Whether trying again may help."""
    return error.args[0].code() in _UNAVAILABLE
