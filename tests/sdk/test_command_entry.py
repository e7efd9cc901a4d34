"""The `odradek` command without the server's libraries."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

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


def test_importing_the_sdk_needs_nothing_of_the_server() -> None:
    code = f"""
import sys; sys.path.insert(0, {str(SDK)!r})
import odradek
heavy = {{"odradek_engine", "pydantic", "confluent_kafka", "rocksdict", "click", "httptools"}}
sys.exit(repr(heavy & set(sys.modules)) if heavy & set(sys.modules) else 0)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
