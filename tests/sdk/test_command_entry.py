"""The `odradek` command without the server's libraries."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

from odradek.__main__ import SERVER_LIBRARIES

SDK = Path(__file__).parents[2] / "sdk"

BLOCKED = """
import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name == {name!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Missing())
from odradek.__main__ import main
main()
"""


def run_without(name: str) -> subprocess.CompletedProcess[str]:
    """Runs the command in a process in which importing one module fails."""
    code = BLOCKED.format(name=name)
    path = [str(SDK), str(SDK.parent / "engine")]
    code = f"import sys; sys.path[:0] = {path!r}\n{code}"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)


def test_missing_library_of_the_server_is_one_line() -> None:
    done = run_without("click")
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert "pip install 'odradek[server]'" in done.stderr


def test_server_libraries_are_those_of_the_extra() -> None:
    project = tomllib.loads((SDK.parent / "pyproject.toml").read_text())["project"]
    required = project["optional-dependencies"]["server"]
    names = {re.split(r"[^a-z0-9-]", requirement)[0].replace("-", "_") for requirement in required}
    assert names == SERVER_LIBRARIES


def test_other_missing_modules_are_not_explained_away() -> None:
    done = run_without("odradek_engine")
    assert done.returncode == 1
    assert "No module named 'odradek_engine'" in done.stderr
    assert "pip install" not in done.stderr


def test_importing_the_sdk_needs_nothing_of_the_server() -> None:
    code = f"""
import sys; sys.path.insert(0, {str(SDK)!r})
import odradek
heavy = {{"odradek_engine", "pydantic", "confluent_kafka", "rocksdict", "click", "httptools"}}
sys.exit(repr(heavy & set(sys.modules)) if heavy & set(sys.modules) else 0)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
