"""An application in a child process of the node, spoken to like a deployment elsewhere, and started again when it ends.

Code there that blocks or crashes stops neither the node's loop nor other applications. The child serves on a socket
that the node has made and keeps: requests between two lives of the child wait in it. A child that does not answer for
as long as a deployment's connection may be silent is killed, and one whose node is gone ends by itself. One that comes
back as another application, because its file was changed, is registered anew.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from socket import socket, socketpair
from typing import Final

from odradek.protocol.codec import CODECS, MAX_VERSION
from odradek.protocol.manifest import EndpointManifest
from odradek_engine.application_file import BadApplication
from odradek_engine.config import Config
from odradek_engine.gateway import Clock
from odradek_engine.invoker.remote.address import parse_address
from odradek_engine.invoker.remote.attempt import Terms
from odradek_engine.invoker.remote.deployments import ENVELOPE_BYTES, request_headers
from odradek_engine.invoker.remote.discovery import DiscoveryFailed, discover
from odradek_engine.invoker.remote.endpoint import RemoteEndpoint
from odradek_engine.listening import listen
from odradek_engine.node.applications import Hosted
from odradek_engine.node.connections import connector

_log = logging.getLogger(__name__)

START_SECONDS_MAX: Final = 60.0
"""A child that has not answered by then is killed."""
STOP_SECONDS_MAX: Final = 5.0
"""A child that is told to stop has so long; its attempts are broken off already."""
FIRST_PAUSE_SECONDS: Final = 0.2
PAUSE_SECONDS_MAX: Final = 10.0
"""Before a child starts again; each time twice as long, until one has lived for a while."""
STEADY_SECONDS: Final = 30.0
COMPLAINT_BYTES_MAX: Final = 64 * 1024

Changed = Callable[[Hosted], Awaitable[None]]
"""Takes the application as it is now. Raises `BadApplication`."""


class IsolatedApplication:
    """Start it, watch it, and stop it, once."""

    def __init__(self, path: Path, config: Config, clock: Clock) -> None:
        self._path = path
        self._logging = (config.log_filter, config.log_format)
        self._listener: socket = listen("an isolated application", "--isolated", "127.0.0.1", 0)
        self._address = parse_address(f"http://127.0.0.1:{self._listener.getsockname()[1]}")
        self._pool = connector(config).pool(self._address, http1=False)
        body_bytes_max = config.worker.invoker.message_size_limit_bytes + ENVELOPE_BYTES
        terms = Terms(CODECS[MAX_VERSION], str(path), True, body_bytes_max, clock.now_ms)
        self._host = RemoteEndpoint(terms, self._pool, request_headers(config.cluster_name, {}))
        self._check_seconds = config.worker.invoker.http2_keep_alive_interval_ms / 1000
        self._answer_seconds = config.worker.invoker.http2_keep_alive_timeout_ms / 1000
        self._line, self._childs_end = socketpair()
        """A child says why it cannot begin, and sees this end close when the node is gone."""
        self._line.setblocking(False)
        self._manifest: EndpointManifest | None = None
        self._child: asyncio.subprocess.Process | None = None
        self._watching: asyncio.Task[None] | None = None

    async def start(self) -> Hosted:
        """Starts the child and waits until it answers. Raises `BadApplication`."""
        child = await self._spawn()
        self._manifest = await self._first_answer(child)
        if self._manifest is None:
            how = "does not answer" if child.returncode is None else _how_it_ended(child.returncode)
            raise BadApplication(self._complaint() or f"{self._path} cannot be served: its process {how}")
        return Hosted(self._host, self._manifest)

    def watch(self, changed: Changed, on_failure: Callable[[Exception], None]) -> None:
        """Starts the child again whenever it ends, from now on. `on_failure`: it cannot be watched any more."""

        def ended(watching: asyncio.Task[None]) -> None:
            error = None if watching.cancelled() else watching.exception()
            if isinstance(error, Exception):
                on_failure(error)

        assert self._child is not None, "it was not started"
        self._watching = asyncio.create_task(self._watch(self._child, changed))
        self._watching.add_done_callback(ended)

    async def stop(self) -> None:
        """Ends the child, and all that was made for it."""
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
        await self._pool.close()
        if self._child is not None and self._child.returncode is None:
            await self._end(self._child)
        for each in (self._listener, self._line, self._childs_end):
            each.close()

    async def _spawn(self) -> asyncio.subprocess.Process:
        """A session of its own: what a terminal tells the node, the node tells the child."""
        inherited = {"--listener": self._listener.fileno(), "--line": self._childs_end.fileno()}
        log_filter, log_format = self._logging
        command = ["-m", "odradek", "serve-isolated", str(self._path)]
        command += [f"--log-filter={log_filter}", f"--log-format={log_format}"]
        self._child = await asyncio.create_subprocess_exec(
            sys.executable,
            *command,
            *(f"{name}={descriptor}" for name, descriptor in inherited.items()),
            stdin=asyncio.subprocess.DEVNULL,
            pass_fds=tuple(inherited.values()),
            start_new_session=True,
        )
        return self._child

    async def _end(self, child: asyncio.subprocess.Process) -> None:
        child.terminate()
        try:
            async with asyncio.timeout(STOP_SECONDS_MAX):
                await child.wait()
        except TimeoutError:
            child.kill()
            await child.wait()

    async def _watch(self, child: asyncio.subprocess.Process, changed: Changed) -> None:
        loop = asyncio.get_running_loop()
        pause = FIRST_PAUSE_SECONDS
        began = loop.time()
        await self._see_end(child)
        while True:
            if loop.time() - began >= STEADY_SECONDS:
                pause = FIRST_PAUSE_SECONDS
            how = _how_it_ended(child.returncode)
            _log.error("the process of the application %s %s: it starts again in %g s", self._path, how, pause)
            await asyncio.sleep(pause)
            pause = min(2 * pause, PAUSE_SECONDS_MAX)
            began = loop.time()
            child = await self._spawn()
            if await self._is_back(child, changed):
                await self._see_end(child)

    async def _is_back(self, child: asyncio.subprocess.Process, changed: Changed) -> bool:
        """Whether a new child serves; it has ended where it does not."""
        manifest = await self._first_answer(child)
        complaint = self._complaint()
        if manifest is not None and manifest != self._manifest:
            try:
                await changed(Hosted(self._host, manifest))
            except BadApplication as error:
                manifest, complaint = None, str(error)
        if manifest is not None:
            self._manifest = manifest
            return True
        _log.error("the application %s cannot be served again: %s", self._path, complaint or "it does not answer")
        if child.returncode is None:
            child.kill()
        await child.wait()
        return False

    async def _see_end(self, child: asyncio.subprocess.Process) -> None:
        """Returns once the child has ended; kills it when it does not answer."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._check_seconds):
                    await child.wait()
                    return
            if await self._ask(self._answer_seconds) is None and child.returncode is None:
                seconds = self._answer_seconds
                _log.error("the process of the application %s did not answer for %g s", self._path, seconds)
                child.kill()

    def _complaint(self) -> str:
        """Why a child that has ended could not begin; empty where it did not say."""
        try:
            return self._line.recv(COMPLAINT_BYTES_MAX).decode(errors="replace")
        except BlockingIOError:
            return ""

    async def _first_answer(self, child: asyncio.subprocess.Process) -> EndpointManifest | None:
        """What a new child serves; None if it ends, or does not say so in time."""
        asking = asyncio.create_task(self._ask(START_SECONDS_MAX))
        ending = asyncio.create_task(child.wait())
        try:
            await asyncio.wait((asking, ending), return_when=asyncio.FIRST_COMPLETED)
            return asking.result() if asking.done() else None
        finally:
            asking.cancel()
            ending.cancel()

    async def _ask(self, seconds: float) -> EndpointManifest | None:
        """What the child serves; None if it does not say so in time."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while True:
                    with contextlib.suppress(DiscoveryFailed):
                        return (await discover(self._pool, self._address, {})).manifest
                    await asyncio.sleep(FIRST_PAUSE_SECONDS)
        return None


def _how_it_ended(code: int | None) -> str:
    if code is None or code >= 0:
        return f"ended with exit code {code}"
    try:
        return f"was ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"was ended by signal {-code}"
