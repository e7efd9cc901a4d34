"""User code is typed through: good samples pass `mypy --strict`, and mistakes are found where they are made."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from mypy import api

SAMPLES = Path(__file__).parent / "samples"
SDK = Path(__file__).parents[2] / "sdk"
EXPECTED = re.compile(r"#\s*E: ([a-z-]+)")
REPORTED = re.compile(r":(\d+): error: .*\[([a-z-]+)\]$", re.MULTILINE)


def check(sample: str, cache: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, int]:
    """mypy's report on one sample, and its exit status."""
    monkeypatch.setenv("MYPYPATH", str(SDK))
    options = ["--strict", "--python-version=3.11", "--no-error-summary", "--hide-error-context"]
    options += ["--config-file=", f"--cache-dir={cache}"]
    report, crash, status = api.run([*options, str(SAMPLES / sample)])
    assert not crash, crash
    return report, status


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("mypy_cache")


@pytest.mark.parametrize("sample", ["well_typed.py", "well_typed_workflows.py"])
def test_good_code_has_no_errors(sample: str, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert check(sample, cache, monkeypatch) == ("", 0)


def test_mistakes_are_found(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    report, status = check("badly_typed.py", cache, monkeypatch)
    found = {(int(line), code) for line, code in REPORTED.findall(report)}
    lines = (SAMPLES / "badly_typed.py").read_text().splitlines()
    expected = {(number, code) for number, line in enumerate(lines, 1) for code in EXPECTED.findall(line)}
    assert status == 1
    assert found == expected
