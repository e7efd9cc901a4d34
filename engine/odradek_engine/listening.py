"""Listening sockets for the doors of a node: one clear error where a port cannot be had."""

from __future__ import annotations

import errno
import os
import socket
from typing import Final

BACKLOG: Final = 4096


class CannotListen(OSError):
    """A port cannot be listened on. The text says which, why, and which setting to change."""


def listen(door: str, setting: str, host: str, port: int) -> socket.socket:
    """A listening TCP socket; port 0 takes a free one. `door` and `setting` are for the text of `CannotListen`.

    A port that a killed process left behind in TIME_WAIT is taken at once; one that is really in use is refused.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
    except (OSError, UnicodeError) as error:
        raise _refused(door, setting, host, port, error) from error
    try:
        if os.name == "posix":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        raise _refused(door, setting, host, port, error) from error
    return listener


def _refused(door: str, setting: str, host: str, port: int, error: OSError | UnicodeError) -> CannotListen:
    if isinstance(error, UnicodeError):
        reason = f"'{host}' is no host name: check {setting}"
    elif error.errno == errno.EADDRINUSE:
        reason = f"the port is in use: stop the process that uses it, or set {setting} to another port"
    elif error.errno == errno.EACCES:
        reason = f"no permission: set {setting} to a port above 1023"
    else:
        reason = f"{error.strerror or error}: check the address and {setting}"
    return CannotListen(f"{door} cannot listen on {host}:{port}: {reason}")
