"""Builds the applications of all SDKs, or of those that are named, where their sources have changed.

    python tests/sdks/build_sdks.py [LANGUAGE ...]

A language whose tools the machine lacks is left out, and so are its tests.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from languages import HERE, LANGUAGES, STAMP, Language, missing_tools

from endpoint_process import SDKS


def digest(name: str, language: Language) -> str:
    """Changes with the sources, and with the way in which they are built."""
    folder = HERE / name
    found = hashlib.sha256(repr(language.build).encode())
    for path in sorted({path for pattern in language.sources for path in folder.glob(pattern) if path.is_file()}):
        found.update(f"\0{path.relative_to(folder)}\0".encode())
        found.update(path.read_bytes())
    return found.hexdigest()


def build(name: str, language: Language) -> bool:
    """Whether the language's application is there, or cannot be."""
    reason = missing_tools(name)
    if reason is not None:
        print(f"{name}: left out, {reason}")
        return True
    wanted, stamp = digest(name, language), SDKS / name / STAMP
    if stamp.exists() and stamp.read_text() == wanted:
        print(f"{name}: unchanged")
        return True
    stamp.parent.mkdir(parents=True, exist_ok=True)
    stamp.unlink(missing_ok=True)
    began = time.monotonic()
    for command in language.build:
        if subprocess.run(command, cwd=stamp.parent).returncode != 0:
            print(f"{name}: failed: {' '.join(command)}", file=sys.stderr)
            return False
    stamp.write_text(wanted)
    print(f"{name}: built in {time.monotonic() - began:.0f} s", flush=True)
    return True


def main(names: list[str]) -> int:
    """The exit code."""
    chosen = {name: LANGUAGES[name] for name in names or LANGUAGES if LANGUAGES[name].build}
    built = [build(name, language) for name, language in chosen.items()]
    return 0 if all(built) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
