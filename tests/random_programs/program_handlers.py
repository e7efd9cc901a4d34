"""Handlers that run a program given as data: their argument. What each operation means stands in `program_model`.

A program is `{"id": ..., "ops": [[name, argument, ...], ...]}`; each operation adds one value to the program's trace,
which is its result.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable
from datetime import timedelta
from typing import Any

import odradek
from odradek.json_codec import decode, encode

Program = dict[str, Any]
Operation = Callable[..., Awaitable[Any]]

NOT_KEPT = timedelta(0)
"""What is forgotten when it ends would run again if its message were taken twice."""

thing = odradek.VirtualObject("Thing")
record = odradek.VirtualObject("Record", journal_retention=NOT_KEPT)
worker = odradek.Service("Worker", journal_retention=NOT_KEPT)
flow = odradek.Workflow("Flow")


class World:
    """The world outside of the engine, which crashes do not touch."""

    def __init__(self) -> None:
        self.executed: Counter[str] = Counter()
        """How often each step's action ran."""
        self.acknowledged: dict[str, int] = {}
        """Steps whose result a handler has seen, with the execution that it came from."""
        self.orders: dict[str, list[int]] = {}
        """In which order a handler has seen several futures complete."""
        self.waiting: set[str] = set()
        """Where a program waits for what never comes."""
        self.broken: list[str] = []
        """What should never happen."""

    def execute(self, step: str) -> int:
        """An action runs; which time."""
        if step in self.acknowledged:
            self.broken.append(f"step {step} ran again after its result was acknowledged")
        self.executed[step] += 1
        return self.executed[step]

    def acknowledge(self, step: str, execution: int) -> None:
        """A handler sees a step's result."""
        if self.acknowledged.setdefault(step, execution) != execution:
            self.broken.append(f"step {step} had another result than before")

    def see(self, place: str, order: list[int]) -> None:
        """A handler sees futures complete in this order so far: all its attempts must see the same."""
        before = self.orders.get(place, [])
        if order[: len(before)] != before[: len(order)]:
            self.broken.append(f"at {place} futures completed in the order {order}, and {before} before")
        if len(order) > len(before):
            self.orders[place] = list(order)


world = World()


def begin_world() -> World:
    """A fresh world for the next program."""
    world.__init__()  # type: ignore[misc]
    return world


# --- programs ---


async def execute(ctx: Any, program: Program) -> list[Any]:
    trace: list[Any] = []
    for number, (name, *arguments) in enumerate(program["ops"]):
        trace.append(await OPERATIONS[name](ctx, f"{program['id']}.{number}", *arguments))
    return trace


async def settled(future: Awaitable[Any]) -> Any:
    """The result, or the terminal error, as a value."""
    try:
        result = await future
        return decode(result) if isinstance(result, bytes) else result
    except odradek.TerminalError as error:
        return ["error", error.status_code, error.message]


@worker.handler(name="run")
async def run_worker(ctx: odradek.Context, program: Program) -> list[Any]:
    return await execute(ctx, program)


@thing.handler(name="run")
async def run_thing(ctx: odradek.ObjectContext, program: Program) -> list[Any]:
    return await execute(ctx, program)


@thing.handler(name="look", kind="shared")
async def run_shared(ctx: odradek.ObjectSharedContext, program: Program) -> list[Any]:
    return await execute(ctx, program)


@worker.handler(name="keep")
async def run_and_keep(ctx: odradek.Context, sent: list[Any]) -> None:
    """Runs a program that nobody waits for, and keeps what came of it."""
    target, key, program = sent
    kept = await settled(begin_call(ctx, target, key, program))
    ctx.object_send(keep, key=program["id"], arg=kept)


@record.handler(name="keep")
async def keep(ctx: odradek.ObjectContext, kept: Any) -> None:
    """Adds what came of a program: more than one entry means that it ran twice."""
    ctx.set("kept", [*(await ctx.get("kept", type_hint=list) or []), kept])


@thing.handler(name="append", journal_retention=NOT_KEPT)
async def append(ctx: odradek.ObjectContext, item: list[Any]) -> None:
    ctx.set("log", [*(await ctx.get("log", type_hint=list) or []), item])


@worker.handler(name="complete")
async def complete(ctx: odradek.Context, answer: list[Any]) -> None:
    awakeable, value, code = answer
    if code is None:
        ctx.resolve_awakeable(awakeable, value)
    else:
        ctx.reject_awakeable(awakeable, f"rejected {value}", code)


@worker.handler(name="idle")
async def idle(ctx: odradek.Context, name: str) -> str:
    """Waits to be cancelled, and undoes what it did."""
    try:
        await ctx.sleep(timedelta(days=1))
    except odradek.TerminalError as error:
        await ctx.run_typed("undo", lambda: None)
        ctx.object_send(keep, key=name, arg=error.status_code)
        raise
    return "never cancelled"


@worker.handler(name="tell")
async def tell(ctx: odradek.Context, signal: list[Any]) -> None:
    invocation, name, value, code = signal
    if code is None:
        ctx.resolve_signal(invocation, name, value)
    else:
        ctx.reject_signal(invocation, name, f"rejected {value}", code)


@flow.main(name="run")
async def run_flow(ctx: odradek.WorkflowContext, program: Program) -> list[Any]:
    return await execute(ctx, program)


@flow.handler(name="answer")
async def answer(ctx: odradek.WorkflowSharedContext, answered: list[Any]) -> None:
    name, value, code = answered
    promise = ctx.promise(name)
    answering = promise.resolve(value) if code is None else promise.reject(f"rejected {value}", code)
    refused = await settled(answering)
    ctx.object_send(keep, key=f"{ctx.key()} {name} {'refused' if refused else 'taken'}", arg=refused)


@flow.handler(name="look")
async def look(ctx: odradek.WorkflowSharedContext, name: str) -> Any:
    return await settled(ctx.promise(name).peek())


app = odradek.app([thing, record, worker, flow])

CALLS = {
    "worker": lambda ctx, _key, program: ctx.service_call(run_worker, arg=program),
    "thing": lambda ctx, key, program: ctx.object_call(run_thing, key=key, arg=program),
    "look": lambda ctx, key, program: ctx.object_call(run_shared, key=key, arg=program),
    "own": lambda ctx, _key, program: ctx.object_call(run_thing, key=program["id"], arg=program),
    "generic": lambda ctx, key, program: ctx.generic_call("Thing", "look", encode(program), key=key),
}


def begin_call(ctx: Any, target: str, key: str, program: Program) -> Any:
    return CALLS[target](ctx, key, program)


# --- operations ---


async def set_state(ctx: Any, place: str, slot: str, value: Any) -> Any:
    ctx.set(f"{_program_of(place)} {slot}", value)
    return None


async def get_state(ctx: Any, place: str, slot: str) -> Any:
    return await ctx.get(f"{_program_of(place)} {slot}")


async def clear_state(ctx: Any, place: str, slot: str) -> Any:
    ctx.clear(f"{_program_of(place)} {slot}")
    return None


async def clear_all(ctx: Any, _place: str) -> Any:
    ctx.clear_all()
    return sorted(await ctx.state_keys())


async def own_names(ctx: Any, place: str) -> Any:
    prefix = f"{_program_of(place)} "
    return sorted(name for name in await ctx.state_keys() if name.startswith(prefix))


async def count(ctx: Any, _place: str, amount: int) -> Any:
    ctx.set("count", (await ctx.get("count", type_hint=int) or 0) + amount)
    return None


RUN_OPTIONS = {
    "hopeless": odradek.RunOptions[int](max_attempts=2),
    "brief": odradek.RunOptions[int](max_duration=timedelta(seconds=2), initial_retry_interval=timedelta(seconds=1)),
    "patient": odradek.RunOptions[int](
        max_attempts=9, initial_retry_interval=timedelta(minutes=1), retry_interval_factor=3.0
    ),
}


def begin_step(ctx: Any, place: str, kind: str, failures: int, asynchronous: bool) -> Any:
    def act() -> int:
        execution = world.execute(place)
        if kind in ("hopeless", "brief") or execution <= failures:
            raise RuntimeError("for now")
        if kind == "terminal":
            raise odradek.TerminalError("for good", 418)
        return execution

    async def act_later() -> int:
        return act()

    options = RUN_OPTIONS.get(kind, odradek.RunOptions[int]())
    return ctx.run_typed(place, act_later if asynchronous else act, options)


async def step(ctx: Any, place: str, *how: Any) -> Any:
    return _acknowledged(place, await settled(begin_step(ctx, place, *how)))


def _acknowledged(place: str, result: Any) -> Any:
    """Which execution it was differs from run to run; that it stays the same does not."""
    if isinstance(result, int):
        world.acknowledge(place, result)
        return "done"
    return result


async def sleep(ctx: Any, _place: str, seconds: int) -> Any:
    await ctx.sleep(timedelta(seconds=seconds))
    return None


async def call(ctx: Any, _place: str, target: str, key: str, program: Program) -> Any:
    return await settled(begin_call(ctx, target, key, program))


async def send(ctx: Any, _place: str, target: str, key: str, program: Program, delay: int) -> Any:
    ctx.service_send(run_and_keep, arg=[target, key, program], send_delay=timedelta(seconds=delay) if delay else None)
    return None


async def send_twice(ctx: Any, place: str, target: str, key: str, program: Program, delay: int) -> Any:
    """Two sends with one idempotency key are one invocation."""
    ids = []
    for _ in range(2):
        send_delay = timedelta(seconds=delay) if delay else None
        handle = ctx.service_send(run_and_keep, [target, key, program], send_delay, idempotency_key=place)
        ids.append(await handle.invocation_id())
    return ids[0] == ids[1]


async def call_twice(ctx: Any, place: str, program: Program) -> Any:
    """Two calls with one idempotency key run once, and come to the same."""
    futures = [ctx.service_call(run_worker, arg=program, idempotency_key=place) for _ in range(2)]
    return [await settled(each) for each in futures]


async def send_items(ctx: Any, place: str, keys: list[str]) -> Any:
    for number, key in enumerate(keys):
        if number % 2:
            ctx.generic_send("Thing", "append", encode([place, number]), key=key)
        else:
            ctx.object_send(append, key=key, arg=[place, number])
    return None


async def gather(ctx: Any, place: str, how: str, branches: list[list[Any]]) -> Any:
    """Begins all branches, and waits for them in one of four ways, which must come to the same."""
    futures = []
    for number, (name, *arguments) in enumerate(branches):
        within = f"{place}/{number}"
        match name:
            case "step":
                futures.append(begin_step(ctx, within, *arguments))
            case "call":
                futures.append(begin_call(ctx, *arguments))
            case _:
                futures.append(ctx.sleep(timedelta(seconds=arguments[0])))
    order: list[int] = []
    async for future in COMBINATORS[how](futures):
        order.append(futures.index(future))
        world.see(place, order)
    return [_acknowledged(f"{place}/{number}", await settled(each)) for number, each in enumerate(futures)]


async def _gathered(futures: list[Any]) -> AsyncGenerator[Any, None]:
    for each in await odradek.gather(*futures):
        yield each


async def _wait_completed(futures: list[Any]) -> AsyncGenerator[Any, None]:
    while futures:
        completed, futures = await odradek.wait_completed(*futures)
        for each in completed:
            yield each


async def _selected(futures: list[Any]) -> AsyncGenerator[Any, None]:
    left = dict(enumerate(futures))
    while left:
        try:
            name, _ = await odradek.select(**{str(number): each for number, each in left.items()})
            winner = int(name)
        except odradek.TerminalError:
            winner = next(number for number, each in left.items() if each.is_completed)
        yield left.pop(winner)


COMBINATORS = {
    "gather": _gathered,
    "as completed": lambda futures: odradek.as_completed(*futures),
    "wait completed": _wait_completed,
    "select": _selected,
}


async def race(ctx: Any, _place: str, seconds: list[int]) -> Any:
    winner, _ = await odradek.select(**{f"after {each}": ctx.sleep(timedelta(seconds=each)) for each in seconds})
    return winner


async def awakeable(ctx: Any, _place: str, value: Any, code: int | None, delay: int) -> Any:
    name, future = ctx.awakeable()
    ctx.service_send(complete, arg=[name, value, code], send_delay=timedelta(seconds=delay) if delay else None)
    return await settled(future)


async def signal(ctx: Any, _place: str, name: str, value: Any, code: int | None, delay: int) -> Any:
    message = [ctx.request().id, name, value, code]
    ctx.service_send(tell, arg=message, send_delay=timedelta(seconds=delay) if delay else None)
    return await settled(ctx.signal(name))


async def own_signals(ctx: Any, _place: str, values: list[Any]) -> Any:
    """Signals of one name, sent by one sender, come in its order."""
    for value in values:
        ctx.resolve_signal(ctx.request().id, "mine", value)
    return [await ctx.signal("mine") for _ in values]


async def attach(ctx: Any, _place: str, key: str, program: Program) -> Any:
    handle = ctx.object_send(run_shared, key=key, arg=program)
    return await settled(ctx.attach_invocation(await handle.invocation_id()))


async def run_workflow(ctx: Any, place: str, program: Program, answers: list[list[Any]]) -> Any:
    """Runs a workflow once, answers its promises, tries to run it again, and looks at what was promised."""
    future = ctx.workflow_call(run_flow, key=place, arg=program)
    for name, value, code, delay in answers:
        answered = [name, value, code]
        ctx.workflow_send(answer, key=place, arg=answered, send_delay=timedelta(seconds=delay) if delay else None)
    outcome = await settled(future)
    second = await settled(ctx.workflow_call(run_flow, key=place, arg=program))
    if outcome[:1] == ["error"]:
        return [outcome, second[:2]]  # the promises may be open still
    seen = [await ctx.workflow_call(look, key=place, arg=name) for name in PROMISES]
    return [outcome, second[:2], seen]


async def promise(ctx: Any, _place: str, name: str) -> Any:
    promised = ctx.promise(name)
    return [await settled(promised.value()), await settled(promised.peek())]


PROMISES = ("left", "right")


async def cancel(ctx: Any, place: str, called: bool) -> Any:
    if called:
        future = ctx.service_call(idle, arg=place)
        await future.cancel_invocation()
        return await settled(future)
    handle = ctx.service_send(idle, arg=place)
    ctx.cancel_invocation(await handle.invocation_id())
    return None


async def call_endless(ctx: Any, _place: str, key: str, program: Program) -> Any:
    return await settled(ctx.object_call(run_thing, key=key, arg=program))


async def wait_for_ever(ctx: Any, place: str) -> Any:
    """Until it is cancelled or killed from outside."""
    world.waiting.add(place)
    return await ctx.signal("never")


async def fail(_ctx: Any, _place: str, code: int) -> Any:
    raise odradek.TerminalError("failed", code)


async def stumble(_ctx: Any, place: str, times: int) -> Any:
    """Fails the attempt a few times, between steps."""
    if world.executed[f"stumble {place}"] < times:
        world.executed[f"stumble {place}"] += 1
        raise RuntimeError("stumbled")
    return None


def _program_of(place: str) -> str:
    return place.rsplit(".", 1)[0]


OPERATIONS: dict[str, Operation] = {
    "set": set_state,
    "get": get_state,
    "clear": clear_state,
    "clear all": clear_all,
    "names": own_names,
    "count": count,
    "step": step,
    "sleep": sleep,
    "call": call,
    "send": send,
    "send twice": send_twice,
    "call twice": call_twice,
    "send items": send_items,
    "gather": gather,
    "race": race,
    "awakeable": awakeable,
    "signal": signal,
    "own signals": own_signals,
    "attach": attach,
    "flow": run_workflow,
    "promise": promise,
    "cancel": cancel,
    "call endless": call_endless,
    "wait for ever": wait_for_ever,
    "fail": fail,
    "stumble": stumble,
}
