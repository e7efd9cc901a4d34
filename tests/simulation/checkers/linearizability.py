"""What clients see of one object is as if each request had happened at one moment between its begin and its end.

A search after Wing and Gong: tries every order that real time allows, remembering which states it has been in.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from odradek.json_codec import decode
from odradek_engine.model.outcomes import Ended
from simulation.asking import INVOKING
from simulation.checkers.port import Checker

if TYPE_CHECKING:
    from simulation.clients import Client
    from simulation.world import World

FOREVER = float("inf")


class Operation(NamedTuple):
    """One request about a register that is also a counter. `result` None: not known, perhaps it never happens."""

    name: str
    argument: int
    begun: float
    ended: float
    result: int | None


def linearizable(operations: Sequence[Operation]) -> bool:
    """Whether some order explains all results. A register begins with 0."""
    done = sum(1 << at for at, operation in enumerate(operations) if operation.result is not None)
    visited: set[tuple[int, int]] = set()
    waiting = [(0, 0)]
    while waiting:
        seen, value = waiting.pop()
        if seen & done == done:
            return True
        if (seen, value) in visited:
            continue
        visited.add((seen, value))
        left = [(at, one) for at, one in enumerate(operations) if not seen >> at & 1]
        first_end = min(one.ended for _, one in left)
        for at, one in left:
            if one.begun <= first_end:
                after, result = _take(one, value)
                if one.result is None or one.result == result:
                    waiting.append((seen | 1 << at, after))
    return False


def _take(operation: Operation, value: int) -> tuple[int, int]:
    """The value after an operation, and what it says."""
    match operation.name:
        case "write":
            return operation.argument, operation.argument
        case "add":
            return value + operation.argument, value + operation.argument
        case _:
            return value, value


class Linearizability(Checker):
    """Looks at what clients have seen of the cells."""

    name = "linearizability of objects"

    def finish(self, world: World) -> None:
        cells: dict[str, list[Operation]] = {}
        for client in world.clients.all:
            if client.request.service == "Cell" and client.request.kind in INVOKING:
                cells.setdefault(client.request.key, []).append(_operation(client))
        again = {
            known.invocation.target.key
            for known in self.history.invocations.values()
            if known.invocation.target.service == "Cell" and known.life > 1
        }
        for key, operations in cells.items():
            if key in again:
                continue  # its result was forgotten for want of room, so a client that asked again added again
            if not linearizable(operations):
                shown = "; ".join(str(tuple(one)) for one in sorted(operations, key=lambda one: one.begun))
                self.violated(f"Cell/{key}: no order explains {shown}")


def _operation(client: Client) -> Operation:
    request = client.request
    outcome = client.outcome
    argument = request.body or 0
    if isinstance(outcome, Ended) and outcome.result.value is not None and client.answered_at is not None:
        return Operation(request.handler, argument, client.begun_at, client.answered_at, decode(outcome.result.value))
    return Operation(request.handler, argument, client.begun_at, FOREVER, None)
