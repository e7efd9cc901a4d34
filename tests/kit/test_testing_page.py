"""What docs/testing.md shows works as it stands there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "testing.md"


def test_the_example_runs(tmp_path: Path) -> None:
    program, tests, fixture = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "reminders.py").write_text(program)
    (tmp_path / "test_reminders.py").write_text(tests)
    (tmp_path / "test_fixture.py").write_text(f"from reminders import app, remind\n{fixture}")
    options = ["-q", "-p", "no:cacheprovider", "-p", "odradek.testing.pytest_plugin", f"--rootdir={tmp_path}"]
    run = subprocess.run(
        [sys.executable, "-m", "pytest", *options, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},  # else an installed one would be there twice
    )
    assert "5 passed" in run.stdout, run.stdout + run.stderr
