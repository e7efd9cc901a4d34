"""The kit is typed through."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from mypy import api

SAMPLE = Path(__file__).parent / "samples" / "typed_tests.py"
SDK = Path(__file__).parents[2] / "sdk"

CONFIG = """
[mypy]
strict = true
python_version = 3.11
[mypy-odradek_engine.*]
ignore_missing_imports = true
"""


def test_results_have_the_types_of_the_handlers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MYPYPATH", str(SDK))
    config = tmp_path / "mypy.ini"
    config.write_text(CONFIG)
    options = [f"--config-file={config}", f"--cache-dir={tmp_path}", "--no-error-summary"]
    report, crash, _ = api.run([*options, str(SAMPLE)])
    assert not crash, crash
    found = {
        (int(line), code) for line, code in re.findall(r"typed_tests\.py:(\d+): error: .*\[([a-z-]+)\]$", report, re.M)
    }
    lines = SAMPLE.read_text().splitlines()
    expected = {(number, code) for number, line in enumerate(lines, 1) for code in re.findall(r"# E: ([a-z-]+)", line)}
    assert found == expected, report
