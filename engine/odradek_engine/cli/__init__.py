"""The `odradek` command. Its start stays light: what is heavy is imported by the command that needs it."""

from odradek_engine.cli.root import root


def main() -> None:
    """Runs the command line; ends the process with its exit code."""
    root(prog_name="odradek")
