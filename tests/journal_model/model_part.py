"""A part of the protocol as it is listed: its rules, how far it is searched, and the planted bugs that it must find."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any

from state_search import Model


@dataclass(frozen=True)
class PlantedBug:
    """One rule dropped, the bounds within which that is found, and the invariant that it breaks first."""

    rule: str
    bounds: Any
    invariant: str


@dataclass(frozen=True)
class Part:
    """A part of the protocol. `quick` bounds are searched with every test run, `full` ones by `make model` as well."""

    name: str
    model: Callable[[Any, Any], Model]
    rules: Any
    quick: tuple[Any, ...]
    full: tuple[Any, ...]
    planted: tuple[PlantedBug, ...]

    def with_bug(self, bug: PlantedBug) -> Model:
        """The model without one of its rules."""
        return self.model(replace(self.rules, **{bug.rule: False}), bug.bounds)

    def rule_names(self) -> set[str]:
        """All rules of the part."""
        return {field.name for field in fields(self.rules)}


def bounds_text(bounds: Any) -> str:
    """`2 nodes, 3 announcements`: what may happen, without what may not."""
    values = ((field.name, getattr(bounds, field.name)) for field in fields(bounds))
    return ", ".join(f"{value} {name.replace('_', ' ')}" for name, value in values if value)
