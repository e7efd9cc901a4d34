"""Builds the applications of all SDKs, or of those that are named, where their sources have changed.

    python tests/sdks/build_sdks.py [LANGUAGE ...]

A language whose tools the machine lacks, or whose registry it cannot reach, is left out, and its tests are skipped;
with ODRADEK_REQUIRE_SDKS=1 that is a failure.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from languages import HERE, LANGUAGES, STAMP, Language, missing_tools

from endpoint_process import SDKS
from live_node import REPOSITORY


class LeftOut(Exception):
    """Why this machine does without a language."""


def digest(name: str, language: Language) -> str:
    """Changes with the sources, and with the way in which they are built."""
    folder = HERE / name
    commands = repr(language.fetch + language.build).replace(str(REPOSITORY), "")
    found = hashlib.sha256(commands.encode())
    for path in sorted({path for pattern in language.sources for path in folder.glob(pattern) if path.is_file()}):
        found.update(f"\0{path.relative_to(folder)}\0".encode())
        found.update(path.read_bytes())
    return found.hexdigest()


def build(name: str, language: Language) -> str:
    """Makes the language's application anew if it has to be; what became of it."""
    reason = missing_tools(name)
    if reason is not None:
        raise LeftOut(reason)
    wanted, folder = digest(name, language), SDKS / name
    stamp = folder / STAMP
    if stamp.exists() and stamp.read_text() == wanted:
        return "unchanged"
    folder.mkdir(parents=True, exist_ok=True)
    stamp.unlink(missing_ok=True)
    began = time.monotonic()
    for command in language.fetch:
        if subprocess.run(command, cwd=folder).returncode != 0:
            raise LeftOut(f"nothing can be fetched for it by: {' '.join(command)}")
    fetched = time.monotonic()
    for command in language.build:
        subprocess.run(command, cwd=folder, check=True)
    stamp.write_text(wanted)
    return f"fetched in {fetched - began:.0f} s, built in {time.monotonic() - fetched:.0f} s"


def main(names: list[str]) -> int:
    """The exit code."""
    languages = [name for name, language in LANGUAGES.items() if language.fetch]
    unknown = set(names) - set(languages)
    if unknown:
        print(f"no language of these tests: {', '.join(unknown)}; there are {', '.join(languages)}", file=sys.stderr)
        return 2
    left_out = failed = False
    for name in names or languages:
        try:
            became = build(name, LANGUAGES[name])
        except LeftOut as reason:
            left_out, became = True, f"left out: {reason}"
        except subprocess.CalledProcessError as error:
            failed, became = True, f"FAILED: {' '.join(error.cmd)}"
        print(f"{name}: {became}", flush=True)
    return int(failed or (left_out and os.environ.get("ODRADEK_REQUIRE_SDKS") == "1"))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
