"""The style that no formatter checks: sizes, names, docstrings, and what must not be left lying about."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
PACKAGES = ("sdk", "engine", "connectors")
FOLDERS = (*PACKAGES, "tests", "examples", "bench")

MAX_MODULE_LINES = 500
MAX_FUNCTION_LINES = 60
MAX_LINE_LENGTH = 120

FORBIDDEN_WORDS = {"util", "utils", "helper", "helpers", "manager", "managers"}
LEFT_LYING = re.compile(r"#\s*(TODO|FIXME|XXX|HACK)\b")
PRAGMA = re.compile(r"  # (noqa|type: ignore|fmt:).*$")
"""A note to a tool does not count towards a line's length."""
MAY_PRINT = ("engine/odradek_engine/cli/",)

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Source:
    path: str
    text: str

    @property
    def packaged(self) -> bool:
        return self.path.startswith(tuple(f"{folder}/" for folder in PACKAGES))


def sources() -> list[Source]:
    paths = sorted(path for folder in FOLDERS for path in (REPOSITORY / folder).rglob("*.py"))
    return [Source(str(path.relative_to(REPOSITORY)), path.read_text(encoding="utf-8")) for path in paths]


def words(name: str) -> set[str]:
    """`RowManager` and `row_manager` are made of row and manager; a context manager is one word."""
    snake = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name).lower()
    return set(re.sub(r"context_(managers?)", r"context\1", snake).split("_"))


def too_long(source: Source, tree: ast.Module) -> Iterator[str]:
    lines = source.text.splitlines()
    if len(lines) > MAX_MODULE_LINES:
        yield f"{source.path} has {len(lines)} lines: at most {MAX_MODULE_LINES}"
    for number, line in enumerate(lines, start=1):
        length = len(PRAGMA.sub("", line))
        if length > MAX_LINE_LENGTH:
            yield f"{source.path}:{number} has {length} characters: at most {MAX_LINE_LENGTH}"
    for node in ast.walk(tree):
        if isinstance(node, Function):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > MAX_FUNCTION_LINES:
                yield f"{source.path}:{node.lineno} {node.name} has {length} lines: at most {MAX_FUNCTION_LINES}"


def forbidden_names(source: Source, tree: ast.Module) -> Iterator[str]:
    parts = Path(source.path).with_suffix("").parts
    names = [(1, part) for part in parts]
    names += [
        (node.lineno, node.name) for node in ast.walk(tree) if isinstance(node, (*Function.__args__, ast.ClassDef))
    ]
    for line, name in names:
        for word in words(name) & FORBIDDEN_WORDS:
            yield f"{source.path}:{line} '{name}' says nothing: name it for what it does, not '{word}'"


def missing_docstring(source: Source, tree: ast.Module) -> Iterator[str]:
    if source.packaged and not ast.get_docstring(tree):
        yield f"{source.path} does not say what it owns: give it a docstring"


def prints(source: Source, tree: ast.Module) -> Iterator[str]:
    if source.packaged and not source.path.startswith(MAY_PRINT):
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print":
                yield f"{source.path}:{node.lineno} prints"


def left_lying(source: Source, _tree: ast.Module) -> Iterator[str]:
    for number, line in enumerate(source.text.splitlines(), start=1):
        if LEFT_LYING.search(line):
            yield f"{source.path}:{number} leaves something to be done: do it or drop it"


RULES = (too_long, forbidden_names, missing_docstring, prints, left_lying)


def complaints(of: list[Source]) -> list[str]:
    return [complaint for source in of for rule in RULES for complaint in rule(source, ast.parse(source.text))]


def test_the_tree_is_tidy() -> None:
    found = sources()
    assert any(source.packaged for source in found)
    untidy = complaints(found)
    assert not untidy, "\n".join(untidy)


def test_planted_untidiness_is_found() -> None:
    long_function = "def f():\n" + "    pass\n" * 60
    for path, text in (
        ("sdk/odradek/a.py", '"""A."""\n' * 501),
        ("sdk/odradek/a.py", f'"""A."""\n{long_function}'),
        ("tests/unit/a.py", f"async {long_function}"),
        ("tests/unit/a.py", f"x = '{'x' * 120}'"),
        ("engine/odradek_engine/row_utils.py", '"""A."""'),
        ("engine/odradek_engine/helpers/row.py", '"""A."""'),
        ("engine/odradek_engine/a.py", '"""A."""\nclass RowManager: ...'),
        ("engine/odradek_engine/a.py", '"""A."""\ndef row_helper(): ...'),
        ("engine/odradek_engine/a.py", "x = 1"),
        ("engine/odradek_engine/a.py", '"""A."""\nprint(1)'),
        ("examples/a.py", "x = 1  # TO" + "DO: more"),
    ):
        assert complaints([Source(path, text)]), text[:80]


def test_what_is_tidy_is_left_in_peace() -> None:
    for path, text in (
        ("sdk/odradek/a.py", '"""A."""\n' * 500),
        ("sdk/odradek/a.py", '"""A."""\ndef f():\n' + "    pass\n" * 59),
        ("engine/odradek_engine/cli/a.py", '"""A."""\nprint(1)'),
        ("sdk/odradek/a.py", '"""A."""\nfrom contextlib import contextmanager\n\n@contextmanager\ndef f(): ...'),
        ("sdk/odradek/context_managers.py", '"""A."""'),
        ("tests/unit/a.py", "print(1)"),
    ):
        assert complaints([Source(path, text)]) == []
