"""The whole benchmark, as short as it can be: does it run, and write what it should?"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from live_node import PACKAGES, REPOSITORY

SECONDS_MAX = 240


@pytest.mark.live
def test_a_short_run_writes_its_figures(tmp_path: Path) -> None:
    found = run_bench(tmp_path, "--only", "noop,steps1,events", "--events", "200", "--clients", "1,8")

    (run,) = found["runs"]
    assert (run["server"], run["log"], run["failure"]) == ("odradek", "embedded", "")
    assert [(cell["workload"], cell["clients"]) for cell in run["cells"]] == [
        ("noop", 1),
        ("steps1", 1),
        ("noop", 8),
        ("steps1", 8),
    ]
    for cell in run["cells"]:
        assert cell["requests"] > 0
        assert cell["failed"] == 0
        assert 0 < cell["p50_ms"] <= cell["p99_ms"]
        assert (cell["floor_ratio"] is None) == (cell["clients"] > 1)
    assert 0 < run["floor"]["p50_ms"] <= run["floor"]["p99_ms"]
    assert run["events"]["events"] == 200
    assert run["events"]["sum_found"] == run["events"]["sum_expected"] == 200 * 201 // 2
    assert [goal["what"] for goal in found["goals"]] == ["noop at 1 client", "a durable step at 1 client", "events"]
    assert found["peers"] == found["left_out"] == found["faults"] == []


@pytest.mark.live
def test_handlers_in_a_process_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent))
    monkeypatch.setenv("ODRADEK_CACHE", str(tmp_path))
    found = run_bench(tmp_path, "--only", "noop", "--clients", "2", "--remote")

    in_process, elsewhere = found["runs"]
    assert (in_process["handlers"], elsewhere["handlers"]) == ("", "odradek serve")
    assert [cell["failed"] for cell in elsewhere["cells"]] == [0]
    assert found["left_out"] == ["the official SDK and the peer: npm is not installed"]
    assert found["faults"] == []


@pytest.mark.live
def test_a_long_run_made_short_samples_sizes(tmp_path: Path) -> None:
    found = run_bench(tmp_path, "--only", "noop,add", "--soak", "400")

    (run,) = found["runs"]
    soak = run["soak"]
    calls = [sample["calls"] for sample in soak["samples"]]
    assert calls[0] == 0
    assert calls == sorted(set(calls))
    assert soak["calls"] == calls[-1] >= 400
    assert soak["failed"] == 0
    assert all(sample["disk_bytes"] > 0 for sample in soak["samples"])


def run_bench(directory: Path, *options: str) -> dict[str, Any]:
    out = directory / "results.json"
    command = [sys.executable, "-m", "bench", "--logs", "embedded", "--seconds", "0.5", "--warm-up", "0.5"]
    ended = subprocess.run(
        [*command, *options, "--out", str(out)],
        cwd=REPOSITORY,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([*PACKAGES, os.environ.get("PYTHONPATH", "")])},
        capture_output=True,
        text=True,
        timeout=SECONDS_MAX,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "== odradek on embedded" in ended.stdout
    found: dict[str, Any] = json.loads(out.read_text())
    return found
