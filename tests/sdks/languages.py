"""How the application of each SDK is built, once for the same sources, and started."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

from endpoint_process import SDKS, hypercorn_command

HERE = Path(__file__).parent
STAMP = ".installed"
"""In a language's folder below `SDKS`: a digest of what was built there."""

Command = list[str]


class Language(NamedTuple):
    """How its application is built and started."""

    software: str
    """What the SDK calls itself, before its version."""
    serve: Callable[[int], Command]
    """Starts the endpoint on a port of 127.0.0.1, in the folder of the sources."""
    fetch: tuple[Command, ...] = ()
    """Gets what it is built from; fails where the registry cannot be reached. Runs in its folder below `SDKS`."""
    build: tuple[Command, ...] = ()
    """Makes what `serve` needs, there; fails where the sources are wrong."""
    sources: tuple[str, ...] = ("**/*",)
    """Patterns of files, whose change asks for another build."""
    tools: tuple[str, ...] = ()
    """Programs without which it can be neither built nor run."""
    version_max: int | None = None
    """The highest protocol version it offers; None: the one that PROTOCOL_VERSION_MAX names."""


def _installed(language: str, *path: str) -> str:
    return str(SDKS.joinpath(language, *path))


def _source(language: str, *path: str) -> str:
    return str(HERE.joinpath(language, *path))


def _maven(language: str, *goals: str) -> Command:
    command = ["mvn", "--quiet", "--batch-mode", "--no-transfer-progress", "--file", _source(language, "pom.xml")]
    return [*command, f"-Dinstalled={_installed(language)}", *goals]


def _serve_on_jvm(language: str, port: int) -> Command:
    starts_fast = ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx512m"]
    classes = os.pathsep.join([_installed(language, "classes"), _installed(language, "lib", "*")])
    return ["java", *starts_fast, "-classpath", classes, "sdks.Main"]


_ODRADEK = Language(
    software="odradek",
    serve=lambda port: [sys.executable, "-m", "odradek", "serve", "app.py", "--bind", f"127.0.0.1:{port}"],
)
_PYTHON = Language(
    software="restate-sdk-python/",
    serve=lambda port: hypercorn_command("app:app", port),
    fetch=(
        [sys.executable, "-m", "venv", "."],
        [
            *("bin/python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"),
            *("--requirement", _source("python", "requirements.txt")),
        ],
    ),
    sources=("requirements.txt",),
)
_TYPESCRIPT = Language(
    software="restate-sdk-typescript/",
    serve=lambda port: ["node", "app.mjs"],
    fetch=(
        ["cp", _source("typescript", "package.json"), _source("typescript", "package-lock.json"), "."],
        ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"],
    ),
    sources=("package*.json",),
    tools=("node", "npm"),
    version_max=7,
)
_GO = Language(
    software="restate-sdk-go/",
    serve=lambda port: [_installed("go", "endpoint")],
    fetch=(["go", "mod", "download", "-C", _source("go")],),
    build=(["go", "build", "-C", _source("go"), "-o", _installed("go", "endpoint"), "."],),
    tools=("go",),
    version_max=7,
)
_CARGO = ["--locked", "--manifest-path", _source("rust", "Cargo.toml")]
_RUST = Language(
    software="restate-sdk-rust/",
    serve=lambda port: [_installed("rust", "target", "debug", "endpoint")],
    fetch=(["cargo", "fetch", "--quiet", *_CARGO],),
    build=(["cargo", "build", "--quiet", "--offline", "--target-dir", "target", *_CARGO],),
    tools=("cargo", "cc"),
    version_max=7,
)
_JAVA = Language(
    software="restate-sdk-java/",
    serve=partial(_serve_on_jvm, "java"),
    fetch=(_maven("java", "dependency:resolve"),),
    build=(_maven("java", "clean", "compile"),),
    tools=("javac", "java", "mvn"),
    version_max=6,
)
_KOTLIN = _JAVA._replace(
    serve=partial(_serve_on_jvm, "kotlin"),
    fetch=(_maven("kotlin", "dependency:resolve"),),
    build=(_maven("kotlin", "clean", "compile"),),
    tools=("java", "mvn"),
)

LANGUAGES = {
    "odradek": _ODRADEK,
    "python": _PYTHON,
    "typescript": _TYPESCRIPT,
    "go": _GO,
    "rust": _RUST,
    "java": _JAVA,
    "kotlin": _KOTLIN,
}


def missing_tools(sdk: str) -> str | None:
    """Why an SDK's application can never run on this machine; None: it could."""
    missing = [tool for tool in LANGUAGES[sdk].tools if shutil.which(tool) is None]
    return f"for the {sdk} SDK this machine lacks {' and '.join(missing)}" if missing else None


def lacking(sdk: str) -> str | None:
    """Why an SDK's application cannot be run now; None: it can."""
    reason = missing_tools(sdk)
    if reason is None and LANGUAGES[sdk].fetch and not (SDKS / sdk / STAMP).exists():
        return f"the {sdk} SDK is not built: run `make test-sdks`, which does it"
    return reason
