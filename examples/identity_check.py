"""Has an outside office check who somebody is, and waits for its webhook: reminds, then has a human step in.

The office gets a callback (an awakeable) with its order. Whoever completes it first decides; what comes twice, or when
all is over, changes nothing.
"""

from __future__ import annotations

import os
from datetime import timedelta
from enum import StrEnum

import msgspec

import odradek
from outside_world import do

ANSWER_WITHIN = timedelta(seconds=float(os.environ.get("ANSWER_WITHIN_SECONDS", "86400")))
REMINDERS_MAX = 2


class Standing(StrEnum):
    IN_CHECK = "in check"
    ESCALATED = "escalated"
    ACCEPTED = "accepted"
    REFUSED = "refused"


class Person(msgspec.Struct):
    name: str
    passport: str


class CheckingOffice:
    """Stands in for the office. It completes the callback with whether the passport is real."""

    @staticmethod
    def order(check_id: str, name: str, passport: str, callback: str) -> None:
        do("office", "order", check_id, name=name, passport=passport, callback=callback)

    @staticmethod
    def remind(check_id: str, number: int, callback: str) -> None:
        do("office", "remind", f"{check_id}/{number}", callback=callback)


class Officers:
    """Stands in for our own people, who look at the passport themselves and complete the same callback."""

    @staticmethod
    def open_ticket(check_id: str, name: str, passport: str, callback: str) -> None:
        do("officers", "open ticket", check_id, name=name, passport=passport, callback=callback)


identity_check = odradek.Workflow("IdentityCheck")
"""One for each check; the key is its id."""


@identity_check.main()
async def run(ctx: odradek.WorkflowContext, person: Person) -> Standing:
    """Gives what was decided, as soon as anybody has."""
    ctx.set("standing", Standing.IN_CHECK)
    check_id = ctx.key()
    callback, answer = ctx.awakeable(type_hint=bool)
    details = {"check_id": check_id, "name": person.name, "passport": person.passport, "callback": callback}
    await ctx.run_typed("order", CheckingOffice.order, **details)

    for reminders in range(REMINDERS_MAX + 1):
        match await odradek.select(answer=answer, late=ctx.sleep(ANSWER_WITHIN)):
            case ["answer", _]:
                break
        if reminders < REMINDERS_MAX:
            number = reminders + 1
            await ctx.run_typed("remind", CheckingOffice.remind, check_id=check_id, number=number, callback=callback)
        else:
            ctx.set("standing", Standing.ESCALATED)
            await ctx.run_typed("escalate", Officers.open_ticket, **details)

    standing = Standing.ACCEPTED if await answer else Standing.REFUSED
    ctx.set("standing", standing)
    return standing


@identity_check.handler()
async def standing(ctx: odradek.WorkflowSharedContext) -> Standing | None:
    """How far the check is, at any time; null for one that was never begun."""
    return await ctx.get("standing", type_hint=Standing)


app = odradek.app([identity_check])
