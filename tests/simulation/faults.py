"""What goes wrong, one function for each kind of fault. `amount` is said at each."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from odradek_engine.log.simulated_cluster import Faults
from simulation.disk import SimulatedDisk

if TYPE_CHECKING:
    from simulation.machine import Machine
    from simulation.world import World

CALM: Final = Faults(delay_ms=(0.1, 2.0), written_in_spite=0.5, late_ms=(0.0, 50.0))
STORM: Final = Faults(
    delay_ms=(0.1, 20.0), slow=0.2, slow_ms=(50.0, 1_500.0), error=0.15, written_in_spite=0.5, doubled=0.1
)
PASSES_MAX: Final = 12
WOBBLE_SECONDS: Final = 0.01


def crash(world: World, machine: Machine, amount: float) -> None:
    """The node dies so many passes of the loop from now: between any two awaits."""
    _after_passes(world, int(amount), lambda: machine.crash())


def power(world: World, machine: Machine, amount: float) -> None:
    """The same, and the disk loses what was not synced."""
    _after_passes(world, int(amount), lambda: machine.crash(power=True))


def _after_passes(world: World, passes: int, act: Callable[[], None]) -> None:
    if passes <= 0:
        act()
    else:
        world.loop.call_in_world(lambda: _after_passes(world, passes - 1, act))


def stop(world: World, machine: Machine, _amount: float) -> None:
    """The node is stopped in good order, and started again."""
    if machine.alive:
        machine.stop()


def lose_disk(_world: World, machine: Machine, _amount: float) -> None:
    """The node dies, and its disk with it."""
    machine.crash()
    machine.disk = SimulatedDisk()


def flip(_world: World, machine: Machine, amount: float) -> None:
    """A byte of the row at this place goes bad."""
    machine.disk.flip(int(amount))


def freeze(world: World, machine: Machine, amount: float) -> None:
    """The process stands still for so many seconds, and knows nothing of it."""
    if machine.alive and not machine.process.frozen:
        process = machine.process
        world.loop.freeze(process)
        world.later(amount, lambda: world.thaw(process))


def jump(_world: World, machine: Machine, amount: float) -> None:
    """The wall clock is set by so many seconds."""
    machine.clock.jump(int(amount * 1000))


def wobble(world: World, machine: Machine, amount: float) -> None:
    """For so many seconds the wall clock is set back and forth, many times a second."""
    if amount > 0 and world.faulty:
        machine.clock.jump(40)
        world.later(WOBBLE_SECONDS, lambda: machine.clock.jump(-40))
        world.later(2 * WOBBLE_SECONDS, lambda: wobble(world, machine, amount - 2 * WOBBLE_SECONDS))


def drift(_world: World, machine: Machine, amount: float) -> None:
    """The wall clock runs too fast by this share, or too slow."""
    machine.clock.drift = amount


def propose(world: World, machine: Machine, _amount: float) -> None:
    """The group wants another leader, whoever leads now."""
    world.group.propose(machine.number)


def host_dies(world: World, _machine: Machine, amount: float) -> None:
    """The host of this number dies, with all handlers that run there."""
    if world.hosts:
        world.hosts[int(amount) % len(world.hosts)].die()


def storm(world: World, _machine: Machine, amount: float) -> None:
    """For so many seconds the log is slow, doubles, and does not say what became of records."""
    world.cluster.faults = STORM
    world.later(amount, world.calm_log)


def sync(_world: World, machine: Machine, _amount: float) -> None:
    """The operating system writes the disk's cache out."""
    machine.disk.sync()


KINDS: Final[dict[str, Callable[[World, Machine, float], None]]] = {
    "crash": crash,
    "power": power,
    "stop": stop,
    "lose disk": lose_disk,
    "flip": flip,
    "freeze": freeze,
    "jump": jump,
    "drift": drift,
    "wobble": wobble,
    "propose": propose,
    "host dies": host_dies,
    "storm": storm,
    "sync": sync,
}
