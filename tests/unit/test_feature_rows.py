"""The table of features is honest: each row has tests that name it or says why not; tests name only what is there."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from feature_rows import TESTS, Row, feature_rows, named_rows
from row_report import verdict

ROW = Row("D1", "state", "is kept", "")


def test_each_row_has_a_test_or_a_reason() -> None:
    named = named_rows()
    without = [row.id for row in feature_rows().values() if row.id not in named and not row.reason]
    assert without == []


def test_no_reason_stands_where_a_test_is() -> None:
    named = named_rows()
    assert [row.id for row in feature_rows().values() if row.reason and row.id in named] == []


def test_tests_name_rows_of_the_table() -> None:
    rows = feature_rows()
    assert {row: files for row, files in named_rows().items() if row not in rows} == {}


def test_ids_count_up_in_each_section() -> None:
    sections: dict[str, list[str]] = {}
    for row in feature_rows().values():
        sections.setdefault(row.section, []).append(row.id)
    for section, ids in sections.items():
        assert ids == [f"{section}{number}" for number in range(1, len(ids) + 1)]


@pytest.mark.parametrize("line", ["| D1 | state | is kept |", "| D1 | a | b | |\n| D1 | c | d | |"])
def test_what_is_no_table(line: str) -> None:
    with pytest.raises(ValueError, match="not a row of features"):
        feature_rows(line)


@pytest.mark.parametrize(
    ("counts", "named", "word"),
    [
        (Counter(passed=2, failed=1), True, "fail"),
        (Counter(passed=1, skipped=1), True, "pass"),
        (Counter(skipped=2), True, "skipped"),
        (Counter(), True, "not run"),
        (Counter(), False, "missing"),
    ],
)
def test_a_verdict(counts: Counter[str], named: bool, word: str) -> None:
    assert verdict(ROW, counts, named)[0] == word


def run_pytest(directory: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "row_report", f"--rootdir={directory}"]
    return subprocess.run([*command, *options, str(directory)], capture_output=True, text=True, check=False, cwd=TESTS)


def test_the_table_is_printed(tmp_path: Path) -> None:
    (tmp_path / "test_some.py").write_text(
        "import pytest\n"
        "@pytest.mark.row('D1', 'D2')\n"
        "def test_good(): pass\n"
        "@pytest.mark.row('D2')\n"
        "def test_bad(): assert 0\n"
        "def test_other(): assert 0\n"
    )
    run = run_pytest(tmp_path, "--rows")
    lines = [line.split() for line in run.stdout.splitlines()]
    assert ["D1", "Get,", "set,", "clear,", "clear", "all", "pass", "1", "tests"] in lines
    assert ["D2", "State", "keys", "fail", "2", "tests", "1", "of", "them", "failed"] in lines
    assert "1 failed, 1 passed, 1 deselected" in run.stdout


def test_a_row_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "test_some.py").write_text("import pytest\n@pytest.mark.row('D99')\ndef test_it(): pass\n")
    run = run_pytest(tmp_path)
    assert run.returncode == pytest.ExitCode.USAGE_ERROR
    assert "test_it names the row D99, which is not in docs/features.md" in run.stderr + run.stdout
