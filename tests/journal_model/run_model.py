"""`make model`: searches every part within all of its bounds, then drops each rule and shows what breaks.

python tests/journal_model/run_model.py               everything
python tests/journal_model/run_model.py RULE          the counterexample without one rule, step by step
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

from model_part import Part, PlantedBug, bounds_text
from protocol_parts import PARTS
from state_search import search


def main(arguments: list[str]) -> int:
    if arguments:
        return show(arguments[0])
    failures = sum(search_whole(part) for part in PARTS)
    print()
    failures += sum(plant_all(part) for part in PARTS)
    print("\nno open failure" if not failures else f"\n{failures} failures")
    return 1 if failures else 0


def search_whole(part: Part) -> int:
    """Searches a part with all of its rules; how many bounds have a counterexample."""
    failures = 0
    print(f"{part.name}, all rules kept: states, depth, seconds")
    for bounds in part.quick + part.full:
        found = search(part.model(part.rules, bounds))
        print(f"  {found.states:9,} {found.depth:4} {found.seconds:7.1f}  {bounds_text(bounds)}", flush=True)
        if found.counterexample is not None:
            failures += 1
            print(found.counterexample)
    return failures


def plant_all(part: Part) -> int:
    """Drops each rule of a part; how many of these bugs are not found."""
    failures = 0
    print(f"{part.name}, one rule dropped: shortest trace, states, broken invariant")
    for bug in part.planted:
        found = search(part.with_bug(bug))
        shown = found.counterexample
        failures += shown is None or shown.invariant != bug.invariant
        name = bug.rule.replace("_", " ")
        text = "NOT FOUND" if shown is None else f"{len(shown.trace):3} {found.states:8,}  {shown.invariant}"
        print(f"  {name:55} {text}", flush=True)
    return failures


def bugs(rule: str) -> Iterator[tuple[Part, PlantedBug]]:
    for part in PARTS:
        for bug in part.planted:
            if bug.rule == rule.replace(" ", "_"):
                yield part, bug


def show(rule: str) -> int:
    """Prints how things go wrong without a rule."""
    shown = 0
    for part, bug in bugs(rule):
        shown += 1
        print(f"{part.name}: {bounds_text(bug.bounds)}, without the rule that {bug.rule.replace('_', ' ')}")
        print(search(part.with_bug(bug)).counterexample)
    if not shown:
        names = "\n  ".join(sorted(bug.rule for part in PARTS for bug in part.planted))
        print(f"no rule is called {rule}; these are there:\n  {names}", file=sys.stderr)
    return 0 if shown else 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
