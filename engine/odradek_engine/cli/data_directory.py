"""The node's data directory: marked as Odradek's before anything is put there, locked while a node runs on it.

Only a marked directory is ever emptied, and only while the lock on its marker is held.
"""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TextIO

import click

MARKER_NAME: Final = "ODRADEK"
MARKER_TEXT: Final = "The data of an Odradek node. Nothing in this directory may be changed by hand.\n"
_FOUND_ON_EMPTY_DISKS: Final = frozenset(("lost+found", ".DS_Store"))


@contextmanager
def data_directory(directory: Path, *, fresh: bool = False) -> Iterator[None]:
    """Holds the directory, created where it is missing and emptied where `fresh`; refuses one that is not ours."""
    with _claim(directory):
        if fresh:
            _empty(directory)
        yield


def _claim(directory: Path) -> TextIO:
    """The marker, open and locked for as long as it stays so."""
    marker = directory / MARKER_NAME
    try:
        directory.mkdir(parents=True, exist_ok=True)
        if not marker.is_file() and _holds_anything(directory):
            raise click.ClickException(
                f"{directory} holds files that are not Odradek's: nothing is touched, name another with --base-dir"
            )
        lock = marker.open("a", encoding="utf-8")
        _lock(lock, directory)
        if marker.stat().st_size == 0:
            lock.write(MARKER_TEXT)
            lock.flush()
    except OSError as error:
        raise _unusable(directory, error) from None
    return lock


def _lock(marker: TextIO, directory: Path) -> None:
    try:
        fcntl.flock(marker, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        marker.close()
        raise click.ClickException(
            f"the data directory {directory} is in use by another process: stop it, or name another with --base-dir"
        ) from None


def _empty(directory: Path) -> None:
    try:
        for entry in directory.iterdir():
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            elif entry.name != MARKER_NAME:
                entry.unlink()
    except OSError as error:
        raise _unusable(directory, error) from None


def _holds_anything(directory: Path) -> bool:
    return any(entry.name not in _FOUND_ON_EMPTY_DISKS for entry in directory.iterdir())


def _unusable(directory: Path, error: OSError) -> click.ClickException:
    return click.ClickException(f"the data directory {directory} cannot be used: {error.strerror or error}")
