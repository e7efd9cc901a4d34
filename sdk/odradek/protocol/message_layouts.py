"""The layout of every message: the tables of the service protocol, as data.

Oneofs are attributes of which at most one is set; where a result may be void and none is set, an empty field says so.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from odradek.protocol import messages as m
from odradek.protocol.future_wire import future_bytes, take_future
from odradek.protocol.layout import (
    UINT32_MAX,
    Field,
    Layout,
    boolean,
    bounded,
    choice,
    mapping,
    nested,
    optional_raw,
    optional_text,
    optional_uint32,
    optional_uint64,
    pairs,
    put_bytes,
    put_nested,
    put_number,
    put_text,
    raw,
    repeated,
    repeated_raw,
    required_value,
    take_text,
    text,
    uint32,
    uint64,
    value,
)

_NO_WAIT: Final = m.Future()


class _StateKeys(NamedTuple):
    keys: tuple[bytes, ...]


_HEADER: Final = Layout(m.Header, text(1, "key"), text(2, "value"))
_FAILURE: Final = Layout(
    m.Failure, uint32(1, "code"), text(2, "message"), pairs(3, "metadata", text(1, "key"), text(2, "value"))
)
_STATE_KEYS: Final = Layout(_StateKeys, repeated_raw(1, "keys"))
_IDEMPOTENT_TARGET: Final = Layout(
    m.IdempotentRequestTarget,
    text(1, "service_name"),
    optional_text(2, "service_key"),
    text(3, "handler_name"),
    text(4, "idempotency_key"),
    optional_text(5, "scope"),
)
_WORKFLOW_TARGET: Final = Layout(
    m.WorkflowTarget, text(1, "workflow_name"), text(2, "workflow_key"), optional_text(3, "scope")
)
_NAME: Final = text(12, "name")
_RESULT_ID: Final = uint32(11, "result_completion_id")
_COMPLETION_ID: Final = uint32(1, "completion_id")


def _failure(number: int) -> Field:
    return nested(number, "failure", _FAILURE)


def _future(number: int) -> Field:
    put = put_bytes(number)
    return Field(
        "awaiting_on",
        lambda out, tree: put(out, future_bytes(tree)),
        spans={number: take_future},
        default=_NO_WAIT,
    )


def _state_keys(number: int) -> Field:
    put = put_nested(number, _STATE_KEYS.write)
    return Field(
        "keys",
        lambda out, keys: put(out, _StateKeys(keys)),
        spans={number: lambda data, start, end: _STATE_KEYS.take(data, start, end).keys},
        default=(),
    )


def _signal(index_number: int, name_number: int) -> Field:
    put_index, put_name = put_number(index_number), put_text(name_number)

    def write(out: bytearray, signal: int | str) -> None:
        if isinstance(signal, int):
            put_index(out, signal)
        else:
            put_name(out, signal)

    return Field(
        "signal", write, numbers={index_number: bounded(UINT32_MAX)}, spans={name_number: take_text}, default=0
    )


def _target() -> Field:
    put_id = put_text(1)
    put_idempotent = put_nested(3, _IDEMPOTENT_TARGET.write)
    put_workflow = put_nested(4, _WORKFLOW_TARGET.write)

    def write(out: bytearray, target: m.InvocationName) -> None:
        match target:
            case m.IdempotentRequestTarget():
                put_idempotent(out, target)
            case m.WorkflowTarget():
                put_workflow(out, target)
            case text_of_id:
                put_id(out, text_of_id)

    spans = {1: take_text, 3: _IDEMPOTENT_TARGET.take, 4: _WORKFLOW_TARGET.take}
    return Field("target", write, spans=spans, default="")


CONTROL: Final[tuple[tuple[type, Layout[Any]], ...]] = (
    (
        m.Start,
        Layout(
            m.Start,
            raw(1, "id"),
            text(2, "debug_id"),
            uint32(3, "known_entries"),
            mapping(4, "state_map", raw(1, "key"), raw(2, "value")),
            boolean(5, "partial_state"),
            text(6, "key"),
            uint32(7, "retry_count_since_last_stored_entry"),
            uint64(8, "duration_since_last_stored_entry"),
            uint64(9, "random_seed"),
            optional_text(10, "scope"),
            optional_text(11, "limit_key"),
            optional_text(12, "idempotency_key"),
        ),
    ),
    (m.Suspension, Layout(m.Suspension, _future(4))),
    (
        m.Error,
        Layout(
            m.Error,
            uint32(1, "code"),
            text(2, "message"),
            text(3, "stacktrace"),
            optional_uint32(4, "related_command_index"),
            optional_text(5, "related_command_name"),
            optional_uint32(6, "related_command_type"),
            optional_uint64(8, "next_retry_delay"),
            choice(9, "behavior", m.ErrorBehavior),
        ),
    ),
    (m.End, Layout(m.End)),
    (m.CommandAck, Layout(m.CommandAck, uint32(1, "command_index"))),
    (
        m.ProposeRunCompletion,
        Layout(
            m.ProposeRunCompletion,
            uint32(1, "result_completion_id"),
            optional_raw(14, "value"),
            _failure(15),
            nothing=14,
        ),
    ),
    (m.AwaitingOn, Layout(m.AwaitingOn, _future(1), boolean(2, "executing_side_effects"))),
    (m.ProposeRunCompletionAck, Layout(m.ProposeRunCompletionAck, _COMPLETION_ID)),
)

COMMANDS: Final[tuple[tuple[type, Layout[Any]], ...]] = (
    (m.InputCommand, Layout(m.InputCommand, repeated(1, "headers", _HEADER), required_value(14, "value"), _NAME)),
    (m.OutputCommand, Layout(m.OutputCommand, value(14, "value"), _failure(15), _NAME, nothing=14)),
    (m.GetLazyStateCommand, Layout(m.GetLazyStateCommand, raw(1, "key"), _RESULT_ID, _NAME)),
    (m.SetStateCommand, Layout(m.SetStateCommand, raw(1, "key"), required_value(3, "value"), _NAME)),
    (m.ClearStateCommand, Layout(m.ClearStateCommand, raw(1, "key"), _NAME)),
    (m.ClearAllStateCommand, Layout(m.ClearAllStateCommand, _NAME)),
    (m.GetLazyStateKeysCommand, Layout(m.GetLazyStateKeysCommand, _RESULT_ID, _NAME)),
    (m.GetEagerStateCommand, Layout(m.GetEagerStateCommand, raw(1, "key"), value(14, "value"), _NAME, nothing=13)),
    (m.GetEagerStateKeysCommand, Layout(m.GetEagerStateKeysCommand, _state_keys(14), _NAME)),
    (m.GetPromiseCommand, Layout(m.GetPromiseCommand, text(1, "key"), _RESULT_ID, _NAME)),
    (m.PeekPromiseCommand, Layout(m.PeekPromiseCommand, text(1, "key"), _RESULT_ID, _NAME)),
    (
        m.CompletePromiseCommand,
        Layout(m.CompletePromiseCommand, text(1, "key"), value(2, "value"), _failure(3), _RESULT_ID, _NAME),
    ),
    (m.SleepCommand, Layout(m.SleepCommand, uint64(1, "wake_up_time"), _RESULT_ID, _NAME)),
    (
        m.CallCommand,
        Layout(
            m.CallCommand,
            text(1, "service_name"),
            text(2, "handler_name"),
            raw(3, "parameter"),
            repeated(4, "headers", _HEADER),
            text(5, "key"),
            optional_text(6, "idempotency_key"),
            optional_text(7, "scope"),
            optional_text(8, "limit_key"),
            uint32(10, "invocation_id_notification_idx"),
            _RESULT_ID,
            _NAME,
        ),
    ),
    (
        m.OneWayCallCommand,
        Layout(
            m.OneWayCallCommand,
            text(1, "service_name"),
            text(2, "handler_name"),
            raw(3, "parameter"),
            uint64(4, "invoke_time"),
            repeated(5, "headers", _HEADER),
            text(6, "key"),
            optional_text(7, "idempotency_key"),
            optional_text(8, "scope"),
            optional_text(9, "limit_key"),
            uint32(10, "invocation_id_notification_idx"),
            _NAME,
        ),
    ),
    (
        m.SendSignalCommand,
        Layout(
            m.SendSignalCommand,
            text(1, "target_invocation_id"),
            _signal(2, 3),
            value(5, "value"),
            _failure(6),
            _NAME,
            nothing=4,
        ),
    ),
    (m.RunCommand, Layout(m.RunCommand, _RESULT_ID, _NAME)),
    (m.AttachInvocationCommand, Layout(m.AttachInvocationCommand, _target(), _RESULT_ID, _NAME)),
    (m.GetInvocationOutputCommand, Layout(m.GetInvocationOutputCommand, _target(), _RESULT_ID, _NAME)),
    (
        m.CompleteAwakeableCommand,
        Layout(m.CompleteAwakeableCommand, text(1, "awakeable_id"), value(2, "value"), _failure(3), _NAME, nothing=2),
    ),
)

NOTIFICATIONS: Final[tuple[tuple[type, Layout[Any]], ...]] = (
    *(
        (kind, Layout(kind, _COMPLETION_ID, value(5, "value"), _failure(6), nothing=4))
        for kind in (m.GetLazyStateCompletion, m.PeekPromiseCompletion, m.GetInvocationOutputCompletion)
    ),
    *(
        (kind, Layout(kind, _COMPLETION_ID, value(5, "value"), _failure(6), nothing=5))
        for kind in (m.GetPromiseCompletion, m.CallCompletion, m.RunCompletion, m.AttachInvocationCompletion)
    ),
    (m.GetLazyStateKeysCompletion, Layout(m.GetLazyStateKeysCompletion, _COMPLETION_ID, _state_keys(17))),
    (m.CompletePromiseCompletion, Layout(m.CompletePromiseCompletion, _COMPLETION_ID, _failure(6), nothing=4)),
    (m.SleepCompletion, Layout(m.SleepCompletion, _COMPLETION_ID, nothing=4)),
    (
        m.CallInvocationIdCompletion,
        Layout(m.CallInvocationIdCompletion, _COMPLETION_ID, text(16, "invocation_id")),
    ),
    (m.SignalNotification, Layout(m.SignalNotification, _signal(2, 3), value(5, "value"), _failure(6), nothing=4)),
)
