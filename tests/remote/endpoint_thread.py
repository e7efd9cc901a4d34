"""A fake endpoint beside a test that is not asynchronous: on a loop of its own, in a thread of its own."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from fake_endpoint import FakeEndpoint


@contextmanager
def endpoint_thread(endpoint: FakeEndpoint, tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """The address of an endpoint that serves until the end."""
    started = threading.Event()
    addresses: list[str] = []
    errors: list[BaseException] = []
    ending: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    async def serve() -> None:
        end = asyncio.Event()
        ending.append((asyncio.get_running_loop(), end))
        async with endpoint.listening(tls) as url:
            addresses.append(url)
            started.set()
            await end.wait()

    def run() -> None:
        try:
            asyncio.run(serve())
        except BaseException as error:
            errors.append(error)
        finally:
            started.set()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    started.wait()
    try:
        assert addresses, errors
        yield addresses[0]
    finally:
        loop, end = ending[0]
        if thread.is_alive():
            loop.call_soon_threadsafe(end.set)
        thread.join()
    assert not errors, errors
