"""Runs a node until it is told to stop, or cannot go on."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import signal
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from odradek.endpoint import Application
from odradek_engine.application_file import BadApplication, load_application
from odradek_engine.config import Config
from odradek_engine.invoker.remote.connecting import BadTlsFile
from odradek_engine.invoker.remote.signing import BadIdentityKey
from odradek_engine.listening import CannotListen
from odradek_engine.log.port import LogError
from odradek_engine.log_output import BadLogFilter, set_up_logging
from odradek_engine.node.doors import Doors
from odradek_engine.node.identity import WrongDirectory
from odradek_engine.node.isolated import IsolatedApplication
from odradek_engine.node.node import Node
from odradek_engine.node.system import SystemHost
from odradek_engine.replica.recovery import Deposed, PartitionHalted
from odradek_engine.store.port import StoreError
from odradek_engine.watchdog import Watchdog

_log = logging.getLogger(__name__)

_SAID_IN_ONE_LINE = (
    BadApplication,
    BadIdentityKey,
    BadLogFilter,
    BadTlsFile,
    CannotListen,
    Deposed,
    LogError,
    PartitionHalted,
    StoreError,
    WrongDirectory,
)


class CannotRun(Exception):
    """The node cannot start or go on. The text says why and what to do."""


def run(config: Config, applications: Sequence[Path]) -> int:
    """Runs a node on the calling thread; its exit code. SIGTERM and SIGINT stop it in good order.

    Raises `CannotRun` with one line for people where the node cannot start or go on.
    """
    try:
        set_up_logging(config.log_filter, config.log_format)
        isolated = config.worker.invoker.isolated
        loaded = [] if isolated else [load_application(path) for path in applications]
        return _new_loop_runner().run(_serve(config, loaded, applications if isolated else ()))
    except _SAID_IN_ONE_LINE as error:
        raise CannotRun(str(error)) from error


def _new_loop_runner() -> asyncio.Runner:
    try:
        import uvloop
    except ImportError:
        return asyncio.Runner()
    return asyncio.Runner(loop_factory=uvloop.new_event_loop)


def _spare_the_collector() -> None:
    """Has Python's cycle collector look rarely, and not at what stays for ever.

    The engine makes many objects and hardly any cycles; with the defaults the collector takes a tenth of the loop's
    time, and stops it for tens of milliseconds when it walks through the tables' rows.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)


def _end_anyway_after(seconds: float) -> None:
    """A node that cannot leave in good order, because user code holds the loop, say, leaves as in a crash."""

    def end() -> None:
        _log.error("the node has not stopped within its shutdown-timeout of %g s: it ends as it is", seconds)
        os._exit(1)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()


async def _serve(config: Config, applications: Sequence[Application], isolated: Sequence[Path]) -> int:
    loop = asyncio.get_running_loop()
    stopped: asyncio.Future[Exception | None] = loop.create_future()

    def stop(error: Exception | None = None) -> None:
        if not stopped.done():
            stopped.set_result(error)
            _end_anyway_after(config.shutdown_timeout_ms / 1000)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    async with contextlib.AsyncExitStack() as closing:
        starting = loop.create_task(_start(config, applications, isolated, stop, closing))
        await asyncio.wait((starting, stopped), return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            starting.result()
            _log.info("node %s is ready", config.node_name)
        else:
            starting.cancel()
            await asyncio.gather(starting, return_exceptions=True)
        error = await stopped
    if error is not None:
        raise error
    return 0


async def _start(
    config: Config,
    applications: Sequence[Application],
    isolated: Sequence[Path],
    stop: Callable[[Exception | None], None],
    closing: contextlib.AsyncExitStack,
) -> None:
    """Everything that runs, each with how it is closed."""
    watchdog = Watchdog("everything on this node")
    host = SystemHost(config)
    children = [IsolatedApplication(path, config, host.clock) for path in isolated]
    for child in children:
        closing.push_async_callback(child.stop)
    node = Node(config, applications, host, stop, [await child.start() for child in children])
    closing.push_async_callback(node.stop)
    await node.start()
    for child in children:
        child.watch(node.application_changed, stop)
    doors = Doors(node)
    closing.push_async_callback(doors.close)
    await doors.open()
    _spare_the_collector()
    watchdog.start()
    closing.callback(watchdog.stop)
