"""Which log a configuration asks for."""

from __future__ import annotations

import logging

from odradek_engine.config import Config, KafkaConfig
from odradek_engine.log.port import Log

_log = logging.getLogger(__name__)


async def open_log(config: Config) -> Log:
    """The embedded log in the data directory, or the Kafka cluster that is named. Raises `LogError`."""
    if config.embedded:
        from odradek_engine.log.embedded import open_embedded_log

        return await open_embedded_log(config.base_dir / "log")
    from odradek_engine.log.kafka import connect_kafka_log
    from odradek_engine.log.kafka_settings import KafkaSettings

    chosen = config.kafka.replication_factor
    log = await connect_kafka_log(
        KafkaSettings(
            ",".join(config.kafka.brokers),
            None if chosen == KafkaConfig().replication_factor else chosen,
            dict(config.kafka.properties),
        )
    )
    for warning in log.warnings:
        _log.warning(warning)
    return log
