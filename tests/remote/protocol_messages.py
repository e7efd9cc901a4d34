"""Hypothesis strategies for every message of the service protocol."""

from typing import Any

from hypothesis import strategies as st

from odradek.protocol import messages as m

UINT32 = st.integers(0, 2**32 - 1)
UINT64 = st.integers(0, 2**64 - 1)
TEXT = st.text(max_size=12)
BYTES = st.binary(max_size=200)
NAME = {"name": TEXT}
RESULT_ID = {"result_completion_id": UINT32}
COMPLETION_ID = {"completion_id": UINT32}
HEADERS = st.lists(st.builds(m.Header, TEXT, TEXT), max_size=3).map(tuple)
FAILURE = st.builds(
    m.Failure, code=UINT32, message=TEXT, metadata=st.lists(st.tuples(TEXT, TEXT), max_size=2).map(tuple)
)
SUCCESS_OR_FAILURE = st.one_of(st.fixed_dictionaries({"value": BYTES}), st.fixed_dictionaries({"failure": FAILURE}))
RESULT = st.one_of(SUCCESS_OR_FAILURE, st.just({}))
SIGNAL = st.one_of(UINT32, TEXT)
TARGET = st.one_of(
    TEXT,
    st.builds(m.IdempotentRequestTarget, TEXT, st.none() | TEXT, TEXT, TEXT, st.none() | TEXT),
    st.builds(m.WorkflowTarget, TEXT, TEXT, st.none() | TEXT),
)


def _lists() -> dict[str, Any]:
    return {
        "waiting_completions": st.lists(st.integers(1, 2**32 - 1), max_size=3, unique=True).map(tuple),
        "waiting_signals": st.lists(st.integers(1, 2**32 - 1), max_size=3, unique=True).map(tuple),
        "waiting_named_signals": st.lists(TEXT, max_size=2, unique=True).map(tuple),
    }


FLAT = st.builds(m.Future, **_lists(), combinator=st.just(m.Combinator.FIRST_COMPLETED))
FUTURE = st.recursive(
    st.builds(m.Future, **_lists(), combinator=st.sampled_from(m.Combinator)),
    lambda inner: st.builds(
        m.Future,
        **_lists(),
        nested_futures=st.lists(inner, max_size=3).map(tuple),
        combinator=st.sampled_from(m.Combinator),
    ),
    max_leaves=6,
)


def of(kind: type, result: st.SearchStrategy[dict[str, Any]] | None = None, **fields: Any) -> st.SearchStrategy[Any]:
    given = st.fixed_dictionaries(fields)
    if result is None:
        return given.map(lambda values: kind(**values))
    return st.tuples(given, result).map(lambda both: kind(**both[0], **both[1]))


STATE = st.dictionaries(BYTES, BYTES, max_size=4)
CALL = {"service_name": TEXT, "handler_name": TEXT, "parameter": BYTES, "headers": HEADERS, "key": TEXT}
FLOW = {"scope": st.none() | TEXT, "limit_key": st.none() | TEXT}
CHILD = {"idempotency_key": st.none() | TEXT, "invocation_id_notification_idx": UINT32, **FLOW, **NAME}

MESSAGES: dict[type, st.SearchStrategy[Any]] = {
    m.Start: of(
        m.Start,
        id=st.binary(min_size=24, max_size=24),
        debug_id=TEXT,
        known_entries=UINT32,
        state_map=STATE,
        partial_state=st.booleans(),
        key=TEXT,
        retry_count_since_last_stored_entry=UINT32,
        duration_since_last_stored_entry=UINT64,
        random_seed=UINT64,
        idempotency_key=st.none() | TEXT,
        **FLOW,
    ),
    m.Suspension: of(m.Suspension, awaiting_on=FUTURE),
    m.Error: of(
        m.Error,
        code=UINT32,
        message=TEXT,
        stacktrace=TEXT,
        related_command_index=st.none() | UINT32,
        related_command_name=st.none() | TEXT,
        related_command_type=st.none() | UINT32,
        next_retry_delay=st.none() | UINT64,
        behavior=st.sampled_from(m.ErrorBehavior),
    ),
    m.End: of(m.End),
    m.CommandAck: of(m.CommandAck, command_index=UINT32),
    m.ProposeRunCompletion: of(m.ProposeRunCompletion, SUCCESS_OR_FAILURE, **RESULT_ID),
    m.AwaitingOn: of(m.AwaitingOn, awaiting_on=FUTURE, executing_side_effects=st.booleans()),
    m.ProposeRunCompletionAck: of(m.ProposeRunCompletionAck, **COMPLETION_ID),
    m.InputCommand: of(m.InputCommand, headers=HEADERS, value=BYTES, **NAME),
    m.OutputCommand: of(m.OutputCommand, SUCCESS_OR_FAILURE, **NAME),
    m.GetLazyStateCommand: of(m.GetLazyStateCommand, key=BYTES, **RESULT_ID, **NAME),
    m.SetStateCommand: of(m.SetStateCommand, key=BYTES, value=BYTES, **NAME),
    m.ClearStateCommand: of(m.ClearStateCommand, key=BYTES, **NAME),
    m.ClearAllStateCommand: of(m.ClearAllStateCommand, **NAME),
    m.GetLazyStateKeysCommand: of(m.GetLazyStateKeysCommand, **RESULT_ID, **NAME),
    m.GetEagerStateCommand: of(m.GetEagerStateCommand, key=BYTES, value=st.none() | BYTES, **NAME),
    m.GetEagerStateKeysCommand: of(m.GetEagerStateKeysCommand, keys=st.lists(BYTES, max_size=3).map(tuple), **NAME),
    m.GetPromiseCommand: of(m.GetPromiseCommand, key=TEXT, **RESULT_ID, **NAME),
    m.PeekPromiseCommand: of(m.PeekPromiseCommand, key=TEXT, **RESULT_ID, **NAME),
    m.CompletePromiseCommand: of(m.CompletePromiseCommand, SUCCESS_OR_FAILURE, key=TEXT, **RESULT_ID, **NAME),
    m.SleepCommand: of(m.SleepCommand, wake_up_time=UINT64, **RESULT_ID, **NAME),
    m.CallCommand: of(m.CallCommand, **CALL, **CHILD, **RESULT_ID),
    m.OneWayCallCommand: of(m.OneWayCallCommand, invoke_time=UINT64, **CALL, **CHILD),
    m.SendSignalCommand: of(m.SendSignalCommand, RESULT, target_invocation_id=TEXT, signal=SIGNAL, **NAME),
    m.RunCommand: of(m.RunCommand, **RESULT_ID, **NAME),
    m.AttachInvocationCommand: of(m.AttachInvocationCommand, target=TARGET, **RESULT_ID, **NAME),
    m.GetInvocationOutputCommand: of(m.GetInvocationOutputCommand, target=TARGET, **RESULT_ID, **NAME),
    m.CompleteAwakeableCommand: of(m.CompleteAwakeableCommand, SUCCESS_OR_FAILURE, awakeable_id=TEXT, **NAME),
    m.GetLazyStateCompletion: of(m.GetLazyStateCompletion, RESULT, **COMPLETION_ID),
    m.GetLazyStateKeysCompletion: of(
        m.GetLazyStateKeysCompletion, keys=st.lists(BYTES, max_size=3).map(tuple), **COMPLETION_ID
    ),
    m.GetPromiseCompletion: of(m.GetPromiseCompletion, SUCCESS_OR_FAILURE, **COMPLETION_ID),
    m.PeekPromiseCompletion: of(m.PeekPromiseCompletion, RESULT, **COMPLETION_ID),
    m.CompletePromiseCompletion: of(m.CompletePromiseCompletion, failure=st.none() | FAILURE, **COMPLETION_ID),
    m.SleepCompletion: of(m.SleepCompletion, **COMPLETION_ID),
    m.CallCompletion: of(m.CallCompletion, SUCCESS_OR_FAILURE, **COMPLETION_ID),
    m.CallInvocationIdCompletion: of(m.CallInvocationIdCompletion, invocation_id=TEXT, **COMPLETION_ID),
    m.RunCompletion: of(m.RunCompletion, SUCCESS_OR_FAILURE, **COMPLETION_ID),
    m.AttachInvocationCompletion: of(m.AttachInvocationCompletion, SUCCESS_OR_FAILURE, **COMPLETION_ID),
    m.GetInvocationOutputCompletion: of(m.GetInvocationOutputCompletion, RESULT, **COMPLETION_ID),
    m.SignalNotification: of(m.SignalNotification, RESULT, signal=SIGNAL),
}
