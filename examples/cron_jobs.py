"""Cron: each job is an object that sends itself a message for its next run, works when it comes, and sends another.

A run that comes due while no node is there happens as soon as one is; however many were missed, it is one.
Needs a parser of cron expressions: pip install cronsim
"""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
from cronsim import CronSim, CronSimError

import odradek
from outside_world import do


class Schedule(msgspec.Struct):
    cron: str
    """Minute, hour, day of month, month, day of week; six fields begin with seconds. In UTC."""
    task: str


class Job(msgspec.Struct):
    schedule: Schedule
    due_at: str
    """When it runs next, ISO 8601; this also tells its message from those of an earlier schedule."""
    runs: int = 0


class Worker:
    """Stands in for whatever is to be done again and again."""

    @staticmethod
    def work(run_id: str, task: str) -> None:
        do("worker", "work", run_id, task=task)


cron_job = odradek.VirtualObject("CronJob")
"""One object for each job."""


async def next_run(ctx: odradek.ObjectContext, cron: str) -> str:
    """Sends the message of the next run; when it is due."""
    now = datetime.fromtimestamp(await ctx.time(), UTC)
    try:
        due_at = next(CronSim(cron, now))
    except (CronSimError, StopIteration) as error:
        raise odradek.TerminalError(f"{cron!r} is no cron expression: {error or 'it never comes'}", 400) from error
    ctx.object_send(run, ctx.key(), due_at.isoformat(), send_delay=due_at - now)
    return due_at.isoformat()


@cron_job.handler()
async def create(ctx: odradek.ObjectContext, schedule: Schedule) -> str:
    """Gives the time of the first run. 409 if there is such a job, 400 for what is no cron expression."""
    if await ctx.get("job", type_hint=Job) is not None:
        raise odradek.TerminalError(f"{ctx.key()} exists: cancel it first", 409)
    job = Job(schedule, await next_run(ctx, schedule.cron))
    ctx.set("job", job)
    return job.due_at


@cron_job.handler()
async def run(ctx: odradek.ObjectContext, due_at: str) -> None:
    """The work itself, if the job is still there and means this run."""
    job = await ctx.get("job", type_hint=Job)
    if job is None or job.due_at != due_at:
        return
    await ctx.run_typed("work", Worker.work, run_id=f"{ctx.key()} at {due_at}", task=job.schedule.task)
    ctx.set("job", Job(job.schedule, await next_run(ctx, job.schedule.cron), job.runs + 1))


@cron_job.handler()
async def cancel(ctx: odradek.ObjectContext) -> None:
    """The job does not run any more."""
    ctx.clear("job")


@cron_job.handler(kind="shared")
async def info(ctx: odradek.ObjectSharedContext) -> Job:
    """What it does, and when it does it next. 404 if there is no such job."""
    job = await ctx.get("job", type_hint=Job)
    if job is None:
        raise odradek.TerminalError(f"there is no job {ctx.key()}", 404)
    return job


app = odradek.app([cron_job])
