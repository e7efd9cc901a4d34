"""Draws programs. Calls of objects go to ever greater keys, so that no two programs wait for each other for ever."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from program_handlers import PROMISES, Program

KEYS = ("a", "b", "c", "d")
DEPTH_MAX = 2
OPERATIONS_MAX = 6
SENDS = ("send", "send twice", "send items")

slots = st.sampled_from(("x", "y"))
values = st.one_of(st.none(), st.integers(-3, 3), st.sampled_from(("", "ä", "text")), st.just([1, {"n": None}]))
codes = st.sampled_from((400, 409, 500))
delays = st.sampled_from((0, 0, 1, 90))
sleeps = st.sampled_from((0, 1, 70))


def _op(name: str, *arguments: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    return st.tuples(st.just(name), *arguments).map(list)


steps = _op(
    "step",
    st.sampled_from(("fine", "fine", "fine", "patient", "terminal", "hopeless", "brief")),
    st.sampled_from((0, 0, 1, 3)),
    st.booleans(),
)
anywhere = (
    steps,
    _op("sleep", sleeps),
    _op("send items", st.lists(st.sampled_from(KEYS), min_size=1, max_size=4)),
    _op("race", st.permutations((60, 180, 600)).map(lambda seconds: list(seconds[:2]))),
    _op("awakeable", values, st.none() | codes, delays),
    _op("signal", st.sampled_from(("go", "stop")), values, st.none() | codes, delays),
    _op("own signals", st.lists(values, min_size=1, max_size=3)),
    _op("cancel", st.booleans()),
    _op("stumble", st.sampled_from((1, 2))),
)
reading = (_op("get", slots), _op("names"))
writing = (
    _op("set", slots, values),
    _op("set", slots, values),
    _op("clear", slots),
    _op("count", st.integers(1, 3)),
)


combinators = st.sampled_from(("gather", "as completed", "wait completed", "select"))
awaited = (_op("promise", st.sampled_from(PROMISES)),)


@st.composite
def _calls(draw: st.DrawFn, depth: int, held: int) -> list[Any]:
    """Target, key and program of a call; `held`: the greatest key that the caller may hold."""
    free = KEYS[held + 1 :]
    target = draw(st.sampled_from(("worker", "look", "generic", "own", *("thing",) * bool(free))))
    key = draw(st.sampled_from(free if target == "thing" else KEYS))
    holds = KEYS.index(key) if target == "thing" else held
    return [target, key, draw(_programs(depth, target, holds))]


@st.composite
def _programs(draw: st.DrawFn, depth: int, target: str, held: int) -> Program:
    kinds = list(anywhere)
    if target in ("thing", "own", "flow"):
        kinds += [*reading, *writing]
    if target in ("own", "flow"):
        kinds.append(_op("clear all"))
    if target == "flow":
        kinds += awaited
    if depth:
        calls = _calls(depth - 1, held)
        branches = st.one_of(steps, calls.map(lambda call: ["call", *call]), _op("sleep", sleeps))
        kinds += [
            calls.map(lambda call: ["call", *call]),
            st.tuples(_calls(depth - 1, -1), delays).map(lambda sent: ["send", *sent[0], sent[1]]),
            st.tuples(st.sampled_from(KEYS), _programs(depth - 1, "look", held)).map(lambda sent: ["attach", *sent]),
            st.tuples(_calls(depth - 1, -1), delays).map(lambda sent: ["send twice", *sent[0], sent[1]]),
            _programs(depth - 1, "worker", held).map(lambda program: ["call twice", program]),
            _workflows(depth - 1, held),
            _op("gather", combinators, st.lists(branches, min_size=1, max_size=3)),
        ]
    ops = draw(st.lists(st.one_of(kinds), min_size=3 * (depth == DEPTH_MAX), max_size=OPERATIONS_MAX))
    if depth < DEPTH_MAX and draw(st.integers(0, 7)) == 0:
        ops.append(["fail", draw(codes)])
    return {"id": "", "ops": ops}


@st.composite
def _workflows(draw: st.DrawFn, depth: int, held: int) -> list[Any]:
    """A workflow that awaits all its promises in the end, each answered once or twice with the same."""
    program = draw(_programs(depth, "flow", held))
    program["ops"] += [["promise", name] for name in PROMISES]
    answers = []
    for name in PROMISES:
        said = [draw(values), draw(st.none() | codes)]
        answers += [[name, *said, delay] for delay in draw(st.lists(delays, min_size=1, max_size=2))]
    return ["flow", program, answers]


def named(program: Program, name: str) -> Program:
    """The program with a name of its own for it and for each that it begins."""
    return {"id": name, "ops": [_named_in(op, f"{name}.{number}") for number, op in enumerate(program["ops"])]}


def _named_in(part: Any, name: str) -> Any:
    if isinstance(part, dict) and "ops" in part:
        return named(part, f"{name}p")
    if isinstance(part, list):
        return [_named_in(each, f"{name}_{number}") for number, each in enumerate(part)]
    return part


@st.composite
def _endless(draw: st.DrawFn, how: str, depth: int, held: int) -> Program:
    """A program that comes to wait for ever, itself or in one that it calls, and does more once that was cancelled.

    A kill takes along whatever was sent and has not ended, so that nothing is sent by one that is to be killed.
    """
    program = draw(_programs(1, "thing", held))
    without = ("fail", *(SENDS if how == "kill" else ()))
    program["ops"] = [op for op in program["ops"] if op[0] not in without]
    free = KEYS[held + 1 :]
    if depth and free:
        key = draw(st.sampled_from(free))
        called = draw(_endless(how, depth - 1, KEYS.index(key)))
        program["ops"] += [["call endless", key, called], *draw(st.lists(st.one_of(anywhere), max_size=3))]
    else:
        program["ops"].append(["wait for ever"])
    return program


programs = _programs(DEPTH_MAX, "thing", 0)
"""Programs for the object `a`; give them names."""
endless = st.sampled_from(("cancel", "kill")).flatmap(lambda how: st.tuples(_endless(how, 2, 0), st.just(how)))
"""The same, which end when they are cancelled or killed, and which of it."""
