"""One node: log, store, partitions, attempts and doors, put together; and what the doors may ask of it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol

import msgspec

from odradek.endpoint import Application
from odradek_engine.application_file import BadApplication
from odradek_engine.config import Config
from odradek_engine.gateway import Reply
from odradek_engine.invoker.attempts import Attempts
from odradek_engine.invoker.port import HandlerHost
from odradek_engine.log.port import Cleanup, Log, TopicSpec, UnknownTopic
from odradek_engine.model.commands import AnyCommand, Detach, RegisterDeployment
from odradek_engine.model.effects import StartAttempt
from odradek_engine.model.outcomes import AnyOutcome, Refused
from odradek_engine.model.registry import Schema
from odradek_engine.model.rows import KafkaCluster, Subscription
from odradek_engine.node.applications import Applications, Hosted, deployment_of, hosted_here
from odradek_engine.node.connections import remote_deployments
from odradek_engine.node.host import Host
from odradek_engine.node.identity import Identity
from odradek_engine.node.partitions import Partitions
from odradek_engine.node.upkeep import Upkeep
from odradek_engine.partition import keys
from odradek_engine.partition.decide.decision import Limits, Surroundings
from odradek_engine.partition.routing import hash_key, partition_of
from odradek_engine.partition.tables import partition_prefix
from odradek_engine.query.engine import QueryEngine
from odradek_engine.query.store_rows import StoreRows
from odradek_engine.replica.flusher import Flusher
from odradek_engine.replica.leader import Conduct
from odradek_engine.replica.processor import Fittings, Processor
from odradek_engine.replica.recovery import Journal
from odradek_engine.replica.release import Release
from odradek_engine.replica.rounds import Rounds
from odradek_engine.schema import EMPTY, build_schema, default_retry_policy
from odradek_engine.store.port import Store, StoreError, prefix_end
from odradek_engine.version import version

_log = logging.getLogger(__name__)

REGISTRY_PARTITION: Final = 0
DRAIN_SECONDS: Final = 5.0
"""So long a stopping node waits for what it has accepted to be acknowledged."""


class SubscriptionReaders(Protocol):
    """Who reads for the subscriptions."""

    def refresh(self) -> None:
        """The registry is another one now."""

    async def lag(self, subscription: str) -> Mapping[int, tuple[int, int]] | None:
        """For each source partition: next offset to take, and the end offset."""

    def status(self, subscription: str) -> str | None:
        """Whether it is read, in one line for people."""


class Node:
    """Implements `Gateway`. Start it, and stop it, once."""

    def __init__(
        self,
        config: Config,
        applications: Sequence[Application],
        host: Host,
        on_failure: Callable[[Exception], None],
        isolated: Sequence[Hosted] = (),
    ) -> None:
        self.config = config
        self.clock = host.clock
        self.random_bytes = host.random_bytes
        self.partitions = 0
        self.log: Log
        self._host = host
        self._applications = Applications([*(hosted_here(each, host.environment) for each in applications), *isolated])
        self._on_failure = on_failure
        self._schema = EMPTY
        now = self.clock.now_ms()
        self._configured_clusters = {
            cluster.name: KafkaCluster(
                cluster.name, {"bootstrap.servers": ",".join(cluster.brokers), **cluster.properties}, now
            )
            for cluster in config.ingress.kafka_clusters
        }
        self._clusters: dict[str, KafkaCluster] = {}
        self._subscriptions: dict[str, Subscription] = {}
        self.store: Store
        self._flusher: Flusher
        self._processors = Partitions(self._registry_changed)
        self.attempts = Attempts(
            self.clock,
            self._processors.submit_inner,
            lambda: self._schema,
            self._host_of,
            config.worker.invoker.concurrent_invocations_limit,
            host.stretch_bytes,
        )
        self.deployments = remote_deployments(config, self.clock)
        self.processors = self._processors.processors
        self.journal_topic = f"{config.cluster_name}.journal"
        self.clock_may_be_set = host.clock_may_be_set
        self.cleanup_seconds = config.worker.cleanup_interval_ms / 1000
        self.readers: SubscriptionReaders | None = None
        """Who reads for the subscriptions, once the doors are open."""
        self._queries = QueryEngine(self.open_rows, version())
        self._upkeep = Upkeep(self, host.call_later)
        self._closing = contextlib.AsyncExitStack()

    # --- life ---

    async def start(self) -> None:
        """Opens the log and the tables, leads every partition, makes the applications known.

        What was opened is closed by `stop`, also after an error in here.
        """
        self._closing.callback(self._host.close)
        self.log = await self._host.open_log()
        self._closing.push_async_callback(self.log.close)
        identity = self._host.settle_identity(await self.log.cluster_id(), await self._cluster_partitions())
        self.partitions = identity.partitions
        await self.log.ensure_topics(
            [TopicSpec(self.journal_topic, self.partitions, Cleanup.NEVER_BY_TIME, log_append_time=True)]
        )
        self.store = await self._host.open_store()
        self._closing.push_async_callback(self._close_store)
        self._flusher = Flusher(self.store, self.config.storage.flush_interval_ms / 1000, self._on_failure)
        self._closing.callback(self._flusher.close)
        self._closing.callback(self._queries.close)
        await self._open_partitions(identity)
        self._closing.push_async_callback(self.deployments.close)
        self._closing.push_async_callback(self._end_terms)
        await self._lead_all()
        self._registry_changed()
        await self._register_applications()
        self.attempts.begin()
        self._upkeep.start()
        self._closing.push_async_callback(self._drain)
        self._closing.callback(self._upkeep.stop)

    async def _lead_all(self) -> None:
        ends = await asyncio.gather(*(processor.lead() for processor in self.processors), return_exceptions=True)
        for end in ends:
            if end is not None:
                raise end

    async def _cluster_partitions(self) -> int:
        """The count that the cluster was created with; the configured one where it is new, or says otherwise."""
        if self.config.default_num_partitions is None:
            with contextlib.suppress(UnknownTopic):
                return (await self.log.topic(self.journal_topic)).partitions
        return self.config.num_partitions

    async def _open_partitions(self, identity: Identity) -> None:
        config = self.config
        fittings = Fittings(
            node=config.node_name,
            candidacy=self._host.candidacy,
            store=self.store,
            flusher=self._flusher,
            conduct=Conduct(
                self.clock,
                Rounds(asyncio.get_running_loop(), self.log.rounds_in_flight),
                config.worker.max_command_batch_size,
                confirm_negatives=not self.log.single_process,
            ),
            queue_length=config.worker.internal_queue_length,
            queue_attempt=self.attempts.queue,
            abort_attempts=self.attempts.abort_all,
            on_halt=self._on_failure,
        )
        topic = self.journal_topic
        info = await self.log.topic(topic)
        for partition in range(self.partitions):
            journal = Journal(
                self.log, identity.cluster_name, topic, info.id, identity.cluster_id, partition, self.partitions
            )
            self.processors.append(
                Processor(
                    journal,
                    self._surroundings(partition),
                    fittings,
                    lambda number, arm: Release(number, self.attempts, self._processors, arm),
                )
            )

    def _surroundings(self, partition: int) -> Surroundings:
        config = self.config
        return Surroundings(
            partition=partition,
            partitions=self.partitions,
            random_bytes=self.random_bytes,
            schema=lambda: self._schema,
            default_retry=default_retry_policy(config),
            limits=Limits(
                eager_state_bytes=config.worker.invoker.eager_state_size_limit_bytes,
                retained_bytes=config.storage.retained_size_per_partition_bytes,
            ),
        )

    async def _register_applications(self) -> None:
        for application in self._applications.all:
            await self._register(application)

    async def _register(self, application: Hosted) -> None:
        command = RegisterDeployment(deployment_of(application.manifest, self.clock.now_ms()))
        outcome = await self.ask_registry(command)
        if isinstance(outcome, Refused):
            raise BadApplication(outcome.message)

    async def application_changed(self, application: Hosted) -> None:
        """An application that runs elsewhere has come back as another one. Raises `BadApplication`."""
        self._applications = self._applications.with_changed(application)
        await self._register(application)

    def _host_of(self, effect: StartAttempt) -> HandlerHost | None:
        """Who runs an attempt."""
        if not effect.deployment:
            return self._applications.host_of(effect.invocation.target.service)
        deployment = self._schema.deployments.get(effect.deployment)
        return None if deployment is None else self.deployments.host(deployment, effect.protocol_version)

    def _registry_changed(self) -> None:
        tables = self.processors[REGISTRY_PARTITION].tables
        self._schema = build_schema(
            (row for _, row in tables.services.rows()), (row for _, row in tables.deployments.rows()), self.config
        )
        self.deployments.keep_only(self._schema.deployments)
        self._clusters = self._configured_clusters | {row.name: row for _, row in tables.clusters.rows()}
        self._subscriptions = {row.id: row for _, row in tables.subscriptions.rows()}
        if self.readers is not None:
            self.readers.refresh()

    async def stop(self) -> None:
        """Takes nothing more, lets what was accepted become durable, and leaves cleanly."""
        await self._closing.aclose()

    async def _end_terms(self) -> None:
        await self._processors.stop()
        for processor in self.processors:
            self.attempts.abort_all(processor.partition)

    async def _close_store(self) -> None:
        try:
            await asyncio.to_thread(self.store.sync)
        except StoreError as error:
            _log.warning("%s", error)  # what the tables lose is read from the log again
        self.store.close()

    async def _drain(self) -> None:
        deadline = self.clock.monotonic() + DRAIN_SECONDS
        while self.clock.monotonic() < deadline:
            if all(processor.idle for processor in self.processors):
                return
            await asyncio.sleep(0.005)

    # --- Gateway ---

    @property
    def schema(self) -> Schema:
        """What is registered now."""
        return self._schema

    @property
    def kafka_clusters(self) -> Mapping[str, KafkaCluster]:
        """Registered Kafka clusters by name."""
        return self._clusters

    @property
    def subscriptions(self) -> Mapping[str, Subscription]:
        """Subscriptions by id."""
        return self._subscriptions

    def submit(self, command: AnyCommand, reply: Reply) -> None:
        """Queues a command about an invocation at its partition; raises `Overloaded`."""
        self._processors.submit(command, reply)

    def detach(self, invocation: bytes, reply: Reply) -> None:
        """Lets go of a reply: nobody waits for it any more."""
        command = Detach(invocation)
        self._processors.route(command).submit_inner(command, reply)

    async def ask(self, command: AnyCommand) -> AnyOutcome:
        """As `submit`, awaited."""
        return await self._ask(self._processors.route(command), command)

    async def ask_registry(self, command: AnyCommand) -> AnyOutcome:
        """Asks partition 0, which owns the registry."""
        return await self._ask(self.processors[REGISTRY_PARTITION], command)

    async def _ask(self, processor: Processor, command: AnyCommand) -> AnyOutcome:
        future: asyncio.Future[AnyOutcome] = asyncio.get_running_loop().create_future()

        def reply(outcome: AnyOutcome) -> None:
            if not future.done():
                future.set_result(outcome)

        processor.submit(command, reply)
        return await future

    def committed_offsets(self, subscription: str, topic_id: str) -> Mapping[int, int]:
        """How far a subscription has read, by source partition."""
        prefix = keys.source_key(subscription, topic_id)
        rows = self.processors[REGISTRY_PARTITION].tables.commits.rows(prefix, prefix_end(prefix))
        return {int(key[len(prefix) :]): row.offset for key, row in rows}

    async def lag(self, subscription: str) -> Mapping[int, tuple[int, int]] | None:
        """For each source partition: next offset to take, and the end offset. None while unknown."""
        return None if self.readers is None else await self.readers.lag(subscription)

    def reading_status(self, subscription: str) -> str | None:
        """Whether a subscription is read, in one line for people."""
        return None if self.readers is None else self.readers.status(subscription)

    async def query(self, sql: str) -> Sequence[Mapping[str, object]]:
        """Runs SQL over the durable tables; raises `QueryError`."""
        return await self._queries.rows(sql)

    async def arrow_query(self, sql: str) -> bytes:
        """The same, as an Arrow IPC stream."""
        return await self._queries.arrow_stream(sql)

    def open_rows(self) -> StoreRows:
        """The durable tables at this moment."""
        self._flusher.flush()
        return StoreRows(self.store.snapshot(), self.partitions, self._schema)

    async def object_state(self, service: str, key: str) -> Mapping[bytes, bytes]:
        """All durable state of an object."""
        self._flusher.flush()
        partition = partition_of(hash_key(key), self.partitions)
        prefix = partition_prefix(partition) + keys.object_key(service, key)
        return {
            name[len(prefix) :]: msgspec.msgpack.decode(raw)
            for name, raw in self.store.scan("state", prefix, prefix_end(prefix))
        }
