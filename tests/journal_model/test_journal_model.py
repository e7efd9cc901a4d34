"""The protocol's model within small bounds: with all rules nothing breaks, without any one of them something does."""

from __future__ import annotations

import pytest
from model_part import Part, PlantedBug, bounds_text
from protocol_parts import PARTS
from state_search import search

WHOLE = [(part, bounds) for part in PARTS for bounds in part.quick]
BUGS = [(part, bug) for part in PARTS for bug in part.planted]


@pytest.mark.parametrize(
    ("part", "bounds"), WHOLE, ids=[f"{part.name}: {bounds_text(bounds)}" for part, bounds in WHOLE]
)
def test_with_all_rules_nothing_breaks(part: Part, bounds: object) -> None:
    found = search(part.model(part.rules, bounds))
    assert found.counterexample is None, str(found.counterexample)
    assert found.complete


@pytest.mark.parametrize(
    ("part", "bug"), BUGS, ids=[f"{part.name}: {bug.rule.replace('_', ' ')}" for part, bug in BUGS]
)
def test_without_a_rule_something_breaks(part: Part, bug: PlantedBug) -> None:
    found = search(part.with_bug(bug), max_states=500_000)
    assert found.counterexample is not None
    assert found.counterexample.invariant == bug.invariant, str(found.counterexample)


@pytest.mark.parametrize("part", PARTS, ids=[part.name for part in PARTS])
def test_every_rule_has_a_planted_bug(part: Part) -> None:
    assert {bug.rule for bug in part.planted} == part.rule_names()
