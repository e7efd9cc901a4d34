"""The partitions of a node: where commands go, and what partitions say to each other inside the process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from odradek.protocol.ids import partition_key_of
from odradek_engine.gateway import Reply
from odradek_engine.model.commands import (
    AcknowledgeMessages,
    AnyCommand,
    EditState,
    PartitionMessage,
    ReceiveMessage,
)
from odradek_engine.partition.routing import hash_key, partition_of
from odradek_engine.replica.processor import Processor

ACKNOWLEDGE_AFTER_SECONDS: Final = 0.02
"""Acknowledgements between partitions only free memory: they wait a little, and go together."""


class Partitions:
    """All processors of this process, by number."""

    def __init__(self, on_registry_change: Callable[[], None]) -> None:
        self.processors: list[Processor] = []
        self._on_registry_change = on_registry_change
        self._acknowledgements: dict[tuple[int, int], int] = {}
        self._timer: asyncio.TimerHandle | None = None

    def route(self, command: AnyCommand) -> Processor:
        """The partition that owns the invocation, or the object, which a command is about."""
        if isinstance(command, EditState):
            return self.processors[partition_of(hash_key(command.key), len(self.processors))]
        subject = command.invocation  # type: ignore[union-attr]
        invocation: bytes = subject if isinstance(subject, bytes) else subject.id
        return self.processors[partition_of(partition_key_of(invocation), len(self.processors))]

    def submit(self, command: AnyCommand, reply: Reply) -> None:
        """Queues an outsider's command; raises `Overloaded`."""
        self.route(command).submit(command, reply)

    def submit_inner(self, partition: int, command: AnyCommand, on_durable: Callable[[], None] | None = None) -> None:
        """Queues a command of the engine itself."""
        self.processors[partition].submit_inner(command, None, on_durable)

    # --- between partitions ---

    def send_message(self, sender: int, target: int, sequence: int, message: PartitionMessage) -> None:
        """Hands a message to its target."""
        self.processors[target].submit_inner(ReceiveMessage(sender, sequence, message))

    def acknowledge_message(self, target: int, sender: int, sequence: int) -> None:
        """Tells a sender, soon, that its messages up to `sequence` took effect."""
        self._acknowledgements[(sender, target)] = sequence
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(ACKNOWLEDGE_AFTER_SECONDS, self._acknowledge)

    def _acknowledge(self) -> None:
        self._timer = None
        acknowledgements, self._acknowledgements = self._acknowledgements, {}
        for (sender, target), sequence in acknowledgements.items():
            self.processors[sender].submit_inner(AcknowledgeMessages(target, sequence))

    def term_begun(self, partition: int) -> None:
        """While it led without knowing that it was deposed, a partition lost what the others said to it."""
        for processor in self.processors:
            if processor.partition != partition:
                processor.send_again(partition)

    def registry_changed(self) -> None:
        """The registry is another one now."""
        self._on_registry_change()

    async def stop(self) -> None:
        """Ends every term."""
        if self._timer is not None:
            self._timer.cancel()
        for processor in self.processors:
            await processor.stop()
