"""A node's configuration: parsed once at the start into one frozen `Config`, its limits checked."""

from odradek_engine.config.dump import dump_config, hide_secrets
from odradek_engine.config.loading import ConfigError, load_config
from odradek_engine.config.schema import (
    AdminConfig,
    Config,
    IngressConfig,
    InvokerConfig,
    KafkaCluster,
    KafkaConfig,
    RetryPolicy,
    StorageConfig,
    WorkerConfig,
)

__all__ = [
    "AdminConfig",
    "Config",
    "ConfigError",
    "IngressConfig",
    "InvokerConfig",
    "KafkaCluster",
    "KafkaConfig",
    "RetryPolicy",
    "StorageConfig",
    "WorkerConfig",
    "dump_config",
    "hide_secrets",
    "load_config",
]
