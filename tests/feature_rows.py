"""The rows of docs/features.md, and which of them tests name.

Owns the reading of that table. A row's id is its only key; tests name it with `@pytest.mark.row("D5")`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

TESTS = Path(__file__).resolve().parent
TABLE = TESTS.parent / "docs" / "features.md"
HEADER = ["id", "feature", "what happens", "no test because"]


@dataclass(frozen=True)
class Row:
    """One promise. `reason`: why no test names it; empty for a row that has tests."""

    id: str
    feature: str
    promise: str
    reason: str

    @property
    def section(self) -> str:
        """The letter of its section."""
        return self.id[0]


def feature_rows(text: str | None = None) -> dict[str, Row]:
    """All rows by id, in the table's order. Raises `ValueError` for what is no table of features."""
    rows: dict[str, Row] = {}
    for line in (TABLE.read_text() if text is None else text).splitlines():
        if not line.startswith("|") or line.startswith("|---"):
            continue
        cells = [cell.strip() for cell in line.strip().removeprefix("|").removesuffix("|").split("|")]
        if cells == HEADER:
            continue
        if len(cells) != len(HEADER) or cells[0] in rows:
            raise ValueError(f"not a row of features, or its id is there twice: {line}")
        rows[cells[0]] = Row(*cells)
    return rows


def named_rows() -> dict[str, list[str]]:
    """For each row id that a test names, in which files. Reads the tests, and imports none of them."""
    named: dict[str, list[str]] = {}
    for path in sorted(TESTS.rglob("test_*.py")):
        for row in _rows_named_in(ast.parse(path.read_text())):
            named.setdefault(row, []).append(path.relative_to(TESTS).as_posix())
    return named


def _rows_named_in(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.row":
            yield from (str(ast.literal_eval(argument)) for argument in node.args)
