"""`odradek dev` with code reload: a parent that starts the node as a child, and anew whenever the code changes.

The child leaves when the parent dies, however it dies. Data stays where it is between two children.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from odradek_engine.cli.banner import ReadinessWatch

if TYPE_CHECKING:
    from odradek_engine.config import Config

CHILD_CHECK_MS: Final = 100
LEAVE_GRACE_S: Final = 5.0
"""Given on top of the shutdown timeout before a child that does not leave is killed."""


def refuse_taken_ports(config: Config) -> None:
    """A port that something listens on already is said before a child is started that would trip over it."""
    for name, ip, port in (
        ("ingress", config.ingress_ip, config.ingress.bind_port),
        ("admin", config.admin_ip, config.admin.bind_port),
        ("node", config.bind_ip, config.bind_port),
    ):
        with socket.socket(socket.AF_INET6 if ":" in ip else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((ip, port))
            except OSError as error:
                raise click.ClickException(
                    f"the {name} port {ip}:{port} cannot be used ({error.strerror}): "
                    f"stop what uses it, or choose another with --{name}-port"
                ) from None


class Supervisor:
    """Runs a command, the node, as a child until told to stop; starts it anew when Python files change.

    The command is given the pipe that it has to watch as a last option, `--parent-pipe N`.
    """

    def __init__(self, config: Config, command: Sequence[str], folders: Sequence[Path]) -> None:
        self._config = config
        self._command = command
        self._folders = folders
        self._told_to_stop = threading.Event()
        self._readiness = ReadinessWatch(config)
        self._child: subprocess.Popen[bytes] | None = None
        self._pipe = 0

    def run(self) -> int:
        """The exit code: the child's where it stopped without ever having been ready, else 0."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._told_to_stop.set())
        self._pipe, parents_end = os.pipe()
        changes = self._changes()
        was_ready = False
        try:
            next(changes, None)  # From here on the folders are watched: no change after the child's start is missed.
            self._start_child()
            for changed in changes:
                was_ready = was_ready or self._readiness.ready.is_set()
                if changed:
                    click.echo(f"{', '.join(changed)} changed: the node starts anew", err=True)
                    self._end_child()
                    self._start_child()
                elif self._child and self._child.poll() is not None:
                    code = self._child.returncode
                    if not was_ready:
                        return code or 1
                    click.echo(f"the node stopped with exit code {code}: change the code to go on", err=True)
                    self._end_child()
            return 0
        finally:
            self._end_child()
            os.close(parents_end)
            os.close(self._pipe)

    def _changes(self) -> Iterator[list[str]]:
        """The names of the files that changed; now and then an empty list, so that the child can be looked at."""
        from watchfiles import PythonFilter, watch

        changes = watch(
            *self._folders,
            watch_filter=PythonFilter(ignore_paths=[self._config.base_dir.absolute()]),
            stop_event=self._told_to_stop,
            rust_timeout=CHILD_CHECK_MS,
            yield_on_timeout=True,
        )
        for changed in changes:
            yield sorted({Path(path).name for _, path in changed})

    def _start_child(self) -> None:
        command = [*self._command, "--parent-pipe", str(self._pipe)]
        self._child = subprocess.Popen(command, pass_fds=(self._pipe,), stdin=subprocess.DEVNULL)
        self._readiness = ReadinessWatch(self._config)
        self._readiness.start()

    def _end_child(self) -> None:
        self._readiness.stop()
        child, self._child = self._child, None
        if child is None or child.poll() is not None:
            return
        child.terminate()
        try:
            child.wait(self._config.shutdown_timeout_ms / 1_000 + LEAVE_GRACE_S)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
