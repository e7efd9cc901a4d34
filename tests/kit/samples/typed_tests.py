"""A user's tests as a type checker sees them: results have the handlers' types, wrong arguments are found."""

from datetime import timedelta
from typing import Any, assert_type

import odradek
from odradek import testing

account = odradek.VirtualObject("Account")
shop = odradek.Service("Shop")


@account.handler()
async def deposit(ctx: odradek.ObjectContext, cents: int) -> int:
    return cents


@shop.handler()
async def hello(ctx: odradek.Context) -> str:
    return "hello"


def test_types(engine: testing.Engine) -> None:
    assert_type(engine.call(deposit, 5, key="ada"), int)
    assert_type(engine.call(hello), str)
    assert_type(engine.call("Account/deposit", 5, key="ada"), Any)
    sent = engine.send(deposit, 5, key="ada", delay=timedelta(hours=1))
    assert_type(sent, testing.Invocation[int])
    assert_type(sent.result(), int)
    assert_type(engine.attach(sent.id, deposit), testing.Invocation[int])
    assert_type(engine.attach(sent.id, hello).result(), str)
    engine.call(deposit, "5", key="ada")  # E: arg-type
    engine.send(hello, delay=5)  # E: call-overload
    engine.fail_first(deposit, attempts="two")  # E: arg-type
