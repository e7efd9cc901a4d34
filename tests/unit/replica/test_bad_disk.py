"""Tables that cannot be read stop the node. They say nothing about the command that was being decided."""

from __future__ import annotations

import asyncio

from partition_node import HandLog, PartitionNode

from machine_world import INPUT, add
from odradek_engine.model import commands as c
from odradek_engine.store.memory import MemoryStore
from odradek_engine.store.port import StoreError


class BadStore(MemoryStore):
    """Whose locks cannot be read any more."""

    bad = False

    def get(self, table: str, key: bytes) -> bytes | None:
        if self.bad and table == "locks":
            raise StoreError("the checksum is wrong")
        return super().get(table, key)


def test_a_command_is_not_rejected_for_what_the_disk_has_lost() -> None:
    async def test() -> None:
        store = BadStore()
        node = PartitionNode(HandLog(), store)
        await node.lead()
        before = len(node.log.values)
        store.bad = True
        told = node.submit(c.Invoke(node.world.invocation(add()), INPUT))
        while not node.halted:  # noqa: ASYNC110
            await asyncio.sleep(0)
        assert isinstance(node.halted[0], StoreError)
        assert not told
        assert len(node.log.values) == before

    asyncio.run(test())
