"""Log lines of a handler appear once, however often it is replayed."""

from __future__ import annotations

import logging
from datetime import timedelta

import pytest
from fake_engine import FakeEngine, run

import odradek

log = odradek.getLogger("odradek.test.replay")
svc = odradek.Service("Svc")


@svc.handler()
async def handler(ctx: odradek.Context) -> None:
    log.info("started")
    await ctx.sleep(timedelta(seconds=1))
    log.info("slept")

    async def step() -> None:
        log.info("in the step")

    await ctx.run_typed("step", step)
    log.info("after the step")


def test_lines_are_written_once(caplog: pytest.LogCaptureFixture) -> None:
    async def test() -> None:
        made = FakeEngine(odradek.app([svc]), "Svc/handler")
        await made.output()
        assert caplog.messages == ["started", "slept", "in the step", "after the step"]
        caplog.clear()
        made.journal = made.journal[:-1]
        await made.output()
        assert caplog.messages == ["after the step"]

    with caplog.at_level(logging.INFO, logger="odradek.test.replay"):
        run(test)


def test_lines_outside_of_handlers_are_written(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="odradek.test.replay"):
        log.info("outside")
    assert caplog.messages == ["outside"]


def test_filter_is_added_once() -> None:
    first = odradek.getLogger("odradek.test.once")
    assert odradek.getLogger("odradek.test.once") is first
    assert len(first.filters) == 1
