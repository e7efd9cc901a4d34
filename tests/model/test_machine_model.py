"""The machine against the reference model, under random commands, handlers, times, restarts and roll-backs."""

from __future__ import annotations

from typing import Any

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from reference_model import Life, ReferenceModel

from machine_world import DAY, INPUT, World, add, flow, get, service, tell
from odradek.protocol import messages as m
from odradek.protocol.ids import parse_invocation_id
from odradek_engine.model import commands as c
from odradek_engine.model import effects as x
from odradek_engine.model import outcomes as o
from odradek_engine.model.rows import Caller, Invocation, Phase, Source, SourceKind, TimerKind
from odradek_engine.model.target import TargetKind
from odradek_engine.partition import keys

PICK = st.integers(0, 10_000)
OBJECTS = st.sampled_from(["a", "b"])
TARGETS = st.one_of(
    st.just(service()),
    st.just(add("a")),
    st.builds(add, OBJECTS),
    st.builds(get, OBJECTS),
    st.just(flow()),
    st.just(tell()),
)
IDEMPOTENCY = st.sampled_from([None, "k"])
PROMISE_STEPS = ("get_promise", "get_promise", "peek_promise", "complete_promise")
STEPS = ("run", "set_state", "sleep", "get_promise")
CALL_DELAYS = st.sampled_from([None, None, None, 0, 5])
PHASES = {
    Phase.SCHEDULED: "scheduled",
    Phase.INBOXED: "inboxed",
    Phase.INVOKED: "invoked",
    Phase.SUSPENDED: "suspended",
    Phase.PAUSED: "paused",
}


class MachineAgainstModel(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.model = ReferenceModel()
        self.known: list[bytes] = []
        """Every invocation there ever was."""
        self.answers: dict[int, list[o.AnyOutcome]] = {}
        self.waiting: dict[bytes, list[int]] = {}
        self.journals: dict[bytes, tuple[Any, ...]] = {}

    def decide(self, command: c.AnyCommand, waiter: int | None = None) -> None:
        self.world.rehearse(command)
        for effect in self.world.decide(command):
            match effect:
                case x.Answer(outcome) if waiter is not None:
                    self.answers[waiter].append(outcome)
                case x.AwaitResult(invocation) if waiter is not None:
                    self.waiting.setdefault(invocation, []).append(waiter)
                case x.InvocationEnded(invocation, result, _):
                    for one in self.waiting.pop(invocation, []):
                        self.answers[one].append(o.Ended(invocation, result))

    def waiter(self) -> int:
        self.answers[len(self.answers)] = []
        return len(self.answers) - 1

    def one_of(self, candidates: list[bytes], pick: int) -> bytes:
        return candidates[pick % len(candidates)]

    def live(self) -> list[bytes]:
        return [raw for raw, life in self.model.lives.items() if life.live]

    def live_workflows(self) -> list[bytes]:
        return [raw for raw in self.live() if self.model.lives[raw].is_.target.of_workflow]

    def life(self, pick: int) -> tuple[bytes, Life]:
        raw = self.one_of(self.live(), pick)
        return raw, self.model.lives[raw]

    def next_completion(self, life: Life) -> int:
        life.completions += 1
        return life.completions

    # --- from outside ---

    @rule(
        to=TARGETS,
        key=IDEMPOTENCY,
        delay=st.sampled_from([0, 0, 0, 5]),
        kept=st.sampled_from([DAY, DAY, DAY, 0]),
        wait=st.booleans(),
    )
    def invoke(self, to: Any, key: str | None, delay: int, kept: int, wait: bool) -> None:
        at = self.world.now + delay if delay else 0
        key = None if to == flow() else key
        invocation = self.world.invocation(to, key=key, at=at, kept=kept, journal_kept=kept)
        if invocation.id not in self.known:
            self.known.append(invocation.id)
        waiter = self.waiter() if wait else None
        self.decide(c.Invoke(invocation, INPUT, wait), waiter)
        self.model.invoke(invocation, INPUT, self.world.now, waiter)

    @precondition(lambda self: self.known)
    @rule(pick=PICK, what=st.sampled_from([c.Attach, c.Cancel, c.Kill, c.Pause, c.Resume, c.Purge, 17, 18]))
    def ask_about_one(self, pick: int, what: Any) -> None:
        raw = self.one_of(self.known, pick)
        if isinstance(what, int):
            self.signal(raw, what)
        elif what is c.Attach:
            self.attach(raw)
        else:
            self.decide(what(raw))
            getattr(self.model, what.__name__.lower())(raw)

    def attach(self, raw: bytes) -> None:
        waiter = self.waiter()
        self.decide(c.Attach(raw), waiter)
        if not self.model.attach(raw, waiter):
            assert self.answers.pop(waiter) == [o.NotFound(raw)]

    def signal(self, raw: bytes, signal: int) -> None:
        notification = m.SignalNotification(signal, b"s")
        self.decide(c.Signal(raw, notification))
        self.model.signal(raw, notification)

    # --- handlers ---

    def say(self, raw: bytes, *messages: Any) -> None:
        self.decide(c.HandlerMessages(raw, self.world.status(raw).attempt, messages))

    @precondition(lambda self: self.live())
    @rule(pick=PICK, step=st.sampled_from(STEPS), number=st.integers(0, 3))
    def step(self, pick: int, step: str, number: int) -> None:
        raw, life = self.life(pick)
        getattr(self, step)(raw, life, number)

    def run(self, raw: bytes, life: Life, _number: int) -> None:
        number = self.next_completion(life)
        self.say(raw, m.RunCommand(number), m.ProposeRunCompletion(number, b"r"))
        self.model.append(raw, m.RunCommand(number), m.RunCompletion(number, b"r"))

    def set_state(self, raw: bytes, _life: Life, number: int) -> None:
        command = m.SetStateCommand(b"n", b"%d" % number)
        self.say(raw, command)
        self.model.set_state(raw, command)

    @precondition(lambda self: self.live_workflows())
    @rule(steps=st.lists(st.tuples(PICK, st.sampled_from(PROMISE_STEPS), st.integers(0, 3)), min_size=1, max_size=6))
    def promises(self, steps: list[tuple[int, str, int]]) -> None:
        for pick, step, number in steps:
            raw = self.one_of(self.live_workflows(), pick)
            getattr(self, step)(raw, self.model.lives[raw], number)

    def get_promise(self, raw: bytes, life: Life, number: int) -> None:
        command = m.GetPromiseCommand(f"p{number % 2}", self.next_completion(life))
        self.say(raw, command)
        self.model.get_promise(raw, command)

    def peek_promise(self, raw: bytes, life: Life, number: int) -> None:
        command = m.PeekPromiseCommand(f"p{number % 2}", self.next_completion(life))
        self.say(raw, command)
        self.model.peek_promise(raw, command)

    def complete_promise(self, raw: bytes, life: Life, number: int) -> None:
        value, failure = (b"yes", None) if number < 2 else (None, m.Failure(400, "no"))
        command = m.CompletePromiseCommand(f"p{number % 2}", self.next_completion(life), value, failure)
        self.say(raw, command)
        self.model.complete_promise(raw, command)

    def sleep(self, raw: bytes, life: Life, number: int) -> None:
        command = m.SleepCommand(self.world.now + 3 + number, self.next_completion(life))
        self.say(raw, command)
        self.model.sleep(raw, command)

    @precondition(lambda self: self.live())
    @rule(picks=st.lists(PICK, min_size=1, max_size=3), to=TARGETS, key=IDEMPOTENCY, delay=CALL_DELAYS)
    def call(self, picks: list[int], to: Any, key: str | None, delay: int | None) -> None:
        for pick in picks:
            self.call_once(*self.life(pick), to, key, delay)

    def call_once(self, raw: bytes, life: Life, to: Any, key: str | None, delay: int | None) -> None:
        known_by, result_in = self.next_completion(life), self.next_completion(life)
        command: m.CallCommand | m.OneWayCallCommand
        head = (to.service, to.handler, b"in")
        at = self.world.now + delay if delay else 0
        if delay is None:
            command = m.CallCommand(*head, (), to.key, key, known_by, result_in)
        else:
            command = m.OneWayCallCommand(*head, at, (), to.key, key, known_by)
        length = len(life.journal)
        key = None if to == flow() else key
        self.say(raw, command)
        child_id = parse_invocation_id(self.world.journal(raw)[length + 1].invocation_id)  # type: ignore[union-attr]
        caller = Caller(raw, result_in) if delay is None else None
        source = Source(SourceKind.SERVICE, raw, life.is_.target)
        child = Invocation(child_id, to, self.world.now, source, key, caller, at, DAY, DAY)
        if child_id not in self.known:
            self.known.append(child_id)
        self.model.call(raw, command, child, self.world.now)

    @precondition(lambda self: self.live())
    @rule(pick=PICK, completions=st.sets(st.integers(1, 6), max_size=2), signals=st.sets(st.sampled_from([1, 17])))
    def suspend(self, pick: int, completions: set[int], signals: set[int]) -> None:
        raw, _ = self.life(pick)
        signals = signals or {17}
        self.say(raw, m.Suspension(m.Future(tuple(completions), tuple(signals))))
        awaited = {("done", one) for one in completions} | {("signal", one) for one in signals}
        self.model.suspend(raw, frozenset(awaited))

    @precondition(lambda self: self.live())
    @rule(picks=st.lists(PICK, min_size=1, max_size=4), failure=st.sampled_from([None, m.Failure(400, "no")]))
    def finish(self, picks: list[int], failure: m.Failure | None) -> None:
        for pick in picks[: len(self.live())]:
            raw, _ = self.life(pick)
            command = m.OutputCommand(None if failure else b"out", failure)
            self.say(raw, command, m.End())
            self.model.finish(raw, command)
            if not self.live():
                return

    @precondition(lambda self: self.live())
    @rule(pick=PICK, behavior=st.sampled_from([m.ErrorBehavior.RETRY, m.ErrorBehavior.PAUSE]))
    def fail(self, pick: int, behavior: m.ErrorBehavior) -> None:
        raw, _ = self.life(pick)
        self.say(raw, m.Error(500, "no", next_retry_delay=4, behavior=behavior))
        if behavior is m.ErrorBehavior.RETRY:
            self.model.fail(raw)
        else:
            self.model.lives[raw].phase = "paused"

    @precondition(lambda self: self.known)
    @rule(pick=PICK, back=st.integers(1, 2))
    def a_stale_handler_speaks(self, pick: int, back: int) -> None:
        raw = self.one_of(self.known, pick)
        attempt = self.world.status(raw).attempt - back if raw in self.model.lives else 1
        self.decide(c.HandlerMessages(raw, attempt, (m.RunCommand(999), m.End())))
        assert self.world.events == []

    # --- time and durability ---

    @precondition(lambda self: self.world.rows().get("timers"))
    @rule()
    def time_goes_on(self) -> None:
        timers = [timer for _, timer in self.world.rows()["timers"]]
        self.world.now = timers[0].due_at
        for timer in timers:
            if timer.due_at > self.world.now:
                continue
            self.decide(c.FireTimer(timer))
            if timer.kind is TimerKind.RETRY:
                self.model.lives[timer.invocation].backing_off = False
        self.model.due(self.world.now)

    @rule(what=st.sampled_from(["acknowledge", "flush", "restart", "recover"]))
    def become_durable(self, what: str) -> None:
        getattr(self.world, what)()

    # --- what must hold ---

    @invariant()
    def every_invocation_stands_where_the_model_says(self) -> None:
        world, model = self.world, self.model
        assert {raw for raw, _ in world.rows().get("statuses", [])} == set(model.lives)
        for raw, life in model.lives.items():
            status = world.status(raw)
            backing_off = status.retry is not None and status.retry.next_retry_at is not None
            if life.before_first is None:
                life.before_first = status.attempt - life.attempt
            attempt = status.attempt - life.before_first
            assert (PHASES[status.phase], attempt, backing_off) == (life.phase, life.attempt, life.backing_off)
            assert world.journal(raw) == tuple(life.journal)
        kept = {raw: completion.result for raw, completion in world.rows().get("completions", [])}
        assert kept == model.results
        for raw, journal in model.journals.items():
            assert world.journal(raw) == tuple(journal)

    @invariant()
    def one_at_a_time_and_in_order(self) -> None:
        rows = self.world.rows()
        locks = {keys.split_object_key(key)[1]: lock for key, lock in rows.get("locks", [])}
        inboxes: dict[str, list[bytes]] = {name: [] for name in locks}
        for key, entry in rows.get("inbox", []):
            inboxes[keys.split_object_key(key)[1]].append(entry.invocation)
        queues = {name: [lock.holder, *inboxes[name]] for name, lock in locks.items()}
        assert queues == {name: queue for name, queue in self.model.queues.items() if queue}
        for raw, life in self.model.lives.items():
            if life.is_.target.kind is TargetKind.OBJECT_EXCLUSIVE and life.phase in ("invoked", "suspended", "paused"):
                assert queues[life.is_.target.key][0] == raw

    @invariant()
    def state_and_timers_are_the_model_s(self) -> None:
        rows = self.world.rows()
        state: dict[str, dict[bytes, bytes]] = {}
        for group, name, value in rows.get("state", []):
            state.setdefault(keys.split_object_key(group)[1], {})[name] = value
        assert state == self.model.state
        timers = [timer for _, timer in rows.get("timers", [])]
        sleeps = {(one.due_at, one.invocation, one.number) for one in timers if one.kind is TimerKind.SLEEP}
        starts = {(one.due_at, one.invocation) for one in timers if one.kind is TimerKind.START}
        retrying = {one.invocation for one in timers if one.kind is TimerKind.RETRY}
        assert (sleeps, starts) == (self.model.sleeps, self.model.starts)
        assert retrying == {raw for raw, life in self.model.lives.items() if life.backing_off}

    @invariant()
    def promises_are_the_model_s(self) -> None:
        rows = self.world.rows()
        promises = {
            (keys.split_object_key(group)[1], name.decode()): promise.result
            for group, name, promise in rows.get("promises", [])
        }
        waiters: dict[tuple[str, str], list[tuple[bytes, int]]] = {}
        for group, _, waiter in rows.get("waiters", []):
            _, key, name = keys.split_object_key(group)
            waiters.setdefault((key, name[4:].decode()), []).append((waiter.invocation, waiter.completion_id))
        awaited = {promise: sorted(who) for promise, who in self.model.awaiting.items() if who}
        assert {promise: sorted(who) for promise, who in waiters.items()} == awaited
        assert promises == {**dict.fromkeys(awaited), **self.model.promises}

    @invariant()
    def journals_only_grow(self) -> None:
        now = {raw: self.world.journal(raw) for raw in self.known}
        for raw, before in self.journals.items():
            if raw in self.model.lives or raw in self.model.journals:
                assert now[raw][: len(before)] == before
        self.journals = now

    @invariant()
    def who_waits_is_told_once_and_the_truth(self) -> None:
        told = {}
        for waiter, outcomes in self.answers.items():
            assert len(outcomes) <= 1
            for outcome in outcomes:
                assert isinstance(outcome, o.Ended)
                told[waiter] = outcome.result
        assert told == self.model.answered


TestMachineAgainstModel = MachineAgainstModel.TestCase
TestMachineAgainstModel.settings = settings(max_examples=150, stateful_step_count=50, deadline=None)
