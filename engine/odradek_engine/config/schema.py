"""Every setting of a node, its default and its bounds: frozen structs, one per section of the file.

A field's key in the file is its name with `-` for `_` and without its unit (`abort_timeout_ms` is `abort-timeout`).
Fields that carry a kind are settings; a field without one is a section or a table that the loader knows by name.
None means that nothing is configured, and what holds then is said at the field.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec

from odradek_engine.config.values import (
    GIB,
    MAX_PORT,
    MIB,
    Address,
    Brokers,
    Choice,
    Directory,
    Duration,
    Flag,
    Integer,
    Number,
    Size,
    Text,
)
from odradek_engine.durations import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS

DEFAULT_PARTITIONS_KAFKA: Final = 8
DEFAULT_PARTITIONS_EMBEDDED: Final = 4
MAX_PARTITIONS: Final = 65_535

_NAME: Final = Text(r"[a-zA-Z0-9][a-zA-Z0-9._-]{0,127}", "may only have letters, digits, '.', '_' and '-' (up to 128)")
_PORT: Final = Integer(0, MAX_PORT)


def _key(field: str) -> str:
    return field.removesuffix("_ms").removesuffix("_bytes").replace("_", "-")


class Section(msgspec.Struct, frozen=True, kw_only=True, rename=_key):
    """A section of the file."""


class RetryPolicy(Section, frozen=True, kw_only=True):
    """How a failing invocation is tried again, where neither its service nor its handler says."""

    initial_interval_ms: Annotated[int, Duration(1, DAY_MS)] = 500
    exponentiation_factor: Annotated[float, Number(1.0, 100.0)] = 2.0
    max_interval_ms: Annotated[int, Duration(1)] = MINUTE_MS
    max_attempts: Annotated[int | None, Integer(1, 1_000_000, word="unlimited")] = 70
    """The first attempt counts; None is without end."""
    on_max_attempts: Annotated[Literal["pause", "kill"], Choice(("pause", "kill"))] = "pause"


class InvokerConfig(Section, frozen=True, kw_only=True):
    """How handlers are driven."""

    inactivity_timeout_ms: Annotated[int, Duration()] = MINUTE_MS
    """After that long without a word of the handler, it is asked to suspend."""
    abort_timeout_ms: Annotated[int, Duration()] = 10 * MINUTE_MS
    """That long after it was asked to suspend, its attempt is ended."""
    message_size_limit_bytes: Annotated[int, Size(1024, GIB)] = 32 * MIB
    eager_state_size_limit_bytes: Annotated[int, Size(0, GIB)] = 32 * MIB
    concurrent_invocations_limit: Annotated[int, Integer(1, 1_000_000)] = 1000
    isolated: Annotated[bool, Flag()] = False
    """The node's own applications run in child processes."""
    connect_timeout_ms: Annotated[int, Duration(1)] = 10 * SECOND_MS
    http2_keep_alive_interval_ms: Annotated[int, Duration(1)] = 40 * SECOND_MS
    """A connection to a deployment that is silent for that long is asked whether it lives."""
    http2_keep_alive_timeout_ms: Annotated[int, Duration(1)] = 20 * SECOND_MS
    http2_idle_connection_timeout_ms: Annotated[int, Duration(1)] = 5 * MINUTE_MS
    http2_streams_per_connection_limit: Annotated[int, Integer(1, 1_000_000)] = 128
    request_compression_threshold_bytes: Annotated[int, Size(0, GIB)] = 4 * MIB
    """A request to a function on AWS Lambda beyond it is compressed, where the function takes that."""
    aws_assume_role_external_id: Annotated[str | None, Text(r"[\w+=,.@:/-]{2,1224}", "is no external id")] = None
    """Told to AWS with every role that is assumed for a function."""
    request_identity_private_key_pem_file: Annotated[Path | None, Directory()] = None
    """An Ed25519 key that signs every request to a deployment."""
    request_identity_expiration_ms: Annotated[int, Duration(SECOND_MS, HOUR_MS)] = MINUTE_MS
    tls_ca_file: Annotated[Path | None, Directory()] = None
    """Who vouches for deployments on https; None: the system's authorities."""
    tls_client_certificate_file: Annotated[Path | None, Directory()] = None
    """The node's own certificate for deployments that ask for one, with its key in the same file or the next."""
    tls_client_key_file: Annotated[Path | None, Directory()] = None


class WorkerConfig(Section, frozen=True, kw_only=True):
    """The partitions of a node."""

    internal_queue_length: Annotated[int, Integer(1, 1_000_000)] = 1000
    """Commands that may wait in front of a partition."""
    max_command_batch_size: Annotated[int, Integer(1, 100_000)] = 1024
    """Commands that one turn takes at most, and so shares one journal record."""
    cleanup_interval_ms: Annotated[int, Duration(SECOND_MS)] = HOUR_MS
    invoker: InvokerConfig = InvokerConfig()


class AdminConfig(Section, frozen=True, kw_only=True):
    """The admin API and the console."""

    bind_ip: Annotated[str | None, Address()] = None
    """None: the node's own."""
    bind_port: Annotated[int, _PORT] = 9070


class KafkaCluster(Section, frozen=True, kw_only=True):
    """A Kafka cluster that subscriptions may read from; `properties` go to its client as they are."""

    name: Annotated[str, _NAME]
    brokers: Annotated[tuple[str, ...], Brokers()]
    properties: Mapping[str, str] = {}


class IngressConfig(Section, frozen=True, kw_only=True):
    """Where requests to handlers come in."""

    bind_ip: Annotated[str | None, Address()] = None
    """None: the node's own."""
    bind_port: Annotated[int, _PORT] = 8080
    request_size_limit_bytes: Annotated[int, Size(1024, GIB)] = 32 * MIB
    concurrent_api_requests_limit: Annotated[int | None, Integer(1, 1_000_000)] = None
    """None: no limit of its own; the partitions' queues bound what is under way."""
    kafka_clusters: tuple[KafkaCluster, ...] = ()


class KafkaConfig(Section, frozen=True, kw_only=True):
    """The Kafka that holds the node's log; without brokers the log is embedded."""

    brokers: Annotated[tuple[str, ...], Brokers()] = ()
    replication_factor: Annotated[int, Integer(1, 100)] = 3
    properties: Mapping[str, str] = {}
    """librdkafka's properties, for every client of that cluster."""


class StorageConfig(Section, frozen=True, kw_only=True):
    """What a node keeps on its own disk."""

    retained_size_per_partition_bytes: Annotated[int, Size(MIB)] = 256 * MIB
    """Completed invocations beyond that go before their retention is over, the oldest first."""
    cache_size_bytes: Annotated[int, Size(MIB)] = 256 * MIB
    """RocksDB's block cache, shared by all partitions of the node."""
    flush_interval_ms: Annotated[int, Duration(1, 10 * SECOND_MS)] = 100
    """How often acknowledged changes are written to RocksDB in one batch."""


class Config(Section, frozen=True, kw_only=True):
    """All settings of a node."""

    base_dir: Annotated[Path, Directory()] = Path("restate-data")
    cluster_name: Annotated[str, _NAME] = "odradek"
    node_name: Annotated[str, _NAME] = ""
    """The loader fills in the host's name where none is given."""
    bind_ip: Annotated[str, Address()] = "0.0.0.0"
    bind_port: Annotated[int, _PORT] = 5122
    default_num_partitions: Annotated[int | None, Integer(1, MAX_PARTITIONS)] = None
    """None: 8 on Kafka, 4 embedded. Fixed once the cluster exists."""
    shutdown_timeout_ms: Annotated[int, Duration()] = MINUTE_MS
    """A node that is told to stop and has not left by then ends as in a crash."""
    log_filter: Annotated[str, Text()] = "warn,odradek=info"
    log_format: Annotated[Literal["pretty", "compact", "json"], Choice(("pretty", "compact", "json"))] = "pretty"
    default_journal_retention_ms: Annotated[int, Duration()] = DAY_MS
    default_idempotency_retention_ms: Annotated[int, Duration()] = DAY_MS
    default_workflow_completion_retention_ms: Annotated[int, Duration()] = DAY_MS
    experimental_enable_protocol_v7: Annotated[bool, Flag()] = False
    """Speak version 7 of the service protocol with deployments that can, rather than 6."""
    default_retry_policy: RetryPolicy = RetryPolicy()
    worker: WorkerConfig = WorkerConfig()
    admin: AdminConfig = AdminConfig()
    ingress: IngressConfig = IngressConfig()
    kafka: KafkaConfig = KafkaConfig()
    storage: StorageConfig = StorageConfig()

    @property
    def embedded(self) -> bool:
        """Whether the log is the node's own rather than Kafka's."""
        return not self.kafka.brokers

    @property
    def num_partitions(self) -> int:
        """The partition count that a new cluster gets."""
        if self.default_num_partitions is not None:
            return self.default_num_partitions
        return DEFAULT_PARTITIONS_EMBEDDED if self.embedded else DEFAULT_PARTITIONS_KAFKA

    @property
    def ingress_ip(self) -> str:
        """The address that the ingress listens on."""
        return self.ingress.bind_ip or self.bind_ip

    @property
    def admin_ip(self) -> str:
        """The address that the admin API listens on."""
        return self.admin.bind_ip or self.bind_ip
