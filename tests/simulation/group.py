"""The group that proposes leaders: right or wrong, one or several at once. Only liveness rests on it."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from simulation.world import World

SESSION_SECONDS: Final = 2.0
"""So long after nobody runs any more, somebody is proposed."""


class Group:
    """Says which machines should run a node."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._random = random.Random(f"{world.setting.seed} group")
        self.settled = False

    def begin(self) -> None:
        """Proposes the first."""
        self.propose(0)
        self._world.later(SESSION_SECONDS, self._look)

    def propose(self, number: int) -> None:
        """Another machine is to lead; whoever leads now is not asked."""
        machine = self._world.machines[number % len(self._world.machines)]
        machine.wanted = True
        machine.start()

    def left(self, number: int) -> None:
        """A node has found that another one leads."""
        if not self.settled:
            self._world.machines[number].wanted = False

    def _look(self) -> None:
        machines = self._world.machines
        if not any(machine.wanted for machine in machines):
            self.propose(self._random.randrange(len(machines)))
        self._world.later(SESSION_SECONDS, self._look)

    def settle(self) -> None:
        """From now on one is proposed, and the others are gone."""
        machines = self._world.machines
        chosen = next((machine for machine in machines if machine.serving_now and machine.wanted), machines[0])
        for machine in machines:
            machine.wanted = machine is chosen
            if machine is not chosen:
                machine.crash()
        chosen.start()
        self.settled = True
