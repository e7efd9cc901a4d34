"""How answers are printed: tables for people, JSON for programs. Nothing printed can steer the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import click
import msgspec

from odradek_engine.printable import printable


def plain(value: object) -> str:
    """One line of printable text for any JSON value."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    text = value if isinstance(value, str) else _compact_json(value)
    return printable(text)


def _compact_json(value: object) -> str:
    return msgspec.json.encode(value).decode()


def print_table(columns: Sequence[str], rows: Sequence[Mapping[str, Any]], *, empty: str) -> None:
    """The rows under their columns, or `empty` where there are none. Numbers stand to the right."""
    if not rows:
        click.echo(empty)
        return
    cells = [[plain(row.get(column)) for column in columns] for row in rows]
    widths = [max(len(column), *(len(line[i]) for line in cells)) for i, column in enumerate(columns)]
    numeric = [all(_is_number(row.get(column)) for row in rows) for column in columns]
    for line in [[column.upper() for column in columns], *cells]:
        padded = [
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(line, widths, numeric, strict=True)
        ]
        click.echo("  ".join(padded).rstrip())


def _is_number(value: object) -> bool:
    return value is None or (isinstance(value, (int, float)) and not isinstance(value, bool))


def print_fields(fields: Mapping[str, object]) -> None:
    """One field a line, those without a value left out."""
    shown = {name: plain(value) for name, value in fields.items() if value is not None and value != ""}
    width = max((len(name) for name in shown), default=0)
    for name, text in shown.items():
        click.echo(f"{name.ljust(width)}  {text}")


def print_json(value: object) -> None:
    """Indented JSON; what is not ASCII is escaped only where it must be."""
    import json

    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def print_json_lines(rows: Iterable[object]) -> None:
    """One compact JSON value a line."""
    for row in rows:
        click.echo(_compact_json(row))


def counted(count: int, noun: str) -> str:
    """`1 record`, `10,000 records`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
