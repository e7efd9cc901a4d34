"""Options of the form `name=value` that may be given several times."""

from __future__ import annotations

import click


def read_pairs(_context: click.Context, option: click.Parameter, pairs: tuple[str, ...]) -> dict[str, str]:
    """A dict of the pairs, as a click callback."""
    values: dict[str, str] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not name or not equals:
            raise click.BadParameter(f"'{pair}' is not name=value", param=option)
        if name in values:
            raise click.BadParameter(f"'{name}' is given twice", param=option)
        values[name] = value
    return values
