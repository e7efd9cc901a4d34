"""The `odradek` command. It belongs to the server, which is an extra of the distribution."""

from __future__ import annotations

import sys
from typing import Final

SERVER_LIBRARIES: Final = frozenset(
    (
        *("click", "confluent_kafka", "cryptography", "datafusion", "h2", "httptools", "httpx", "ngh2"),
        *("prometheus_client", "pyarrow", "rocksdict", "starlette", "uvicorn", "uvloop", "watchfiles"),
    )
)
"""What the extra `server` installs."""


def main() -> None:
    """Runs the command line; exits with 1 and one line if a library of the server is not installed."""
    try:
        from odradek_engine import cli

        cli.main()
    except ModuleNotFoundError as error:
        library = (error.name or "").partition(".")[0]
        if library not in SERVER_LIBRARIES:
            raise
        sys.exit(f"odradek: {library} is not installed; the command needs: pip install 'odradek[server]'")


if __name__ == "__main__":
    main()
