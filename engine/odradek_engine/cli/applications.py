"""The application files that a node is told to serve, checked before anything starts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from odradek_engine.config import Config

RunNode = Callable[["Config", Sequence[Path]], int]
"""Runs a node until it is told to stop; its exit code."""


def check_applications(paths: Sequence[Path]) -> None:
    """Every path is a Python file that can be read."""
    for path in paths:
        if not path.exists():
            raise click.ClickException(f"there is no application file {path}")
        if not path.is_file() or path.suffix != ".py":
            raise click.ClickException(f"{path} is not a Python file: name the .py file that defines your handlers")
        try:
            path.open("rb").close()
        except OSError as error:
            raise click.ClickException(f"the application file {path} cannot be read: {error.strerror}") from None


def node_runner() -> RunNode:
    """The node's entry point; importing it is what takes time."""
    try:
        node: Any = import_module("odradek_engine.node")
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("odradek"):
            raise
        raise click.ClickException(f"{error.name} is missing: pip install 'odradek[server]'") from None

    def run(config: Config, applications: Sequence[Path]) -> int:
        try:
            code: int = node.run(config, applications)
        except node.CannotRun as error:
            raise click.ClickException(str(error)) from None
        return code

    return run
