"""Lines of a node's log: their forms, and what the filter lets through."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest

from odradek_engine.log_output import BadLogFilter, read_filter, set_up_logging


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    names = ("", "odradek", "odradek_engine", "odradek_connectors")
    root = logging.getLogger()
    handlers, levels = root.handlers[:], {name: logging.getLogger(name).level for name in names}
    yield
    root.handlers[:] = handlers
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


def said(capsys: pytest.CaptureFixture[str], log_format: str, log_filter: str = "warn,odradek=info") -> list[str]:
    set_up_logging(log_filter, log_format)
    logging.getLogger("odradek_engine.node").info("up on %d", 9070)
    logging.getLogger("other").info("not heard")
    try:
        raise ValueError("no")
    except ValueError:
        logging.getLogger("other").exception("failed")
    return capsys.readouterr().err.splitlines()


@pytest.mark.row("N5")
@pytest.mark.parametrize(("log_format", "level"), [("pretty", "INFO   "), ("compact", "INFO")])
def test_lines_of_text(capsys: pytest.CaptureFixture[str], log_format: str, level: str) -> None:
    first, second, *trace = said(capsys, log_format)
    time, rest = first.split(" ", 1)
    assert time.endswith("Z")
    assert rest == f"{level} odradek_engine.node: up on 9070"
    assert second.endswith("other: failed")
    assert trace[-1] == "ValueError: no"


@pytest.mark.row("N5")
def test_lines_of_json(capsys: pytest.CaptureFixture[str]) -> None:
    first, second = (json.loads(line) for line in said(capsys, "json"))
    assert (first["level"], first["target"]) == ("INFO", "odradek_engine.node")
    assert first["fields"] == {"message": "up on 9070"}
    assert second["exception"].endswith("ValueError: no")


def test_what_the_filter_keeps_out(capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys, "compact", "off") == []


def test_a_filter_that_cannot_be_read() -> None:
    assert read_filter("warn, a::b=DEBUG,") == {"": logging.WARNING, "a.b": logging.DEBUG}
    with pytest.raises(BadLogFilter, match="'loud' is no level"):
        read_filter("odradek=loud")
