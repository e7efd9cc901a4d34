"""How the application of each SDK is built and started."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from endpoint_process import SDKS, hypercorn_command

HERE = Path(__file__).parent


class Language(NamedTuple):
    """All commands run in the application's folder."""

    software: str
    """What the SDK calls itself, before its version."""
    serve: Callable[[int], list[str]]
    """Starts the endpoint on a port of 127.0.0.1."""
    tools: tuple[str, ...] = ()
    """Programs without which it can be neither built nor run."""
    version_max: int | None = None
    """The highest protocol version it offers; None: the one that PROTOCOL_VERSION_MAX names."""


def _serve_ours(port: int) -> list[str]:
    return [sys.executable, "-m", "odradek", "serve", "app.py", "--bind", f"127.0.0.1:{port}"]


def _serve_typescript(port: int) -> list[str]:
    return ["node", "app.mjs"]


LANGUAGES = {
    "odradek": Language("odradek", _serve_ours),
    "python": Language("restate-sdk-python/", lambda port: hypercorn_command("app:app", port)),
    "typescript": Language("restate-sdk-typescript/", _serve_typescript, ("node", "npm"), 7),
}


def lacking(sdk: str) -> str | None:
    """Why an SDK's application cannot be run here; None: it can."""
    missing = [tool for tool in LANGUAGES[sdk].tools if shutil.which(tool) is None]
    if missing:
        return f"for the {sdk} SDK this machine lacks {' and '.join(missing)}"
    if sdk != "odradek" and not (SDKS / sdk / ".installed").exists():
        return f"the {sdk} SDK is not installed: run `make test-sdks`, which installs it"
    return None
