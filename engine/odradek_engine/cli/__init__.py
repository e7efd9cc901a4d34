"""The `odradek` command. Its start stays light: what is heavy is imported by the command that needs it."""

from __future__ import annotations

import sys

MISSING_SERVER = "odradek: the command needs the server's packages: pip install 'odradek[server]'"


def main() -> None:
    """Runs the command line; ends the process with its exit code."""
    try:
        from odradek_engine.cli.root import root
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("odradek"):
            raise
        sys.exit(MISSING_SERVER)
    root(prog_name="odradek")
