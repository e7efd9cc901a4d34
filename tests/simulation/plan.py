"""A plan: all that a run does of its own accord, as data. A seed draws one; a minimiser cuts pieces out of it."""

from __future__ import annotations

from typing import Any, TypeAlias

import msgspec

from odradek_engine.log.simulated_cluster import Faults

Program: TypeAlias = dict[str, Any]
"""`{"id": name, "ops": [[operation, argument, ...], ...]}`, see `simulation.operations`."""


class Setting(msgspec.Struct, frozen=True):
    """What stays the same during a run. `seed` draws what the plan leaves open: delays, ids, order."""

    seed: int
    nodes: int = 1
    partitions: int = 2
    shared: bool = True
    """The log takes records of any node, as Kafka does; otherwise of one alone, as the embedded one."""
    careless: bool = False
    """Whoever is proposed announces itself at once, whoever else is alive."""
    shuffled: bool = True
    """Callbacks that are ready at one moment run in a drawn order."""
    one_entry_a_record: bool = False
    slots: int = 1000
    eager_state_bytes: int = 1 << 20
    retained_bytes: int = 1 << 28
    seconds: float = 8.0
    """So long things are asked and go wrong; then all faults end."""
    log: Faults = Faults()
    handler_faults: float = 0.0
    """An attempt whose words come late, also when it is void already."""
    hosts: int = 0
    """Machines at which deployments may be served."""
    network_faults: float = 0.0
    """A request to one of them that something befalls."""


class Request(msgspec.Struct, frozen=True):
    """Something that a client asks. `subject`: the request that it is about; a state is read when that is answered."""

    number: int
    at: float
    kind: str
    node: int = 0
    service: str = ""
    handler: str = ""
    key: str = ""
    body: Any = None
    subject: int = 0
    delay_ms: int | None = None
    patience: float = 3.0
    """After so many seconds without an answer it asks again, perhaps another node."""
    tries: int = 1000
    """After so many it goes away unheard."""


class Fault(msgspec.Struct, frozen=True):
    """Something that goes wrong. What `amount` means depends on the kind: see `simulation.faults`."""

    at: float
    kind: str
    node: int = 0
    amount: float = 0.0


class CrashAt(msgspec.Struct, frozen=True):
    """A node dies when the run comes to a named crash point for the `hit`-th time."""

    point: str
    hit: int
    power: bool = False


class Plan(msgspec.Struct, frozen=True):
    """A whole run."""

    setting: Setting
    requests: tuple[Request, ...] = ()
    faults: tuple[Fault, ...] = ()
    crashes: tuple[CrashAt, ...] = ()
