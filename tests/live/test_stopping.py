"""A node that is told to stop, and code that does not let it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from free_ports import free_ports
from live_node import PACKAGES, live_node, wait_until
from parent_death import die_with_parent

pytestmark = pytest.mark.live

APP = """
import asyncio
import time

import odradek

stuck = odradek.Service("Stuck")


@stuck.handler()
async def hold(ctx: odradek.Context) -> None:
    try:
        await asyncio.sleep(3600)
    finally:
        while True:
            time.sleep(1)


@stuck.handler()
async def block(ctx: odradek.Context, file: str) -> None:
    await ctx.run_typed("block", begin, odradek.RunOptions(), file)


def begin(file: str) -> None:
    open(file, "w").close()
    time.sleep(3600)


app = odradek.app([stuck])
"""


def test_code_that_holds_the_loop_does_not_keep_the_process(tmp_path: Path) -> None:
    app = tmp_path / "stuck.py"
    app.write_text(APP)
    with live_node(tmp_path, [app], environment={"RESTATE_SHUTDOWN_TIMEOUT": "500ms"}) as node:
        node.send("Stuck", "hold", None)
        running = "SELECT id FROM sys_invocation WHERE status = 'running'"
        wait_until(lambda: node.sql(running), "the handler runs")
        assert node.stop() == 1
        assert "has not stopped within its shutdown-timeout of 0.5 s" in node.said()


def test_a_node_leaves_well_before_it_must(tmp_path: Path) -> None:
    with live_node(tmp_path) as node:
        assert node.stop() == 0
        assert "shutdown-timeout" not in node.said()


@pytest.mark.parametrize("options", [[], ["--isolated"]], ids=["in-process", "isolated"])
def test_a_step_in_a_thread_keeps_no_process(tmp_path: Path, options: list[str]) -> None:
    app, begun = tmp_path / "stuck.py", tmp_path / "begun"
    app.write_text(APP)
    with live_node(tmp_path, [app], options=options) as node:
        node.send("Stuck", "block", str(begun))
        wait_until(begun.exists, "the step runs")
        assert node.stop() == 0
        assert "WARNING" not in node.said()
        assert "ERROR" not in node.said()


def test_a_node_that_is_still_starting_stops_at_once(tmp_path: Path) -> None:
    app, begun = tmp_path / "slow.py", tmp_path / "begun"
    app.write_text(f"import pathlib, time\npathlib.Path({str(begun)!r}).touch()\ntime.sleep(600)\n")
    ports = dict(zip(("ingress", "admin", "node"), free_ports(3), strict=True))
    command = [sys.executable, "-m", "odradek", "server", "--isolated", "--app", str(app), "--base-dir", "data"]
    node = subprocess.Popen(
        command + [f"--{name}-port={port}" for name, port in ports.items()],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(PACKAGES)},
        preexec_fn=die_with_parent,
    )
    try:
        wait_until(begun.exists, "the application is being loaded")
        node.terminate()
        assert node.wait(20) == 0
    finally:
        node.kill()
        node.wait()
