"""A queue of tasks that are to be done later: one service takes them, another does them when they are due.

A task is in the log from the moment it is submitted: nothing forgets it, and a task submitted twice is done once.
"""

from __future__ import annotations

from datetime import timedelta

import msgspec

import odradek
from outside_world import do


class Task(msgspec.Struct):
    id: str
    what: str
    delay_s: float = 0.0
    """Seconds before the task is due."""


class PrintShop:
    """Stands in for what takes its time to do a task."""

    STEPS = ("typeset", "print", "bind")

    @staticmethod
    def work(task_id: str, step: str, what: str) -> str:
        do("print-shop", step, task_id, what=what)
        return step


task_submitter = odradek.Service("TaskSubmitter")
async_worker = odradek.Service("AsyncTaskWorker", ingress_private=True)


@task_submitter.handler()
async def submit(ctx: odradek.Context, task: Task) -> str:
    """Takes a task; gives the id of the invocation that will do it, by which its result can be had."""
    queued = ctx.service_send(
        run_task,
        task,
        send_delay=timedelta(seconds=task.delay_s),
        idempotency_key=task.id,
    )
    return await queued.invocation_id()


@async_worker.handler()
async def run_task(ctx: odradek.Context, task: Task) -> str:
    """Does a task, step by step."""
    done = [
        await ctx.run_typed(step, PrintShop.work, task_id=task.id, step=step, what=task.what)
        for step in PrintShop.STEPS
    ]
    return f"{task.what}: {', '.join(done)}"


app = odradek.app([task_submitter, async_worker])
