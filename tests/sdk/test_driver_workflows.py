"""Workflows, promises, named signals and results of others, as handlers see them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from fake_engine import FakeEngine, child_id, run

import odradek
from odradek.protocol import messages as m
from odradek.protocol.manifest import HandlerType, ServiceType

sign_up = odradek.Workflow("SignUp", journal_retention=timedelta(hours=1))
svc = odradek.Service("Svc")


@sign_up.main(workflow_retention=timedelta(days=2))
async def main(ctx: odradek.WorkflowContext, email: str) -> str:
    ctx.set("email", email)
    return await ctx.promise("click", type_hint=str) + ctx.key()


@sign_up.handler()
async def click(ctx: odradek.WorkflowSharedContext, value: int) -> list[Any]:
    promise = ctx.promise("click", type_hint=int)
    before = await promise.peek()
    await promise.resolve(value)
    return [before, await promise.value()]


@sign_up.handler()
async def refuse(ctx: odradek.WorkflowSharedContext) -> str:
    try:
        await ctx.promise("click").reject("no", 418)
    except odradek.TerminalError as error:
        return f"{error.status_code} {error.message}"
    return "refused"


@sign_up.handler()
async def write(ctx: odradek.WorkflowSharedContext) -> None:
    ctx.set("email", "")  # type: ignore[attr-defined]


@svc.handler()
async def promise_here(ctx: odradek.Context) -> None:
    ctx.promise("click")  # type: ignore[attr-defined]


@svc.handler()
async def call_workflow(ctx: odradek.Context) -> str:
    handle = ctx.workflow_send(main, "bob", "bob@home", send_delay=timedelta(seconds=1))
    return await ctx.workflow_call(main, "ada", "ada@home") + await handle.invocation_id()


@svc.handler()
async def two_signals(ctx: odradek.Context) -> list[str]:
    return [await ctx.signal("go", type_hint=str), await ctx.signal("go", type_hint=str)]


@svc.handler()
async def polling(ctx: odradek.Context) -> list[Any]:
    seen: list[Any] = []
    while len(seen) < 3:
        _, other = ctx.awakeable()
        seen.append(await odradek.select(go=ctx.signal("go", type_hint=str), other=other))
    return seen


@svc.handler()
async def a_signal_twice(ctx: odradek.Context) -> list[Any]:
    signal = ctx.signal("go", type_hint=str)
    later = ctx.signal("go", type_hint=str)
    return [await later, await later, await signal]


@svc.handler()
async def bad_signal(ctx: odradek.Context) -> str:
    signal = ctx.signal("go")
    for _ in range(2):
        try:
            await signal
        except odradek.TerminalError as error:
            code = error.status_code
    return f"{code}"


@svc.handler()
async def send_signals(ctx: odradek.Context, to: str) -> None:
    ctx.resolve_signal(to, "go", [1])
    ctx.reject_signal(to, "go", "no", 418)


@svc.handler()
async def attach(ctx: odradek.Context, to: str) -> Any:
    return await ctx.attach_invocation(to, type_hint=str)


app = odradek.app([sign_up, svc])


async def started(target: str, body: bytes = b"", **settings: Any) -> FakeEngine:
    engine = FakeEngine(app, target, body, **settings)
    engine.start()
    await engine.settle()
    return engine


async def ended(engine: FakeEngine) -> m.OutputCommand:
    await engine.until(lambda: engine.last is not None)
    assert isinstance(engine.last, m.End), engine.last
    output = engine.journal[-1]
    assert isinstance(output, m.OutputCommand)
    return output


class TestDeclaration:
    def test_the_manifest(self) -> None:
        service = app.manifest().services[0]
        assert (service.ty, service.journal_retention) == (ServiceType.WORKFLOW, 3_600_000)
        kinds = {handler.name: handler.ty for handler in service.handlers}
        assert kinds == dict.fromkeys(("click", "refuse", "write"), HandlerType.SHARED) | {"main": HandlerType.WORKFLOW}
        assert service.handlers[0].workflow_completion_retention == 2 * 86_400_000
        assert service.handlers[0].idempotency_retention is None

    def test_there_is_one_main_handler(self) -> None:
        workflow = odradek.Workflow("Once")

        @workflow.main()
        async def first(ctx: odradek.WorkflowContext) -> None: ...

        with pytest.raises(ValueError, match="Once has a main handler already"):

            @workflow.main()
            async def second(ctx: odradek.WorkflowContext) -> None: ...


class TestPromises:
    def test_the_main_handler_waits(self) -> None:
        async def scenario() -> None:
            engine = await started("SignUp/main", b'"a@b"', key="ada")
            assert engine.journal[1:] == [m.SetStateCommand(b"email", b'"a@b"'), m.GetPromiseCommand("click", 1)]
            engine.notify(m.GetPromiseCompletion(1, b'"secret-"'))
            assert (await ended(engine)).value == b'"secret-ada"'

        run(scenario)

    def test_peek_resolve_and_value(self) -> None:
        async def scenario() -> None:
            engine = await started("SignUp/click", b"7", key="ada")
            engine.notify(m.PeekPromiseCompletion(1))
            await engine.settle()
            assert engine.journal[-1] == m.CompletePromiseCommand("click", 2, b"7")
            engine.notify(m.CompletePromiseCompletion(2))
            await engine.settle()
            engine.notify(m.GetPromiseCompletion(3, b"7"))
            assert (await ended(engine)).value == b"[null,7]"

        run(scenario)

    @pytest.mark.parametrize(
        ("failure", "answer"),
        [
            (None, b'"refused"'),
            (m.Failure(409, "promise was already completed"), b'"409 promise was already completed"'),
        ],
    )
    def test_reject(self, failure: m.Failure | None, answer: bytes) -> None:
        async def scenario() -> None:
            engine = await started("SignUp/refuse", key="ada")
            assert engine.journal[-1] == m.CompletePromiseCommand("click", 1, None, m.Failure(418, "no"))
            engine.notify(m.CompletePromiseCompletion(1, failure))
            assert (await ended(engine)).value == answer

        run(scenario)

    def test_a_rejected_promise_ends_the_handler(self) -> None:
        async def scenario() -> None:
            engine = await started("SignUp/main", b'"a@b"', key="ada")
            engine.notify(m.GetPromiseCompletion(1, None, m.Failure(418, "no", (("a", "b"),))))
            assert (await ended(engine)).failure == m.Failure(418, "no", (("a", "b"),))

        run(scenario)

    @pytest.mark.parametrize(
        ("target", "key", "text"),
        [("Svc/promise_here", "", "ctx.promise outside of a workflow"), ("SignUp/write", "ada", "ctx.set in a shared")],
    )
    def test_misuse(self, target: str, key: str, text: str) -> None:
        async def scenario() -> None:
            last = await FakeEngine(app, target, key=key).finish()
            assert isinstance(last, m.Error)
            assert text in last.message

        run(scenario)


def test_calls_of_workflows() -> None:
    async def scenario() -> None:
        engine = FakeEngine(app, "Svc/call_workflow")
        engine.answers["main"] = b'"done-"'
        assert (await engine.output()).value == f'"done-{child_id(1)}"'.encode()
        send, _, call = engine.journal[1:4]
        assert isinstance(send, m.OneWayCallCommand)
        assert isinstance(call, m.CallCommand)
        assert (send.service_name, send.handler_name, send.key) == ("SignUp", "main", "bob")
        assert (call.service_name, call.handler_name, call.key) == ("SignUp", "main", "ada")

    run(scenario)


def go(value: str) -> m.SignalNotification:
    return m.SignalNotification("go", f'"{value}"'.encode())


class TestSignals:
    def test_each_wait_takes_the_next_one(self) -> None:
        async def scenario() -> None:
            engine = await started("Svc/two_signals")
            for value in ("a", "b"):
                engine.notify(go(value))
            assert (await ended(engine)).value == b'["a","b"]'

        run(scenario)

    def test_they_may_come_first(self) -> None:
        async def scenario() -> None:
            engine = FakeEngine(app, "Svc/two_signals", journal=(go("a"), go("b")))
            assert (await engine.output()).value == b'["a","b"]'

        run(scenario)

    def test_the_second_wait_says_that_it_has_heard_the_first(self) -> None:
        async def scenario() -> None:
            engine = FakeEngine(app, "Svc/two_signals", journal=(go("a"),))
            engine.start().close_input()
            await engine.until(lambda: engine.last is not None)
            first_completed = m.Combinator.FIRST_COMPLETED
            assert engine.last == m.Suspension(m.Future((), (1,), ("go",), (), first_completed, (1,)))

        run(scenario)

    def test_a_future_that_was_not_awaited_takes_none(self) -> None:
        async def scenario() -> None:
            engine = await started("Svc/polling")
            for notification in (m.SignalNotification(17, b'"x"'), go("a"), go("b")):
                engine.notify(notification)
                await engine.settle()
            expected = b'[["other","x"],["go","a"],["go","b"]]'
            assert (await ended(engine)).value == expected
            replayed = FakeEngine(app, "Svc/polling", journal=[*engine.journal[1:]])
            last = await replayed.finish()
            assert isinstance(last, m.End)
            assert replayed.sent == [m.End()]

        run(scenario)

    def test_the_order_of_the_awaits_counts(self) -> None:
        async def scenario() -> None:
            engine = FakeEngine(app, "Svc/a_signal_twice", journal=(go("a"), go("b")))
            assert (await engine.output()).value == b'["a","a","b"]'

        run(scenario)

    def test_a_rejected_one_raises_each_time(self) -> None:
        async def scenario() -> None:
            engine = FakeEngine(
                app, "Svc/bad_signal", journal=(m.SignalNotification("go", None, m.Failure(418, "no")),)
            )
            assert (await engine.output()).value == b'"418"'

        run(scenario)

    def test_sending(self) -> None:
        async def scenario() -> None:
            engine = FakeEngine(app, "Svc/send_signals", f'"{child_id(9)}"'.encode())
            await engine.finish()
            assert engine.journal[1:3] == [
                m.SendSignalCommand(child_id(9), "go", b"[1]"),
                m.SendSignalCommand(child_id(9), "go", None, m.Failure(418, "no")),
            ]

        run(scenario)


class TestAttach:
    def test_a_result(self) -> None:
        async def scenario() -> None:
            engine = await started("Svc/attach", f'"{child_id(9)}"'.encode())
            assert engine.journal[-1] == m.AttachInvocationCommand(child_id(9), 1)
            engine.notify(m.AttachInvocationCompletion(1, b'"out"'))
            assert (await ended(engine)).value == b'"out"'

        run(scenario)

    def test_a_failure(self) -> None:
        async def scenario() -> None:
            engine = await started("Svc/attach", f'"{child_id(9)}"'.encode())
            engine.notify(m.AttachInvocationCompletion(1, None, m.Failure(404, "not found")))
            assert (await ended(engine)).failure == m.Failure(404, "not found")

        run(scenario)

    @pytest.mark.parametrize("target", ["Svc/attach", "Svc/send_signals"])
    def test_a_bad_id(self, target: str) -> None:
        async def scenario() -> None:
            output = await FakeEngine(app, target, b'"nonsense"').output()
            assert output.failure == m.Failure(400, "'nonsense' is not an invocation id")

        run(scenario)
