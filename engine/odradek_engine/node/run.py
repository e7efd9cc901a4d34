"""Runs a node until it is told to stop, or cannot go on."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from odradek_engine.config import Config
from odradek_engine.listening import CannotListen
from odradek_engine.log.port import LogError
from odradek_engine.node.applications import BadApplication, load_application
from odradek_engine.node.doors import Doors
from odradek_engine.node.identity import WrongDirectory
from odradek_engine.node.node import Node
from odradek_engine.replica.recovery import Deposed, PartitionHalted
from odradek_engine.store.port import StoreError

_log = logging.getLogger(__name__)

_SAID_IN_ONE_LINE = (
    BadApplication,
    CannotListen,
    Deposed,
    LogError,
    PartitionHalted,
    StoreError,
    WrongDirectory,
)


def run(config: Config, applications: Sequence[Path]) -> int:
    """Runs a node on the calling thread; its exit code. SIGTERM and SIGINT stop it in good order."""
    try:
        loaded = [load_application(path) for path in applications]
        return _new_loop_runner().run(_serve(config, loaded))
    except _SAID_IN_ONE_LINE as error:
        print(f"odradek: {error}", file=sys.stderr)
        return 1


def _new_loop_runner() -> asyncio.Runner:
    try:
        import uvloop
    except ImportError:
        return asyncio.Runner()
    return asyncio.Runner(loop_factory=uvloop.new_event_loop)


async def _serve(config: Config, applications: Sequence[object]) -> int:
    loop = asyncio.get_running_loop()
    stopped: asyncio.Future[Exception | None] = loop.create_future()

    def stop(error: Exception | None = None) -> None:
        if not stopped.done():
            stopped.set_result(error)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    node = Node(config, applications, stop)  # type: ignore[arg-type]
    doors = Doors(node)
    try:
        await node.start()
        await doors.open()
        _log.info("node %s is ready", config.node_name)
        error = await stopped
    finally:
        await doors.close()
        await node.stop()
    if error is not None:
        raise error
    return 0
