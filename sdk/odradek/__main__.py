"""The `odradek` command. It belongs to the server, which is an extra of the distribution."""

from __future__ import annotations

import sys


def main() -> None:
    """Runs the command line; exits with 1 and one line if the server's libraries are not installed."""
    try:
        from odradek_engine import cli
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] in ("odradek", "odradek_engine"):
            raise  # a broken installation, not a missing extra
        sys.exit(f"odradek: {error.name} is not installed; the command needs: pip install 'odradek[server]'")
    cli.main()


if __name__ == "__main__":
    main()
