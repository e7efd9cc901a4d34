"""Signs users up: an account, a mail with a link, and the click on it, which may take days or never come.

The workflow runs once for each user and waits at a durable promise, which the link's handler completes. That handler
answers with the workflow's own outcome, so that a second click, or one that comes too late, hears the truth.
"""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from datetime import timedelta
from enum import StrEnum
from uuid import uuid4

import msgspec

import odradek
from outside_world import do

MAIL_EVERY = timedelta(seconds=float(os.environ.get("MAIL_EVERY_SECONDS", "86400")))
MAILS_MAX = 3
REMEMBERED_FOR = timedelta(days=30)


class Status(StrEnum):
    UNCONFIRMED = "unconfirmed"
    CONFIRMED = "confirmed"
    EXPIRED = "expired"


class NewUser(msgspec.Struct):
    name: str
    email: str


class Accounts:
    """Stands in for the database that has the users."""

    @staticmethod
    def create(user_id: str, name: str, email: str) -> None:
        do("accounts", "create", user_id, name=name, email=email)

    @staticmethod
    def activate(user_id: str) -> None:
        do("accounts", "activate", user_id)

    @staticmethod
    def remove(user_id: str) -> None:
        do("accounts", "remove", user_id)


class MailServer:
    """Stands in for what sends mail to users."""

    @staticmethod
    def send_link(user_id: str, number: int, email: str, secret: str) -> None:
        do("mail", "send link", f"{user_id}/{number}", email=email, secret=secret)


def new_secret() -> str:
    return str(uuid4())


sign_up = odradek.Workflow("SignUp")
"""One for each user; the key is the user's id."""


@sign_up.main(workflow_retention=REMEMBERED_FOR)
async def run(ctx: odradek.WorkflowContext, user: NewUser) -> Status:
    """Gives what became of it: the user has confirmed, or the account is gone again."""
    ctx.set("status", Status.UNCONFIRMED)
    secret = await ctx.run_typed("draw secret", new_secret)
    ctx.set("secret", secret)
    await ctx.run_typed("create", Accounts.create, user_id=ctx.key(), name=user.name, email=user.email)

    status = Status.EXPIRED
    clicked = ctx.promise("clicked", type_hint=bool).value()
    for number in range(1, MAILS_MAX + 1):
        await ctx.run_typed(
            "send link", MailServer.send_link, user_id=ctx.key(), number=number, email=user.email, secret=secret
        )
        match await odradek.select(clicked=clicked, late=ctx.sleep(MAIL_EVERY)):
            case ["clicked", _]:
                status = Status.CONFIRMED
                break

    if status == Status.CONFIRMED:
        await ctx.run_typed("activate", Accounts.activate, user_id=ctx.key())
    else:
        await ctx.run_typed("remove", Accounts.remove, user_id=ctx.key())
    ctx.set("status", status)
    await ctx.promise("outcome", type_hint=str).resolve(status)
    return status


@sign_up.handler()
async def click(ctx: odradek.WorkflowSharedContext, secret: str) -> str:
    """What the link calls, as often as the user likes: gives what became of the account."""
    expected = await ctx.get("secret", type_hint=str)
    if expected is None or not secrets.compare_digest(secret, expected):
        raise odradek.TerminalError("this is no link of ours", status_code=403)
    with suppress(odradek.TerminalError):  # it was clicked before
        await ctx.promise("clicked", type_hint=bool).resolve(True)
    return await ctx.promise("outcome", type_hint=str).value()


@sign_up.handler()
async def status(ctx: odradek.WorkflowSharedContext) -> Status | None:
    """How far it is, at any time; null for a user who has not signed up."""
    return await ctx.get("status", type_hint=Status)


app = odradek.app([sign_up])
