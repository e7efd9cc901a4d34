"""A printer prints one thing at a time, and of all that waits the most urgent thing first.

The queue is an object. Who wants to print leaves an awakeable there, and waits for it as long as it takes.
"""

from __future__ import annotations

import msgspec

import odradek
from outside_world import do

PRINTERS = 1
WAITING_MAX = 1000


class Job(msgspec.Struct):
    id: str
    text: str
    priority: int = 0
    """The higher, the sooner."""


class Ticket(msgspec.Struct):
    id: str
    """The awakeable by which its holder is called."""
    priority: int


class Line(msgspec.Struct):
    """Who has a printer, and who waits for one, in the order in which they came."""

    served: list[str] = []
    waiting: list[Ticket] = []


class Printer:
    """Stands in for a machine that takes its time."""

    @staticmethod
    def print(job_id: str, text: str) -> None:
        do("printer", "print", job_id, text=text)


queue = odradek.VirtualObject("PriorityQueue", ingress_private=True)
"""One object for each queue."""


async def call_next(ctx: odradek.ObjectContext, line: Line) -> None:
    while line.waiting and len(line.served) < PRINTERS:
        ticket = max(line.waiting, key=lambda each: each.priority)  # the first of the most urgent ones
        line.waiting.remove(ticket)
        line.served.append(ticket.id)
        ctx.resolve_awakeable(ticket.id, None)
    ctx.set("line", line)


@queue.handler()
async def enter(ctx: odradek.ObjectContext, ticket: Ticket) -> None:
    """The ticket's awakeable is resolved when it is its turn."""
    line = await ctx.get("line", type_hint=Line) or Line()
    if len(line.waiting) == WAITING_MAX:
        ctx.reject_awakeable(ticket.id, f"{WAITING_MAX} jobs wait for {ctx.key()} already: come back later", 503)
        return
    line.waiting.append(ticket)
    await call_next(ctx, line)


@queue.handler()
async def leave(ctx: odradek.ObjectContext, ticket_id: str) -> None:
    """Whoever had the ticket needs no printer any more, or never got one."""
    line = await ctx.get("line", type_hint=Line) or Line()
    line.served = [each for each in line.served if each != ticket_id]
    line.waiting = [each for each in line.waiting if each.id != ticket_id]
    await call_next(ctx, line)


printing = odradek.Service("Printing")


@printing.handler(name="print")
async def print_job(ctx: odradek.Context, job: Job) -> str:
    """Waits for a printer, and prints. A job that is cancelled leaves the queue."""
    ticket_id, my_turn = ctx.awakeable()
    ctx.object_send(enter, "printer", Ticket(ticket_id, job.priority))
    try:
        await my_turn
        await ctx.run_typed("print", Printer.print, job_id=job.id, text=job.text)
    except odradek.TerminalError:
        ctx.object_send(leave, "printer", ticket_id)
        raise
    ctx.object_send(leave, "printer", ticket_id)
    return f"{job.id} is printed"


app = odradek.app([queue, printing])
