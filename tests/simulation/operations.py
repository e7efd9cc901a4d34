"""What programs are made of: each operation adds one value to its program's trace, which is the program's result."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, Final, NamedTuple

import odradek
from odradek.json_codec import decode, encode
from simulation.outside import LIFE_HEADER, outside
from simulation.plan import Program

Operation = Callable[..., Awaitable[Any]]
FOREVER: Final = 10_000.0


class Place(NamedTuple):
    """An operation of a program. `name`: in journals, which another invocation may go on from; `here`: whose it is."""

    name: str
    here: str

    def branch(self, number: int) -> Place:
        """A part of it."""
        return Place(f"{self.name}/{number}", f"{self.here}/{number}")


async def execute(ctx: Any, program: Program) -> list[Any]:
    """Runs a program."""
    trace: list[Any] = []
    request = ctx.request()
    here = f"{program['id']}#{request.id[-6:]}#{request.attempt_headers[LIFE_HEADER]}"
    changes = any(operation == "change" for operation, *_ in program["ops"])
    other = changes and outside.meets(f"{here} code") % 2 == 1
    for number, (operation, *arguments) in enumerate(program["ops"]):
        if operation == "change":
            arguments = [other]
        trace.append(
            await OPERATIONS[operation](ctx, Place(f"{program['id']}.{number}", f"{here}.{number}"), *arguments)
        )
    return trace


async def settled(future: Awaitable[Any]) -> Any:
    """The result, or the terminal error, as a value."""
    try:
        return await future
    except odradek.TerminalError as error:
        if error.status_code == 409 and error.message == "cancelled":
            raise
        return ["error", error.status_code, error.message]


def _ms(milliseconds: int) -> timedelta:
    return timedelta(milliseconds=milliseconds)


# --- state ---


async def set_state(ctx: Any, _place: Place, slot: str, value: Any) -> None:
    ctx.set(slot, value)


async def get_state(ctx: Any, _place: Place, slot: str) -> Any:
    return await ctx.get(slot)


async def clear_state(ctx: Any, _place: Place, slot: str) -> None:
    ctx.clear(slot)


async def clear_all(ctx: Any, _place: Place) -> None:
    ctx.clear_all()


async def names(ctx: Any, _place: Place) -> list[str]:
    return sorted(await ctx.state_keys())


# --- steps and time ---


def begin_step(ctx: Any, place: Place, failures: int, code: int | None) -> Any:
    """A run block that fails a few times first, and for good with a code."""

    def act() -> int:
        execution = outside.execute(place.here)
        if execution <= failures and outside.faults:
            raise RuntimeError("for now")
        if code is not None:
            raise odradek.TerminalError("for good", code)
        return execution

    return ctx.run_typed(place.name, act, odradek.RunOptions[int]())


async def step(ctx: Any, place: Place, failures: int, code: int | None) -> Any:
    return _acknowledged(place, await settled(begin_step(ctx, place, failures, code)))


def _acknowledged(place: Place, result: Any) -> Any:
    """Which execution it was differs from run to run; that it stays the same does not."""
    if isinstance(result, int):
        outside.acknowledge(place.here, result)
        return "done"
    return result


async def sleep(ctx: Any, _place: Place, milliseconds: int) -> None:
    await ctx.sleep(_ms(milliseconds))


async def race(ctx: Any, _place: Place, milliseconds: list[int]) -> Any:
    winner, _ = await odradek.select(**{f"after {each}": ctx.sleep(_ms(each)) for each in milliseconds})
    return winner


async def gather(ctx: Any, place: Place, branches: list[list[Any]]) -> list[Any]:
    futures = []
    for number, (name, *arguments) in enumerate(branches):
        match name:
            case "step":
                futures.append(begin_step(ctx, place.branch(number), *arguments))
            case "call":
                futures.append(begin_call(ctx, *arguments))
            case _:
                futures.append(ctx.sleep(_ms(arguments[0])))
    await odradek.gather(*futures)
    return [_acknowledged(place.branch(number), _value(await settled(each))) for number, each in enumerate(futures)]


# --- other handlers ---


def begin_call(ctx: Any, service: str, key: str, program: Program) -> Any:
    """A call of another program."""
    argument = encode(program)
    match service:
        case "Actor" | "Shy":
            return ctx.generic_call(service, "run", argument, key)
        case "Actor/look":
            return ctx.generic_call("Actor", "look", argument, key)
        case "Flow":
            return ctx.generic_call("Flow", "run", argument, program["id"])
        case _:
            return ctx.generic_call("Task", "run", argument)


async def call(ctx: Any, _place: Place, service: str, key: str, program: Program) -> Any:
    return _value(await settled(begin_call(ctx, service, key, program)))


def _value(raw: Any) -> Any:
    return decode(raw) if isinstance(raw, bytes) else raw


async def send(ctx: Any, _place: Place, service: str, key: str, program: Program, delay_ms: int) -> None:
    delay = _ms(delay_ms) if delay_ms else None
    keyed = {"key": key} if service in ("Actor", "Shy") else {}
    ctx.generic_send(service, "run", encode(program), send_delay=delay, **keyed)


async def call_and_cancel(ctx: Any, _place: Place, service: str, key: str, program: Program) -> Any:
    future = begin_call(ctx, service, key, program)
    await future.cancel_invocation()
    return _value(await settled(future))


async def attach(ctx: Any, _place: Place, number: int) -> Any:
    """Waits for what a client has begun, or will begin."""
    invocation = outside.begun_by(number)
    return None if invocation is None else _value(await settled(ctx.attach_invocation(invocation)))


async def tell(ctx: Any, place: Place, keys: list[str]) -> None:
    """Messages whose order counts."""
    for number, key in enumerate(keys):
        ctx.generic_send("Sink", "take", encode([place.name, number]), key=key)


# --- what comes from outside ---


async def awakeable(ctx: Any, place: Place, patience_ms: int | None) -> Any:
    name, future = ctx.awakeable()
    outside.awakeables[place.here] = name
    if patience_ms is None:
        return await settled(future)
    match await odradek.select(answer=future, late=ctx.sleep(_ms(patience_ms))):
        case ["answer", value]:
            return value
    return "late"


async def signal(ctx: Any, place: Place, name: str) -> Any:
    outside.signals[place.here] = (ctx.request().id, name)
    return await settled(ctx.signal(name))


async def promise(ctx: Any, _place: Place, name: str) -> Any:
    return await settled(ctx.promise(name).value())


async def peek(ctx: Any, _place: Place, name: str) -> Any:
    return await settled(ctx.promise(name).peek())


# --- trouble ---


async def fail(_ctx: Any, _place: Place, code: int) -> None:
    raise odradek.TerminalError("failed", code)


async def stumble(_ctx: Any, place: Place, times: int) -> None:
    """Fails the attempt a few times, between steps."""
    if outside.meets(place.here) <= times:
        raise RuntimeError("stumbled")


async def hang(_ctx: Any, place: Place, times: int) -> None:
    """Neither goes on nor suspends, a few times."""
    if outside.meets(place.here) <= times:
        await asyncio.sleep(FOREVER)


async def call_nobody(ctx: Any, place: Place, times: int) -> Any:
    """Calls a service that there is not, a few times, while a step is under way."""
    step = begin_step(ctx, place, 0, None)
    if outside.meets(place.here) <= times:
        ctx.generic_call("Nobody", "run", b"")
    return _acknowledged(place, await settled(step))


async def change(ctx: Any, _place: Place, other: bool) -> None:
    """Is other code at every second attempt, as all such operations of its handler."""
    if other:
        ctx.clear("changed")
    await ctx.sleep(_ms(1))


OPERATIONS: Final[dict[str, Operation]] = {
    "set": set_state,
    "get": get_state,
    "clear": clear_state,
    "clear all": clear_all,
    "names": names,
    "step": step,
    "sleep": sleep,
    "race": race,
    "gather": gather,
    "call": call,
    "send": send,
    "call and cancel": call_and_cancel,
    "attach": attach,
    "tell": tell,
    "awakeable": awakeable,
    "signal": signal,
    "promise": promise,
    "peek": peek,
    "fail": fail,
    "stumble": stumble,
    "hang": hang,
    "call nobody": call_nobody,
    "change": change,
}
