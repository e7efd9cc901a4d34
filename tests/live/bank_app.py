"""The application under the kill loops: accounts whose sum must hold, and steps that an outside recorder sees."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TypedDict

import odradek
from odradek import Context, ObjectContext, ObjectSharedContext

RECORDER = Path(os.environ["RECORDER_FILE"])

account = odradek.VirtualObject("Account")
transfers = odradek.Service("Transfers")


class Transfer(TypedDict):
    """Move `amount` from one account to another."""

    source: str
    target: str
    amount: int


def record(line: str) -> None:
    """One line in the outside world, appended whole."""
    with RECORDER.open("ab", buffering=0) as recorder:
        recorder.write(f"{line}\n".encode())


@account.handler()
async def add(ctx: ObjectContext, amount: int) -> int:
    """Adds to the balance; overdrafts are allowed, so that order does not matter."""
    balance = (await ctx.get("balance", type_hint=int) or 0) + amount
    ctx.set("balance", balance)
    ctx.set("changes", (await ctx.get("changes", type_hint=int) or 0) + 1)
    return balance


@account.handler(kind="shared")
async def balance(ctx: ObjectSharedContext) -> int:
    """The balance."""
    return await ctx.get("balance", type_hint=int) or 0


@transfers.handler()
async def transfer(ctx: Context, order: Transfer) -> str:
    """Takes, tells the outside world, gives."""
    await ctx.object_call(add, key=order["source"], arg=-order["amount"])
    transfer_id = ctx.request().id
    for step in range(3):

        async def step_action(step: int = step) -> int:
            record(f"{transfer_id} {step}")
            return step

        await ctx.run_typed(f"step {step}", step_action)
    await ctx.object_call(add, key=order["target"], arg=order["amount"])
    return "done"


app = odradek.app([account, transfers])
