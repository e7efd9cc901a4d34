"""Machines that are set up and torn down, step by step. Each machine is an object, and a state machine.

Commands to one machine are carried out one after the other, in the order in which they came, each to its end whatever
crashes; one that does not fit the state is refused when its turn comes.
"""

from __future__ import annotations

import os
from datetime import timedelta
from enum import StrEnum

import msgspec

import odradek
from outside_world import do

STEP_TAKES = timedelta(seconds=float(os.environ.get("STEP_SECONDS", "5")))


class State(StrEnum):
    DOWN = "down"
    SETTING_UP = "setting up"
    UP = "up"
    TEARING_DOWN = "tearing down"


class Transition(msgspec.Struct, frozen=True):
    """From one state to another by steps; the machine is in the state `via` meanwhile."""

    source: State
    via: State
    target: State
    steps: tuple[str, ...]


SET_UP = Transition(State.DOWN, State.SETTING_UP, State.UP, ("power on", "warm up", "calibrate"))
TEAR_DOWN = Transition(State.UP, State.TEARING_DOWN, State.DOWN, ("cool down", "power off"))


class Machine:
    """Stands in for the hardware."""

    @staticmethod
    def perform(machine: str, step: str, order: str) -> None:
        do(machine, step, order)


machine_operator = odradek.VirtualObject("MachineOperator")
"""One object for each machine."""


async def carry_out(ctx: odradek.ObjectContext, transition: Transition) -> State:
    state = await ctx.get("state", type_hint=State) or State.DOWN
    if state != transition.source:
        raise odradek.TerminalError(f"{ctx.key()} is {state}, not {transition.source}", status_code=409)
    order = str(ctx.uuid())
    ctx.set("state", transition.via)
    for step in transition.steps:
        await ctx.run_typed(step, Machine.perform, machine=ctx.key(), step=step, order=order)
        await ctx.sleep(STEP_TAKES)
    ctx.set("state", transition.target)
    return transition.target


@machine_operator.handler()
async def set_up(ctx: odradek.ObjectContext) -> State:
    """409 unless the machine is down."""
    return await carry_out(ctx, SET_UP)


@machine_operator.handler()
async def tear_down(ctx: odradek.ObjectContext) -> State:
    """409 unless the machine is up."""
    return await carry_out(ctx, TEAR_DOWN)


@machine_operator.handler(kind="shared")
async def state(ctx: odradek.ObjectSharedContext) -> State:
    """What the machine does now, while commands are carried out, too."""
    return await ctx.get("state", type_hint=State) or State.DOWN


app = odradek.app([machine_operator])
