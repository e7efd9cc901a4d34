"""Cuts a failing plan down: what stays is needed to fail in the same way."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, TypeVar

from msgspec.structs import replace

from simulation.faults import CALM
from simulation.plan import Plan
from simulation.run import run

T = TypeVar("T")
RUNS_MAX: Final = 2_000
"""So many runs a plan is worth."""
_SIMPLER: Final[tuple[dict[str, Any], ...]] = (
    {"log": CALM},
    {"handler_faults": 0.0},
    {"nodes": 1},
    {"network_faults": 0.0},
    {"hosts": 1},
    {"partitions": 1},
    {"partitions": 2},
    {"slots": 1000},
    {"shuffled": False},
    {"careless": False},
    {"retained_bytes": 1 << 28},
    {"eager_state_bytes": 1 << 20},
)


def failure_of(plan: Plan) -> str | None:
    """Which property a plan violates, None where it keeps all."""
    violations = run(plan).violations
    return violations[0].partition(":")[0] if violations else None


def shrink(plan: Plan, progress: Callable[[str], None]) -> Plan:
    """The smallest plan that was found to violate the same property as this one."""
    wanted = failure_of(plan)
    assert wanted is not None, "this plan does not fail"
    runs = 0
    smaller = True
    while smaller and runs < RUNS_MAX:
        smaller = False
        for candidate in _candidates(plan):
            runs += 1
            if failure_of(candidate) == wanted:
                plan, smaller = candidate, True
                parts = f"{len(plan.requests)} requests, {len(plan.faults)} faults, {len(plan.crashes)} crashes"
                progress(f"{runs} runs: {parts}")
                break
    return plan


def _candidates(plan: Plan) -> Iterator[Plan]:
    """Plans with a little less in them; the boldest cuts first."""
    for requests in _without_parts(plan.requests):
        yield replace(plan, requests=tuple(requests))
    for faults in _without_parts(plan.faults):
        yield replace(plan, faults=tuple(faults))
    for crashes in _without_parts(plan.crashes):
        yield replace(plan, crashes=tuple(crashes))
    for changes in _SIMPLER:
        setting = replace(plan.setting, **changes)
        if setting != plan.setting:
            yield replace(plan, setting=setting)
    for at, request in enumerate(plan.requests):
        for body in _smaller_bodies(request.body):
            changed = replace(request, body=body)
            yield replace(plan, requests=(*plan.requests[:at], changed, *plan.requests[at + 1 :]))


def _without_parts(parts: Sequence[T]) -> Iterator[list[T]]:
    size = len(parts)
    while size:
        for at in range(0, len(parts), size):
            yield [*parts[:at], *parts[at + size :]]
        size //= 2


def _smaller_bodies(body: Any) -> Iterator[Any]:
    """Programs with an operation less, here or in what they call; fewer records."""
    if isinstance(body, dict) and "ops" in body:
        for at in range(len(body["ops"])):
            yield {**body, "ops": [*body["ops"][:at], *body["ops"][at + 1 :]]}
        for at, operation in enumerate(body["ops"]):
            for smaller in _smaller_bodies(operation):
                yield {**body, "ops": [*body["ops"][:at], smaller, *body["ops"][at + 1 :]]}
    elif isinstance(body, list):
        for at, part in enumerate(body):
            for smaller in _smaller_bodies(part):
                yield [*body[:at], smaller, *body[at + 1 :]]
