"""The engine's topics on Kafka: the settings they are created with, and the check of those that are there.

A topic that loses records by time or compaction, or may lose acknowledged ones, would break the journal silently;
so it is refused with the setting's name, what was found, what is needed and how to mend it.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from odradek_engine.log.checks import RECORD_BYTES_MAX
from odradek_engine.log.port import Cleanup, LogError, TopicInfo, TopicMisconfigured, TopicSpec

REPLICATION_FACTOR = 3


class DescribedTopic(msgspec.Struct, frozen=True):
    """A topic as the cluster describes it; `replication` is that of its least replicated partition."""

    info: TopicInfo
    replication: int


def replication_for(brokers: int, chosen: int | None) -> tuple[int, str | None]:
    """The replication factor for a cluster, and a warning where it is not safe. Raises `LogError` if impossible."""
    if chosen is None and brokers == 1:
        warning = "the Kafka cluster has one broker: topics get replication factor 1, the broker's disk is all there is"
        return 1, warning
    wanted = REPLICATION_FACTOR if chosen is None else chosen
    if wanted > brokers:
        text = f"replication factor {wanted} needs {wanted} brokers, the Kafka cluster has {brokers}"
        raise LogError(f"{text}: add brokers, or set replication-factor to at most {brokers}")
    warning = f"replication factor {wanted}: the loss of one broker can lose acknowledged records or stop the log"
    return wanted, warning if wanted < REPLICATION_FACTOR else None


def settings_for(spec: TopicSpec, replication: int) -> dict[str, str]:
    """The settings that a topic of the engine must have."""
    settings = {
        "cleanup.policy": "compact" if spec.cleanup is Cleanup.COMPACTED else "delete",
        "max.message.bytes": str(RECORD_BYTES_MAX),
        "message.timestamp.type": "LogAppendTime" if spec.log_append_time else "CreateTime",
        "min.insync.replicas": "2" if replication >= REPLICATION_FACTOR else "1",
        "unclean.leader.election.enable": "false",
    }
    if spec.cleanup is Cleanup.NEVER_BY_TIME:
        settings |= {"retention.ms": "-1", "retention.bytes": "-1"}
    return settings


def check_description(spec: TopicSpec, found: DescribedTopic, replication: int) -> None:
    """Raises `TopicMisconfigured` where a topic is not laid out as it must be."""
    if found.info.partitions != spec.partitions:
        text = f"topic {spec.name}: partitions is {found.info.partitions}, needed is {spec.partitions}"
        raise TopicMisconfigured(f"{text}; configure the number that the cluster was created with")
    if found.replication < replication:
        text = f"topic {spec.name}: replication factor is {found.replication}, needed is {replication}"
        mend = "reassign it with kafka-reassign-partitions.sh, or lower replication-factor in the configuration"
        raise TopicMisconfigured(f"{text}; {mend}")


def check_settings(spec: TopicSpec, found: Mapping[str, str | None], replication: int, bootstrap_servers: str) -> None:
    """Raises `TopicMisconfigured` where a topic's settings are not as they must be."""
    for setting, needed in settings_for(spec, replication).items():
        value = found.get(setting)
        if value is not None and not _fits(setting, value, needed):
            text = f"topic {spec.name}: {setting} is {value}, needed is {needed}"
            command = (
                f"kafka-configs.sh --bootstrap-server {bootstrap_servers} --alter --entity-type topics "
                f"--entity-name {spec.name} --add-config {setting}={needed}"
            )
            raise TopicMisconfigured(f"{text}; mend it with: {command}")


def _fits(setting: str, value: str, needed: str) -> bool:
    if setting in {"max.message.bytes", "min.insync.replicas"}:
        return int(value) >= int(needed)
    return value == needed
