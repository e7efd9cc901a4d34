"""A workflow that waits for a promise, its steps noted in a file, and handlers that reach it."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import odradek
from odradek import Context, TerminalError, WorkflowContext, WorkflowSharedContext

sign_up = odradek.Workflow("SignUp")
callers = odradek.Service("Callers")


def note(text: str) -> None:
    """A side effect that can be counted."""
    with Path(os.environ["RECORDER_FILE"]).open("a") as file:
        file.write(text + "\n")


@sign_up.main(workflow_retention=timedelta(days=2))
async def run(ctx: WorkflowContext, email: str) -> str:
    """Sends a mail and waits for the click on its link."""
    ctx.set("stage", "mailing")
    await ctx.run_typed("mail", lambda: note(f"mail {email}"))
    ctx.set("stage", "waiting")
    secret = await ctx.promise("click", type_hint=str)
    await ctx.run_typed("welcome", lambda: note(f"welcome {email}"))
    ctx.set("stage", "done")
    return f"{email} clicked {secret}"


@sign_up.handler()
async def click(ctx: WorkflowSharedContext, secret: str) -> str:
    """The link was clicked."""
    await ctx.promise("click", type_hint=str).resolve(secret)
    return "thanks"


@sign_up.handler()
async def refuse(ctx: WorkflowSharedContext, reason: str) -> None:
    """The address is not wanted."""
    await ctx.promise("click").reject(reason, 418)


@sign_up.handler()
async def clicked(ctx: WorkflowSharedContext) -> str | None:
    """The secret that was clicked, if it was."""
    return await ctx.promise("click", type_hint=str).peek()


@sign_up.handler()
async def watch(ctx: WorkflowSharedContext) -> str:
    """Waits for the click too."""
    return await ctx.promise("click", type_hint=str).value()


@sign_up.handler()
async def stage(ctx: WorkflowSharedContext) -> str | None:
    """How far the workflow is."""
    return await ctx.get("stage", type_hint=str)


@callers.handler()
async def call_run(ctx: Context, key: str) -> str:
    """Runs the workflow, or says why not."""
    try:
        return await ctx.workflow_call(run, key=key, arg=f"{key}@called")
    except TerminalError as error:
        return f"{error.status_code} {error.message}"


@callers.handler()
async def attach(ctx: Context, invocation_id: str) -> str:
    """Waits for the result of somebody else's invocation."""
    try:
        return await ctx.attach_invocation(invocation_id, type_hint=str)
    except TerminalError as error:
        return f"{error.status_code} {error.message}"


@callers.handler(inactivity_timeout=timedelta(0))
async def hear_twice(ctx: Context) -> str:
    """Two signals of one name; suspended while it waits."""
    return f"{await ctx.signal('word', type_hint=str)} {await ctx.signal('word', type_hint=str)}"


@callers.handler()
async def say(ctx: Context, message: tuple[str, str]) -> None:
    """Sends a word to an invocation."""
    ctx.resolve_signal(message[0], "word", message[1])


app = odradek.app([sign_up, callers])
