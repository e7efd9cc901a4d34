"""A pytest plugin: `--rows` runs the tests that name a row of docs/features.md, and prints the table with the results.

A test that names a row which is not in the table is an error of the collection, with or without the option.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import pytest

from feature_rows import Row, feature_rows, named_rows

MARK = "row"
_report_key = pytest.StashKey["RowReport"]()


class RowReport:
    """Counts the outcomes of the tests of each row."""

    def __init__(self) -> None:
        self._rows_of: dict[str, tuple[str, ...]] = {}
        self._outcomes: dict[str, str] = {}

    def expect(self, item: pytest.Item, rows: tuple[str, ...]) -> None:
        """This test is going to run."""
        self._rows_of[item.nodeid] = rows

    def note(self, report: pytest.TestReport) -> None:
        """One phase of a test has ended: a failure stands, whatever the other phases say."""
        known = self._outcomes.get(report.nodeid)
        if report.nodeid in self._rows_of and known != "failed" and (report.when == "call" or not report.passed):
            self._outcomes[report.nodeid] = report.outcome

    def counts(self) -> Mapping[str, Counter[str]]:
        """For each row, how many tests had which outcome."""
        counts: dict[str, Counter[str]] = {}
        for nodeid, rows in self._rows_of.items():
            for row in rows:
                counts.setdefault(row, Counter())[self._outcomes.get(nodeid, "not run")] += 1
        return counts


def verdict(row: Row, counts: Counter[str], named: bool) -> tuple[str, str]:
    """What stands beside a row: pass, fail, skipped, not run or missing; and why, where it is not a pass."""
    if counts["failed"]:
        return "fail", f"{counts['failed']} of them failed"
    if counts["passed"]:
        return "pass", ""
    if counts["skipped"]:
        return "skipped", "its tests were skipped: run with -rs to see why"
    return ("not run", "its tests are not among these") if named else ("missing", row.reason)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--rows", action="store_true", help="run the tests that name a feature, and print the table")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", f"{MARK}(*ids): shows that these rows of docs/features.md hold")
    config.stash[_report_key] = RowReport()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    known, report = feature_rows(), config.stash[_report_key]
    marked = {item: tuple(str(row) for mark in item.iter_markers(MARK) for row in mark.args) for item in items}
    for item, rows in marked.items():
        for row in rows:
            if row not in known:
                raise pytest.UsageError(f"{item.nodeid} names the row {row}, which is not in docs/features.md")
        report.expect(item, rows)
    if config.getoption("rows"):
        config.hook.pytest_deselected(items=[item for item in items if not marked[item]])
        items[:] = [item for item in items if marked[item]]


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item):  # type: ignore[no-untyped-def]
    outcome = yield
    item.config.stash[_report_key].note(outcome.get_result())


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if not config.getoption("rows"):
        return
    counts, named, totals = config.stash[_report_key].counts(), named_rows(), Counter[str]()
    terminalreporter.section("features")
    for row in feature_rows().values():
        of_row = counts.get(row.id, Counter())
        word, reason = verdict(row, of_row, row.id in named)
        totals[word] += 1
        tests = of_row.total()
        line = f"{row.id:<4} {row.feature:<34} {word:<8} {f'{tests} tests' if tests else '':<10} {reason}"
        terminalreporter.write_line(line.rstrip(), **{"red": True} if word == "fail" else {})
    terminalreporter.write_line(", ".join(f"{count} {word}" for word, count in sorted(totals.items())))
