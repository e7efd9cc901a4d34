"""Accounts and transfers between them: the application of the demo.

odradek dev examples/demo/app.py
curl localhost:8080/Account/ada/deposit --json '{"cents": 500}'
curl localhost:8080/Transfers/transfer --json '{"payer": "ada", "payee": "bob", "cents": 200}'
curl localhost:8080/Account/bob/balance
"""

from __future__ import annotations

from typing import Annotated

import msgspec

import odradek

Cents = Annotated[int, msgspec.Meta(gt=0)]


class Payment(msgspec.Struct):
    cents: Cents


class Transfer(msgspec.Struct):
    payer: str
    payee: str
    cents: Cents


account = odradek.VirtualObject("Account")
"""One object for each account; its state is the balance in cents, and how many deposits it had."""

transfers = odradek.Service("Transfers")


@account.handler()
async def deposit(ctx: odradek.ObjectContext, payment: Payment) -> int:
    """Gives the new balance."""
    cents = (await ctx.get("balance", type_hint=int) or 0) + payment.cents
    ctx.set("balance", cents)
    ctx.set("deposits", (await ctx.get("deposits", type_hint=int) or 0) + 1)
    return cents


@account.handler()
async def withdraw(ctx: odradek.ObjectContext, payment: Payment) -> int:
    """Gives the new balance. 409 if the account does not hold that much."""
    cents = (await ctx.get("balance", type_hint=int) or 0) - payment.cents
    if cents < 0:
        raise odradek.TerminalError(f"{ctx.key()} lacks {-cents} cents", status_code=409)
    ctx.set("balance", cents)
    return cents


@account.handler(kind="shared")
async def balance(ctx: odradek.ObjectSharedContext) -> int:
    return await ctx.get("balance", type_hint=int) or 0


@transfers.handler()
async def transfer(ctx: odradek.Context, order: Transfer) -> None:
    """Moves money from one account to another: all of it or, where the payer lacks it, nothing."""
    await ctx.object_call(withdraw, order.payer, Payment(order.cents))
    await ctx.object_call(deposit, order.payee, Payment(order.cents))


app = odradek.app([account, transfers])
