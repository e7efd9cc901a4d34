"""Where records come from and go to: Kafka sources, the Faust bridge.

Importing this loads nothing but itself, so that `odradek_connectors.faust` works without the engine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from odradek_connectors.progress import CommittedOffsets
    from odradek_connectors.resolver import KafkaSourceResolver
    from odradek_connectors.subscriptions import Subscriptions
    from odradek_engine.gateway import Gateway


def open_subscriptions(gateway: Gateway, committed: CommittedOffsets) -> Subscriptions:
    """The supervisor of a node's subscriptions; call its `refresh` now and whenever the registry has changed.

    `committed`: subscription id and topic id -> offsets by source partition, as `CommitSource` left them.
    """
    from odradek_connectors.subscriptions import Subscriptions

    return Subscriptions(gateway, committed)


def source_resolver() -> KafkaSourceResolver:
    """What finds a new subscription's topic in a foreign Kafka cluster."""
    from odradek_connectors.resolver import KafkaSourceResolver

    return KafkaSourceResolver()
