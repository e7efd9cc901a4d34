"""Reminds users whose payment failed: the handler schedules itself again, until they pay or support takes over."""

from __future__ import annotations

import os
from datetime import timedelta
from enum import StrEnum

import msgspec

import odradek
from outside_world import do

REMIND_EVERY = timedelta(seconds=float(os.environ.get("REMIND_EVERY_SECONDS", "86400")))
REMINDERS_MAX = 3


class Standing(StrEnum):
    PAID = "paid"
    REMINDED = "reminded"
    ESCALATED = "escalated"


class FailedPayment(msgspec.Struct):
    user: str
    cents: int


class MailServer:
    """Stands in for what sends mail to users."""

    @staticmethod
    def remind(invoice: str, user: str, cents: int, number: int) -> None:
        do("mail", "remind", f"{invoice}/{number}", user=user, cents=cents, number=number)


class SupportDesk:
    """Stands in for the people who call users up."""

    @staticmethod
    def open_ticket(invoice: str, user: str) -> None:
        do("support", "open ticket", invoice, user=user)


payment_tracker = odradek.VirtualObject("PaymentTracker")
"""One object for each invoice."""


@payment_tracker.handler()
async def payment_failed(ctx: odradek.ObjectContext, payment: FailedPayment) -> Standing:
    """Reminds the user, now and again, unless the invoice is paid; after the last reminder support takes over."""
    standing = await ctx.get("standing", type_hint=Standing)
    if standing is not None and standing != Standing.REMINDED:
        return standing
    reminders = await ctx.get("reminders", type_hint=int) or 0
    if reminders == REMINDERS_MAX:
        ctx.set("standing", Standing.ESCALATED)
        await ctx.run_typed("escalate", SupportDesk.open_ticket, invoice=ctx.key(), user=payment.user)
        return Standing.ESCALATED
    ctx.set("standing", Standing.REMINDED)
    ctx.set("reminders", reminders + 1)
    await ctx.run_typed(
        "remind",
        MailServer.remind,
        invoice=ctx.key(),
        user=payment.user,
        cents=payment.cents,
        number=reminders + 1,
    )
    ctx.object_send(payment_failed, ctx.key(), payment, send_delay=REMIND_EVERY)
    return Standing.REMINDED


@payment_tracker.handler()
async def payment_succeeded(ctx: odradek.ObjectContext) -> None:
    """The user has paid; no reminder follows."""
    ctx.set("standing", Standing.PAID)


@payment_tracker.handler(kind="shared")
async def standing(ctx: odradek.ObjectSharedContext) -> Standing | None:
    return await ctx.get("standing", type_hint=Standing)


app = odradek.app([payment_tracker])
