"""Handlers on the driver: each operation of the context, fresh and replayed from every prefix of its journal."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from fake_engine import RAW_ID, FakeEngine, child_id, run

import odradek
from odradek.protocol.ids import format_awakeable_id, format_invocation_id
from odradek.protocol.messages import (
    AwaitingOn,
    CallCommand,
    Combinator,
    CompleteAwakeableCommand,
    End,
    Error,
    Failure,
    Future,
    Header,
    OneWayCallCommand,
    OutputCommand,
    ProposeRunCompletion,
    RunCommand,
    SendSignalCommand,
    SetStateCommand,
    SignalNotification,
    SleepCommand,
)
from odradek.serde import BytesSerde, MessagePackSerde

svc = odradek.Service("Svc")
obj = odradek.VirtualObject("Obj")
app = odradek.app([svc, obj])


class Order(msgspec.Struct):
    id: int
    items: list[str]


async def double(number: int) -> int:
    return number * 2


@svc.handler()
async def echo(ctx: odradek.Context, name: str) -> str:
    return name


@svc.handler()
async def no_input(ctx: odradek.Context) -> None:
    return None


@svc.handler()
async def two_steps(ctx: odradek.Context, number: int) -> int:
    first = await ctx.run_typed("first", double, odradek.RunOptions(), number)
    return await ctx.run_typed("second", double, odradek.RunOptions(), number=first)


@svc.handler()
async def blocking_step(ctx: odradek.Context) -> bool:
    main = threading.get_ident()

    def in_thread() -> bool:
        return threading.get_ident() != main

    return await ctx.run_typed("thread", in_thread)


@svc.handler()
async def lambda_step(ctx: odradek.Context) -> int:
    return await ctx.run("lambda", lambda: double(4))


@svc.handler()
async def suspending_step(ctx: odradek.Context) -> str:
    async def slow() -> str:
        await asyncio.sleep(0)
        return "slow"

    return await ctx.run_typed("slow", slow)


@svc.handler()
async def parallel_steps(ctx: odradek.Context) -> list[int]:
    futures = [ctx.run_typed(f"step {n}", double, odradek.RunOptions(), n) for n in range(3)]
    await odradek.gather(*futures)
    return [await future for future in futures]


@svc.handler()
async def typed_step(ctx: odradek.Context) -> Order:
    async def make() -> Order:
        return Order(1, ["a"])

    order = await ctx.run_typed("make", make)
    assert isinstance(order, Order)
    return order


@svc.handler()
async def nap(ctx: odradek.Context) -> str:
    await ctx.sleep(timedelta(seconds=2), "nap")
    return "awake"


@svc.handler()
async def calls(ctx: odradek.Context) -> str:
    future = ctx.service_call(echo, "x", idempotency_key="ik", headers={"h": "v"})
    invocation = await future.invocation_id()
    answer = await future
    raw = await ctx.generic_call("Svc", "echo", b'"raw"', scope="s")
    return f"{invocation} {answer} {raw.decode()}"


@svc.handler()
async def sends(ctx: odradek.Context) -> str:
    handle = ctx.object_send(add, "k", 1, send_delay=timedelta(seconds=5))
    ctx.generic_send("Svc", "echo", b'"x"', headers={"h": "v"}, idempotency_key="ik", scope="s", limit_key="l")
    invocation = await handle.invocation_id()
    await handle.cancel_invocation()
    return invocation


@svc.handler()
async def awaits_awakeable(ctx: odradek.Context) -> dict[str, Any]:
    name, future = ctx.awakeable(type_hint=dict)
    ctx.generic_send("Other", "notify", name.encode())
    return await future


@svc.handler()
async def completes_awakeables(ctx: odradek.Context) -> None:
    name = format_awakeable_id(RAW_ID, 17)
    ctx.resolve_awakeable(name, {"a": 1})
    ctx.reject_awakeable(name, "no", 503)


@svc.handler()
async def deterministic(ctx: odradek.Context) -> list[Any]:
    return [ctx.random().random(), str(ctx.uuid()), await ctx.time()]


@svc.handler(input_serde=BytesSerde(), output_serde=MessagePackSerde())
async def bytes_in(ctx: odradek.Context, body: bytes) -> dict[str, bytes]:
    request = ctx.request()
    assert request.body == body
    assert request.headers == {"a": "b"}
    assert request.id == format_invocation_id(RAW_ID)
    return {"body": body}


@obj.handler()
async def add(ctx: odradek.ObjectContext, value: int) -> int:
    total = (await ctx.get("total", type_hint=int) or 0) + value
    ctx.set("total", total)
    return total


@obj.handler()
async def all_state(ctx: odradek.ObjectContext) -> list[Any]:
    ctx.set("order", Order(1, []))
    keys = await ctx.state_keys()
    order = await ctx.get("order", type_hint=Order)
    ctx.clear("a")
    gone = await ctx.get("a")
    ctx.clear_all("wipe")
    return [keys, order, gone, await ctx.state_keys(), ctx.key()]


@obj.handler(kind="shared")
async def read(ctx: odradek.ObjectSharedContext) -> int:
    return await ctx.get("total", type_hint=int) or 0


def engine(target: str, body: bytes = b"", **kwargs: Any) -> FakeEngine:
    made = FakeEngine(app, target, body, **kwargs)
    made.answers = {"echo": b'"answer"'}
    return made


def resolve_awakeable(made: FakeEngine) -> None:
    made.notify(SignalNotification(17, b'{"ok":true}'))


PROGRAMS: dict[str, tuple[Callable[[], FakeEngine], bytes]] = {
    "echo": (lambda: engine("Svc/echo", b'"hi"'), b'"hi"'),
    "no_input": (lambda: engine("Svc/no_input"), b""),
    "two_steps": (lambda: engine("Svc/two_steps", b"5"), b"20"),
    "blocking_step": (lambda: engine("Svc/blocking_step"), b"true"),
    "lambda_step": (lambda: engine("Svc/lambda_step"), b"8"),
    "suspending_step": (lambda: engine("Svc/suspending_step"), b'"slow"'),
    "parallel_steps": (lambda: engine("Svc/parallel_steps"), b"[0,2,4]"),
    "typed_step": (lambda: engine("Svc/typed_step"), b'{"id":1,"items":["a"]}'),
    "nap": (lambda: engine("Svc/nap"), b'"awake"'),
    "calls": (lambda: engine("Svc/calls"), f'"{child_id(1)} answer \\"answer\\""'.encode()),
    "sends": (lambda: engine("Svc/sends"), f'"{child_id(1)}"'.encode()),
    "completes_awakeables": (lambda: engine("Svc/completes_awakeables"), b""),
    "add": (lambda: engine("Obj/add", b"2", key="k", state={b"total": b"40"}), b"42"),
    "add lazily": (lambda: engine("Obj/add", b"2", key="k", state={b"total": b"40"}, partial=True), b"42"),
    "all_state": (
        lambda: engine("Obj/all_state", key="k", state={b"a": b"1"}),
        b'[["a","order"],{"id":1,"items":[]},null,[],"k"]',
    ),
    "read": (lambda: engine("Obj/read", key="k", state={b"total": b"40"}), b"40"),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_program_gives_its_result(name: str) -> None:
    make, expected = PROGRAMS[name]

    async def test() -> None:
        assert await make().output() == OutputCommand(expected)

    run(test)


@pytest.mark.parametrize("name", PROGRAMS)
def test_program_goes_on_from_every_prefix_of_its_journal(name: str) -> None:
    make, expected = PROGRAMS[name]

    async def test() -> None:
        first = make()
        await first.output()
        for length in range(1, len(first.journal)):
            again = make()
            again.journal = first.journal[:length]
            for notification in unanswered(again):
                again.journal.append(notification)
            output = await again.output()
            assert output.value == expected, (length, again.journal)
            assert again.sent[-1] == End()

    run(test)


def unanswered(made: FakeEngine) -> list[Any]:
    """What the engine would deliver for commands whose answers the cut took away; runs are executed again."""
    made._children = 0
    answered = {getattr(entry, "completion_id", None) for entry in made.journal}
    answers = [answer for entry in made.journal for answer in made._answers_to(entry)]  # type: ignore[arg-type]
    return [answer for answer in answers if getattr(answer, "completion_id", None) not in answered]


class TestMessages:
    """What leaves, and in which sends."""

    def test_noop_is_one_send(self) -> None:
        async def test() -> None:
            made = engine("Svc/echo", b'"hi"')
            await made.finish()
            assert made.sends == [[OutputCommand(b'"hi"'), End()]]

        run(test)

    def test_a_step_is_one_send(self) -> None:
        async def test() -> None:
            made = engine("Svc/two_steps", b"5")
            await made.finish()
            assert made.sends == [
                [RunCommand(1, "first"), ProposeRunCompletion(1, b"10")],
                [RunCommand(2, "second"), ProposeRunCompletion(2, b"20")],
                [OutputCommand(b"20"), End()],
            ]

        run(test)

    def test_a_step_takes_along_what_came_before_it(self) -> None:
        service = odradek.Service("Mixed")

        @service.handler()
        async def handler(ctx: odradek.Context) -> None:
            ctx.generic_send("A", "b", b"")
            await ctx.run_typed("double", double, odradek.RunOptions(), 1)

        async def test() -> None:
            made = FakeEngine(odradek.app([service]), "Mixed/handler")
            await made.finish()
            kinds = [[type(message) for message in messages] for messages in made.sends]
            assert kinds == [[OneWayCallCommand, RunCommand, ProposeRunCompletion], [OutputCommand, End]]

        run(test)

    def test_a_step_that_suspends_sends_its_command_first(self) -> None:
        async def test() -> None:
            made = engine("Svc/suspending_step")
            await made.finish()
            assert made.sends[:2] == [[RunCommand(1, "slow")], [ProposeRunCompletion(1, b'"slow"')]]

        run(test)

    def test_parallel_steps_share_one_send(self) -> None:
        async def test() -> None:
            made = engine("Svc/parallel_steps")
            await made.finish()
            assert len(made.sends) == 2
            kinds = [type(message) for message in made.sends[0]]
            assert kinds == [RunCommand] * 3 + [ProposeRunCompletion] * 3

        run(test)

    def test_sync_action_runs_in_a_thread_of_the_environment(self) -> None:
        async def test() -> None:
            made = engine("Svc/blocking_step")
            await made.finish()
            assert made.environment.threads == 1

        run(test)

    def test_sleep_wakes_at_an_absolute_time_and_says_what_it_waits_for(self) -> None:
        async def test() -> None:
            made = engine("Svc/nap")
            await made.finish()
            tree = Future((1,), (1,), combinator=Combinator.FIRST_COMPLETED)
            assert made.sends[0] == [SleepCommand(made.environment.now + 2000, 1, "nap"), AwaitingOn(tree)]

        run(test)

    @pytest.mark.parametrize("delay", [timedelta(0), timedelta(-5), timedelta.resolution])
    def test_sleep_is_never_due_in_the_past(self, delay: timedelta) -> None:
        service = odradek.Service("Short")

        @service.handler()
        async def handler(ctx: odradek.Context) -> None:
            await ctx.sleep(delay)

        async def test() -> None:
            made = FakeEngine(odradek.app([service]), "Short/handler")
            await made.finish()
            assert made.sent[0] == SleepCommand(made.environment.now, 1)

        run(test)

    def test_says_that_an_action_still_executes(self) -> None:
        service = odradek.Service("Race")

        @service.handler()
        async def handler(ctx: odradek.Context) -> None:
            lost = ctx.run_typed("lost", asyncio.Event().wait)
            _, signal = ctx.awakeable()
            await odradek.select(lost=lost, signal=signal)
            await ctx.awakeable()[1]

        async def test() -> None:
            made = FakeEngine(odradek.app([service]), "Race/handler")
            side = made.start()
            await made.settle()
            made.notify(SignalNotification(17, b"1"))
            await made.settle()
            tree = Future((), (1, 18), combinator=Combinator.FIRST_COMPLETED)
            assert made.sent == [RunCommand(1, "lost"), AwaitingOn(tree, True)]
            side.abort()

        run(test)

    def test_call_carries_headers_and_idempotency_key(self) -> None:
        async def test() -> None:
            made = engine("Svc/calls")
            await made.finish()
            assert made.sent[0] == CallCommand("Svc", "echo", b'"x"', (Header("h", "v"),), "", "ik", 1, 2)

        run(test)

    def test_sends_and_cancel(self) -> None:
        async def test() -> None:
            made = engine("Svc/sends")
            await made.finish()
            due = made.environment.now + 5000
            commands = [message for message in made.sent if not isinstance(message, AwaitingOn)]
            assert commands[:3] == [
                OneWayCallCommand("Obj", "add", b"1", due, (), "k", None, 1),
                OneWayCallCommand("Svc", "echo", b'"x"', 0, (Header("h", "v"),), "", "ik", 2, "", "s", "l"),
                SendSignalCommand(child_id(1), 1),
            ]

        run(test)

    def test_awakeable(self) -> None:
        async def test() -> None:
            made = engine("Svc/awaits_awakeable")
            made.start()
            await made.until(lambda: made.sends)
            assert made.sent[0].parameter == format_awakeable_id(RAW_ID, 17).encode()  # type: ignore[union-attr]
            resolve_awakeable(made)
            await made.until(lambda: made.last)
            assert made.journal[-1] == OutputCommand(b'{"ok":true}')

        run(test)

    def test_rejected_awakeable_is_a_terminal_error(self) -> None:
        async def test() -> None:
            made = engine("Svc/awaits_awakeable")
            made.start()
            await made.until(lambda: made.sends)
            failure = Failure(503, "no", (("why", "x"),))
            made.notify(SignalNotification(17, None, failure))
            await made.until(lambda: made.last)
            assert made.journal[-1] == OutputCommand(None, failure)

        run(test)

    def test_completing_awakeables(self) -> None:
        async def test() -> None:
            made = engine("Svc/completes_awakeables")
            await made.finish()
            name = format_awakeable_id(RAW_ID, 17)
            assert made.sent[:2] == [
                CompleteAwakeableCommand(name, b'{"a":1}'),
                CompleteAwakeableCommand(name, None, Failure(503, "no")),
            ]

        run(test)

    def test_state_write_leaves_with_the_output(self) -> None:
        async def test() -> None:
            made = engine("Obj/add", b"2", key="k")
            await made.finish()
            assert SetStateCommand(b"total", b"2") in made.sends[0]
            assert len(made.sends) == 1

        run(test)

    def test_operations_before_a_foreign_await_leave_at_once(self) -> None:
        gate: list[asyncio.Event] = []
        service = odradek.Service("Foreign")

        @service.handler()
        async def handler(ctx: odradek.Context) -> None:
            ctx.generic_send("Svc", "echo", b"1")
            gate.append(asyncio.Event())
            await gate[0].wait()

        async def test() -> None:
            made = FakeEngine(odradek.app([service]), "Foreign/handler")
            made.start()
            await made.settle()
            assert [type(message) for message in made.sent] == [OneWayCallCommand]
            gate[0].set()
            await made.until(lambda: made.last == End())

        run(test)


def test_random_uuid_and_time_are_the_same_in_every_attempt() -> None:
    async def test() -> None:
        first = engine("Svc/deterministic")
        output = await first.output()
        again = engine("Svc/deterministic")
        again.journal = first.journal[:-1]
        again.environment.now += 1_000_000
        assert (await again.output()).value == output.value
        other = engine("Svc/deterministic")
        other.random_seed = 8
        assert (await other.output()).value != output.value

    run(test)


def test_request_and_custom_serdes() -> None:
    async def test() -> None:
        made = engine("Svc/bytes_in", b"\x00\x01", headers={"a": "b"})
        output = await made.output()
        assert MessagePackSerde().deserialize(output.value or b"") == {"body": b"\x00\x01"}

    run(test)


def test_unknown_handler_is_an_error_without_running_anything() -> None:
    async def test() -> None:
        made = engine("Svc/missing")
        last = await made.finish()
        assert isinstance(last, Error)
        assert last.code == 404
        assert "Svc/missing" in last.message

    run(test)
