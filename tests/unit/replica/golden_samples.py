"""One sample of every event and of every table's row: what `tests/golden/journal_and_rows.txt` holds as bytes.

From the first release on the file is only added to: it says what lies in people's journals. Whoever adds a type adds
a sample and a line (`python golden_samples.py` prints all of them); whoever appends a field with a default adds a
further line for the type, and the old ones must go on being read.
"""

from __future__ import annotations

from typing import Any

import msgspec

from odradek.protocol import messages as m
from odradek.protocol.manifest import HandlerManifest, HandlerType, InputRule, OutputRule, ServiceManifest, ServiceType
from odradek_engine.model import commands as c
from odradek_engine.model import events as e
from odradek_engine.model import rows as r
from odradek_engine.model.registry import Deployment, RegisteredService
from odradek_engine.model.target import Target, TargetKind

A = bytes(range(24))
B = bytes(range(24, 48))
TARGET = Target(TargetKind.OBJECT_EXCLUSIVE, "Counter", "add", "a")
CALLER = r.Caller(B, 7)
FAILURE = m.Failure(409, "no", (("k", "v"),))
INVOCATION = r.Invocation(
    A, TARGET, 1_700_000_000_000, r.Source(r.SourceKind.SERVICE, B, TARGET, "sub"), "key", CALLER, 5, 6, 7
)
ATTEMPT_FAILURE = r.AttemptFailure(500, "no", "RT0007", "trace", 1, "step", 0x411)
FUTURE = m.Future((1,), (2,), ("n",), (m.Future((3,)),), m.Combinator.FIRST_COMPLETED, (1,))
STATUS = r.Status(r.Phase.SUSPENDED, 10, 2, r.Retry(3, 2, 1, ATTEMPT_FAILURE, 99), FUTURE, 4, 11, 12, 13, attached=True)
COMPLETION = r.Completion(r.Result(b"out", FAILURE, "trace"), 1, 2, 3, 4, 5, 6, 7, journal_kept=False)
ENTRIES: tuple[m.Entry, ...] = (
    m.InputCommand((m.Header("h", "v"),), b"in", "name"),
    m.OutputCommand(b"out", None, "name"),
    m.OutputCommand(None, FAILURE),
    m.GetLazyStateCommand(b"k", 1, "name"),
    m.SetStateCommand(b"k", b"v", "name"),
    m.ClearStateCommand(b"k", "name"),
    m.ClearAllStateCommand("name"),
    m.GetLazyStateKeysCommand(2, "name"),
    m.GetEagerStateCommand(b"k", b"v", "name"),
    m.GetEagerStateKeysCommand((b"k",), "name"),
    m.GetPromiseCommand("p", 8, "name"),
    m.PeekPromiseCommand("p", 9, "name"),
    m.CompletePromiseCommand("p", 10, b"v", None, "name"),
    m.SleepCommand(99, 3, "name"),
    m.CallCommand("S", "h", b"in", (m.Header("h", "v"),), "k", "i", 4, 5, "name"),
    m.OneWayCallCommand("S", "h", b"in", 99, (), "k", None, 6, "name"),
    m.SendSignalCommand("inv_1", 17, b"v", None, "name"),
    m.SendSignalCommand("inv_1", "go", None, FAILURE),
    m.RunCommand(7, "name"),
    m.AttachInvocationCommand("inv_1", 11, "name"),
    m.AttachInvocationCommand(m.WorkflowTarget("W", "k"), 12),
    m.GetInvocationOutputCommand(m.IdempotentRequestTarget("S", None, "h", "i"), 13, "name"),
    m.CompleteAwakeableCommand("sign_1", b"v", None, "name"),
    m.GetLazyStateCompletion(1, b"v"),
    m.GetLazyStateKeysCompletion(2, (b"k",)),
    m.GetPromiseCompletion(8, b"v"),
    m.PeekPromiseCompletion(9),
    m.CompletePromiseCompletion(10, FAILURE),
    m.SleepCompletion(3),
    m.CallCompletion(5, None, FAILURE),
    m.CallInvocationIdCompletion(4, "inv_1"),
    m.RunCompletion(7, b"v"),
    m.AttachInvocationCompletion(11, b"v"),
    m.GetInvocationOutputCompletion(13),
    m.SignalNotification(17, b"v"),
    m.SignalNotification("go", None, FAILURE),
)
TIMER = r.Timer(99, r.TimerKind.SLEEP, A, 3)
MANIFEST = ServiceManifest(
    name="S",
    ty=ServiceType.VIRTUAL_OBJECT,
    documentation="text",
    handlers=(
        HandlerManifest(
            name="h",
            ty=HandlerType.EXCLUSIVE,
            input=InputRule(required=True, content_type="*/*", json_schema={"type": "string"}),
            output=OutputRule(content_type="application/json"),
            retry_policy_max_attempts=3,
        ),
    ),
)
DEPLOYMENT = Deployment("dp_1", 1, "sdk/1", 5, 7, (MANIFEST,), in_process=False)
SERVICE = RegisteredService(MANIFEST, "dp_1", 2)
CLUSTER = r.KafkaCluster("k", {"bootstrap.servers": "localhost:9092"}, 1)
SUBSCRIPTION = r.Subscription("sub_1", "k", "topic", "S", "h", {"group.id": "g"}, 1, "id", {0: 5, 3: 7})
MESSAGE = c.Invoke(INVOCATION, m.InputCommand((), b"in"), wait=True)

EVENTS: tuple[e.AnyEvent, ...] = (
    e.LeaderElected("node", "cluster", 4),
    e.InvocationCreated(INVOCATION, STATUS, ENTRIES),
    e.StatusChanged(A, STATUS),
    e.EntriesAppended(A, 3, (m.RunCompletion(7, b"v"),), 99),
    e.ErrorRecorded(A, 2, r.ErrorEvent("TransientError", 4, 5, ATTEMPT_FAILURE)),
    e.InvocationCompleted(A, COMPLETION, 1000),
    e.InvocationForgotten(A, (0, 3), 2, 99, 1000),
    e.JournalForgotten(A, (0, 3), 2, COMPLETION, 99, 1000),
    e.StateChanged("S", "a", {b"k": b"v", b"gone": None}),
    e.LockChanged("S", "a", r.Lock(A, 1, 2)),
    e.InboxPushed("S", "a", 1, r.InboxEntry(A, 99)),
    e.InboxRemoved("S", "a", 1),
    e.TimerSet(TIMER),
    e.TimerCleared(TIMER),
    e.CallerAttached(A, B, 7),
    e.CallersAnswered(A, ((B, 7),)),
    e.MessageSent(3, 4, MESSAGE),
    e.MessagesAcknowledged(3, 1, 4),
    e.MessageTaken(3, 4),
    e.SourceTaken("sub_1", "id", 3, 4),
    e.SourceCommitted("sub_1", "id", 3, 4),
    e.CommandRejected(1, b"raw", "why", 99),
    e.DeploymentRegistered(DEPLOYMENT, (SERVICE,)),
    e.KafkaClusterChanged("k", CLUSTER),
    e.SubscriptionChanged("sub_1", SUBSCRIPTION),
    e.PromiseAwaited("W", "k", "p", CALLER),
    e.PromiseLeft("W", "k", "p", CALLER, last=True),
    e.PromiseCompleted("W", "k", "p", r.Result(b"v"), (CALLER,)),
    e.PromisesForgotten("W", "k", ("p",)),
    e.DeploymentRemoved("dp_1", ("A", "B")),
    e.ServiceConfigured(SERVICE),
)
MESSAGES: tuple[c.PartitionMessage, ...] = (
    MESSAGE,
    c.CompleteCall(A, m.CallCompletion(5, b"out")),
    c.Signal(A, m.SignalNotification("go", b"v")),
    c.Cancel(A),
    c.Kill(A),
    c.AskResult(A, CALLER, wait=True),
)
ROWS: dict[str, Any] = {
    "invocations": INVOCATION,
    "statuses": STATUS,
    "completions": COMPLETION,
    "journal": r.JournalChunk(ENTRIES, 99),
    "errors": r.ErrorEvent("Paused", 4, 5, ATTEMPT_FAILURE),
    "callers": CALLER,
    "state": b"v",
    "locks": r.Lock(A, 1, 2),
    "inbox": r.InboxEntry(A, 99),
    "timers": TIMER,
    "expiry": 1000,
    "outbox": MESSAGE,
    "sequences": 4,
    "sources": r.SourcePosition(4),
    "commits": r.SourceCommit(4),
    "rejected": (b"raw", "why", 99),
    "counters": 1000,
    "deployments": DEPLOYMENT,
    "services": SERVICE,
    "clusters": CLUSTER,
    "subscriptions": SUBSCRIPTION,
    "promises": r.Promise(r.Result(b"v")),
    "waiters": CALLER,
}


def samples() -> dict[str, Any]:
    """Name of a line of the file -> what it holds."""
    named: dict[str, Any] = {f"event.{type(event).__name__}": event for event in EVENTS}
    named |= {f"message.{type(message).__name__}": message for message in MESSAGES}
    return named | {f"row.{table}": row for table, row in ROWS.items()}


if __name__ == "__main__":
    for name, sample in samples().items():
        print(name, msgspec.msgpack.encode(sample).hex())
