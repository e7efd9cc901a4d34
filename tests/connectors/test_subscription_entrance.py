"""All subscriptions of a node share one bound on what is under way."""

from __future__ import annotations

import asyncio

from connector_fakes import FakeGateway

from odradek_connectors.entrance import Entrance


def test_whoever_waits_is_called_once_there_is_room_in_the_order_of_coming() -> None:
    async def play() -> None:
        entrance = Entrance(FakeGateway(), limit=4)
        for _ in range(4):
            assert not entrance.full
            entrance.enter()
        assert entrance.full
        called: list[str] = []
        entrance.wait(lambda: called.append("first"))
        entrance.wait(lambda: called.append("gone")).cancel()
        entrance.wait(lambda: called.append("second"))
        entrance.leave()
        await asyncio.sleep(0)
        assert called == []  # a little room is not worth it
        entrance.leave()
        await asyncio.sleep(0)
        assert called == ["first", "second"]
        entrance.leave()
        await asyncio.sleep(0)
        assert called == ["first", "second"]

    asyncio.run(play())
