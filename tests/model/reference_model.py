"""What invocations do, told a second time and as plainly as possible: no tables, no events, no layers.

One partition; waits are flat ("any of these"). Delays of retries are chance: the test reads them and tells the model.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from odradek.protocol import messages as m
from odradek.protocol.ids import format_invocation_id
from odradek_engine.model.rows import Invocation, Result
from odradek_engine.model.target import TargetKind

CANCELED = Result(failure=m.Failure(409, "canceled"))
SECOND_RUN = Result(failure=m.Failure(409, "the workflow method was already invoked"))
SECOND_ANSWER = m.Failure(409, "promise was already completed")
KILLED = Result(failure=m.Failure(409, "killed"))


@dataclass
class Life:
    """One invocation from its beginning on."""

    is_: Invocation
    phase: str
    journal: list[object]
    attempt: int = 0
    """How many there were."""
    before_first: int | None = None
    """The number that the engine's first attempt follows, once that is known."""
    backing_off: bool = False
    awaited: frozenset[object] = frozenset()
    arrived: set[object] = field(default_factory=set)
    children: list[bytes] = field(default_factory=list)
    calls: dict[int, bytes] = field(default_factory=dict)
    """Children whose results it waits for, by completion."""
    callers: list[tuple[bytes, int]] = field(default_factory=list)
    waiters: list[int] = field(default_factory=list)
    completions: int = 0

    @property
    def place(self) -> str | None:
        """The object that it must have for itself."""
        return self.is_.target.key if self.is_.target.kind is TargetKind.OBJECT_EXCLUSIVE else None

    @property
    def writes(self) -> str | None:
        """Whose state it may change."""
        return self.is_.target.key if self.is_.target.writes_state else None

    @property
    def live(self) -> bool:
        return self.phase == "invoked" and not self.backing_off


class ReferenceModel:
    """All invocations, objects and waiters."""

    def __init__(self) -> None:
        self.lives: dict[bytes, Life] = {}
        self.results: dict[bytes, Result] = {}
        self.journals: dict[bytes, list[object]] = {}
        """Of finished ones that are kept."""
        self.runs: dict[bytes, str] = {}
        """Runs of workflows there ever were, and their keys."""
        self.queues: dict[str, list[bytes]] = {}
        """Object -> who has it, and who waits for it in order."""
        self.state: dict[str, dict[bytes, bytes]] = {}
        self.sleeps: set[tuple[int, bytes, int]] = set()
        self.starts: set[tuple[int, bytes]] = set()
        self.promises: dict[tuple[str, str], Result] = {}
        """Completed ones, by key and name."""
        self.awaiting: dict[tuple[str, str], list[tuple[bytes, int]]] = {}
        self.answered: dict[int, Result] = {}
        self._then: deque[Callable[[], None]] = deque()

    # --- what can be asked ---

    def invoke(self, invocation: Invocation, entry: m.InputCommand, now: int, waiter: int | None = None) -> None:
        self._invoke(invocation, entry, now, waiter)
        self._finish_command()

    def attach(self, invocation: bytes, waiter: int) -> bool:
        """False: there is no such invocation."""
        if invocation in self.lives:
            self.lives[invocation].waiters.append(waiter)
        elif invocation in self.results:
            self.answered[waiter] = self.results[invocation]
        return invocation in self.lives or invocation in self.results

    def cancel(self, invocation: bytes) -> None:
        life = self.lives.get(invocation)
        if life is not None and life.phase in ("scheduled", "inboxed"):
            self._drop(life, CANCELED)
        elif life is not None:
            self._notify(invocation, ("signal", 1), m.SignalNotification(1))
            if life.phase == "paused":
                self._start(life)
        self._finish_command()

    def kill(self, invocation: bytes) -> None:
        self._kill(invocation)
        self._finish_command()

    def signal(self, invocation: bytes, notification: m.SignalNotification) -> None:
        life = self.lives.get(invocation)
        if life is not None and ("signal", notification.signal) not in life.arrived:
            self._notify(invocation, ("signal", notification.signal), notification)

    def pause(self, invocation: bytes) -> None:
        life = self.lives.get(invocation)
        if life is not None and life.phase == "invoked":
            life.phase, life.backing_off = "paused", False

    def resume(self, invocation: bytes) -> None:
        life = self.lives.get(invocation)
        if life is not None and (life.phase in ("suspended", "paused") or life.backing_off):
            self._start(life)

    def purge(self, invocation: bytes) -> None:
        if self.results.pop(invocation, None) is not None:
            self.journals.pop(invocation)
            self._forget_workflow(self.runs.get(invocation))

    # --- what a live handler does ---

    def append(self, invocation: bytes, *entries: object) -> None:
        life = self.lives[invocation]
        life.journal += entries
        life.arrived.update(("done", one.completion_id) for one in entries if hasattr(one, "completion_id"))

    def set_state(self, invocation: bytes, command: m.SetStateCommand) -> None:
        life = self.lives[invocation]
        if life.writes is None:
            self.fail(invocation)
        else:
            self.append(invocation, command)
            self.state.setdefault(life.writes, {})[command.key] = command.value

    def call(
        self, invocation: bytes, command: m.CallCommand | m.OneWayCallCommand, child: Invocation, now: int
    ) -> None:
        known = m.CallInvocationIdCompletion(command.invocation_id_notification_idx, format_invocation_id(child.id))
        self.append(invocation, command, known)
        self.lives[invocation].children.append(child.id)
        if isinstance(command, m.CallCommand):
            self.lives[invocation].calls[command.result_completion_id] = child.id
        self._then.append(lambda: self._invoke(child, m.InputCommand((), command.parameter), now, None))
        self._finish_command()

    def get_promise(self, invocation: bytes, command: m.GetPromiseCommand) -> None:
        promise = self._promise(invocation, command)
        if promise in self.promises:
            result, number = self.promises[promise], command.result_completion_id
            self.append(invocation, m.GetPromiseCompletion(number, result.value, result.failure))
        elif promise is not None:
            self.awaiting.setdefault(promise, []).append((invocation, command.result_completion_id))

    def peek_promise(self, invocation: bytes, command: m.PeekPromiseCommand) -> None:
        promise = self._promise(invocation, command)
        if promise is not None:
            result = self.promises.get(promise, Result())
            number = command.result_completion_id
            self.append(invocation, m.PeekPromiseCompletion(number, result.value, result.failure))

    def complete_promise(self, invocation: bytes, command: m.CompletePromiseCommand) -> None:
        promise = self._promise(invocation, command)
        if promise in self.promises:
            self.append(invocation, m.CompletePromiseCompletion(command.result_completion_id, SECOND_ANSWER))
        elif promise is not None:
            self.append(invocation, m.CompletePromiseCompletion(command.result_completion_id))
            self.promises[promise] = Result(command.value, command.failure)
            for waiter, number in sorted(self.awaiting.pop(promise, [])):
                self._notify(waiter, ("done", number), m.GetPromiseCompletion(number, command.value, command.failure))

    def _promise(self, invocation: bytes, command: m.PromiseCommand) -> tuple[str, str] | None:
        """None, and the attempt fails: only workflows have promises."""
        target = self.lives[invocation].is_.target
        if not target.of_workflow:
            self.fail(invocation)
            return None
        self.append(invocation, command)
        return target.key, command.key

    def sleep(self, invocation: bytes, command: m.SleepCommand) -> None:
        self.append(invocation, command)
        self.sleeps.add((command.wake_up_time, invocation, command.result_completion_id))

    def suspend(self, invocation: bytes, awaited: frozenset[object]) -> None:
        life = self.lives[invocation]
        if awaited & life.arrived:
            self._start(life)
        else:
            life.phase, life.awaited = "suspended", awaited

    def fail(self, invocation: bytes) -> None:
        """The attempt failed and will be repeated."""
        life = self.lives[invocation]
        life.attempt += 1
        life.backing_off = True

    def finish(self, invocation: bytes, command: m.OutputCommand) -> None:
        self.append(invocation, command)
        self._complete(self.lives[invocation], Result(command.value, command.failure))
        self._finish_command()

    # --- time ---

    def due(self, now: int) -> None:
        """Every sleep and every delay up to now is over, earliest first."""
        for at, invocation in sorted(self.starts):
            if at <= now:
                self.starts.discard((at, invocation))
                self._admit(self.lives[invocation])
        for at, invocation, completion in sorted(self.sleeps):
            if at <= now:
                self.sleeps.discard((at, invocation, completion))
                self._notify(invocation, ("done", completion), m.SleepCompletion(completion))

    # --- how it comes about ---

    def _finish_command(self) -> None:
        while self._then:
            self._then.popleft()()

    def _invoke(self, invocation: Invocation, entry: m.InputCommand, now: int, waiter: int | None) -> None:
        caller = invocation.caller
        if invocation.id in self.runs and (invocation.id in self.lives or invocation.id in self.results):
            self._refuse_second_run(invocation, waiter)
            return
        if invocation.id in self.results:
            if caller is not None:
                self._answer(caller.invocation, caller.completion_id, invocation.id, self.results[invocation.id])
            if waiter is not None:
                self.answered[waiter] = self.results[invocation.id]
            return
        fresh = invocation.id not in self.lives
        if fresh:
            self.lives[invocation.id] = Life(invocation, "scheduled", [entry])
            if invocation.target.kind is TargetKind.WORKFLOW_RUN:
                self.runs[invocation.id] = invocation.target.key
        life = self.lives[invocation.id]
        if caller is not None:
            life.callers.append((caller.invocation, caller.completion_id))
        if waiter is not None:
            life.waiters.append(waiter)
        if fresh and invocation.execution_time > now:
            self.starts.add((invocation.execution_time, invocation.id))
        elif fresh:
            self._admit(life)

    def _refuse_second_run(self, invocation: Invocation, waiter: int | None) -> None:
        if invocation.caller is not None:
            self._answer(invocation.caller.invocation, invocation.caller.completion_id, invocation.id, SECOND_RUN)
        if waiter is not None:
            self.answered[waiter] = SECOND_RUN

    def _admit(self, life: Life) -> None:
        if life.place is not None:
            queue = self.queues.setdefault(life.place, [])
            queue.append(life.is_.id)
            if queue[0] != life.is_.id:
                life.phase = "inboxed"
                return
        self._start(life)

    def _start(self, life: Life) -> None:
        life.phase, life.backing_off, life.awaited = "invoked", False, frozenset()
        life.attempt += 1

    def _notify(self, invocation: bytes, mark: object, entry: object) -> None:
        life = self.lives.get(invocation)
        if life is None:
            return
        life.journal.append(entry)
        life.arrived.add(mark)
        if life.phase == "suspended" and mark in life.awaited:
            self._start(life)

    def _answer(self, caller: bytes, completion: int, callee: bytes, result: Result) -> None:
        """The caller may be another life of its id by then, which did not call, or called somebody else."""
        entry = m.CallCompletion(completion, result.value, result.failure)

        def arrive() -> None:
            life = self.lives.get(caller)
            if life is not None and life.calls.get(completion) == callee:
                del life.calls[completion]
                self._notify(caller, ("done", completion), entry)

        self._then.append(arrive)

    def _kill(self, invocation: bytes) -> None:
        life = self.lives.get(invocation)
        if life is None:
            return
        if life.phase in ("scheduled", "inboxed"):
            self._drop(life, KILLED)
            return
        for child in life.children:
            self._then.append(lambda child=child: self._kill(child))  # type: ignore[misc]
        self._complete(life, KILLED)

    def _drop(self, life: Life, result: Result) -> None:
        self.starts = {(at, one) for at, one in self.starts if one != life.is_.id}
        self._end(life, result)

    def _complete(self, life: Life, result: Result) -> None:
        named = life.is_.idempotency_key is not None or life.is_.id in self.runs
        if life.is_.completion_retention if named else life.is_.journal_retention:
            self.results[life.is_.id] = result
            self.journals[life.is_.id] = life.journal
        else:
            self._forget_workflow(self.runs.get(life.is_.id))
        self._end(life, result)

    def _forget_workflow(self, key: str | None) -> None:
        if key is not None:
            self.state.pop(key, None)
            self.promises = {promise: result for promise, result in self.promises.items() if promise[0] != key}

    def _end(self, life: Life, result: Result) -> None:
        del self.lives[life.is_.id]
        self.sleeps = {one for one in self.sleeps if one[1] != life.is_.id}
        for promise, waiters in list(self.awaiting.items()):
            self.awaiting[promise] = [waiter for waiter in waiters if waiter[0] != life.is_.id]
        for caller, completion in life.callers:
            self._answer(caller, completion, life.is_.id, result)
        self.answered.update(dict.fromkeys(life.waiters, result))
        queue = self.queues.get(life.place or "", [])
        if life.is_.id in queue:
            had_it = queue[0] == life.is_.id
            queue.remove(life.is_.id)
            if had_it and queue:
                self._start(self.lives[queue[0]])
