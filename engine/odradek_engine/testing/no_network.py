"""What an event loop without network, pipes, signals and child processes says when it is asked for them."""

from __future__ import annotations

import asyncio
from typing import Any, Final, NoReturn


def _refuse(*_: Any, **__: Any) -> NoReturn:
    raise NotImplementedError(
        "there is no network in virtual time: put a fake in the place of what connects, or do it in a plain function,"
        " which ctx.run runs in a thread"
    )


async def _refuse_later(*_: Any, **__: Any) -> NoReturn:
    _refuse()


_NOT_HERE: Final[Any] = _refuse
_NEVER_HERE: Final[Any] = _refuse_later


class NoNetworkLoop(asyncio.AbstractEventLoop):
    """Refuses everything that would reach out of the process."""

    add_reader = add_writer = remove_reader = remove_writer = _NOT_HERE
    add_signal_handler = remove_signal_handler = _NOT_HERE
    get_task_factory = set_task_factory = _NOT_HERE
    get_exception_handler = set_exception_handler = default_exception_handler = _NOT_HERE
    create_connection = create_server = create_datagram_endpoint = start_tls = _NEVER_HERE
    create_unix_connection = create_unix_server = connect_accepted_socket = _NEVER_HERE
    connect_read_pipe = connect_write_pipe = subprocess_exec = subprocess_shell = _NEVER_HERE
    getaddrinfo = getnameinfo = sendfile = _NEVER_HERE
    sock_accept = sock_connect = sock_recv = sock_recv_into = sock_sendall = sock_sendfile = _NEVER_HERE
    sock_recvfrom = sock_recvfrom_into = sock_sendto = _NEVER_HERE
