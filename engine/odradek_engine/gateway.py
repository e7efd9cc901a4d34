"""What the doors of a node (ingress, admin API, subscriptions) may ask of it.

A door makes a command, hands it over with a reply, and hears an outcome once everything that the outcome rests on
is durable. `partition.routing` says which partition a request belongs to and makes invocation ids.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, TypeAlias

from odradek_engine.log.port import Log
from odradek_engine.model.commands import AnyCommand
from odradek_engine.model.outcomes import AnyOutcome
from odradek_engine.model.registry import Schema
from odradek_engine.model.rows import KafkaCluster, Subscription

Reply: TypeAlias = Callable[[AnyOutcome], None]
"""Called once, on the loop's thread, after the command's record is durable; or never, if the node dies before."""


class Overloaded(Exception):
    """The partition's queue is full, or the node is stopping: nothing was accepted. Worth trying again."""


class Clock(Protocol):
    """Time."""

    def now_ms(self) -> int:
        """Wall clock, ms since the epoch."""

    def monotonic(self) -> float:
        """Seconds that never go back."""


class Gateway(Protocol):
    """A node, seen from its doors."""

    @property
    def clock(self) -> Clock:
        """Time."""

    @property
    def log(self) -> Log:
        """The node's own log."""

    @property
    def partitions(self) -> int:
        """How many partitions the cluster has."""

    @property
    def schema(self) -> Schema:
        """What is registered now: `schema.handler(service, handler)`."""

    @property
    def kafka_clusters(self) -> Mapping[str, KafkaCluster]:
        """Registered Kafka clusters by name."""

    @property
    def subscriptions(self) -> Mapping[str, Subscription]:
        """Subscriptions by id."""

    def random_bytes(self, count: int) -> bytes:
        """Random bytes for new ids."""

    def submit(self, command: AnyCommand, reply: Reply) -> None:
        """Queues a command about an invocation at the partition that its id routes to; raises `Overloaded`."""

    def detach(self, invocation: bytes, reply: Reply) -> None:
        """Lets go of a reply that was given to `submit` and has not been called: nobody waits for it any more."""

    async def ask(self, command: AnyCommand) -> AnyOutcome:
        """As `submit`, awaited."""

    async def ask_registry(self, command: AnyCommand) -> AnyOutcome:
        """Asks partition 0, which owns the registry."""

    async def object_state(self, service: str, key: str) -> Mapping[bytes, bytes]:
        """All durable state of an object, not older than any answer given before."""

    async def lag(self, subscription: str) -> Mapping[int, tuple[int, int]] | None:
        """For each source partition: next offset to take, and the end offset. None while unknown."""

    def reading_status(self, subscription: str) -> str | None:
        """Whether a subscription is read, in one line for people: `running`, or what troubles it. None while nobody
        reads for it here."""

    async def query(self, sql: str) -> Sequence[Mapping[str, object]]:
        """Runs SQL over the durable tables; rows ready for JSON (null columns left out). Raises `QueryError`."""


class QueryError(Exception):
    """The SQL cannot be run. `status`: 400 for bad SQL, 500 for an unknown table."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status
