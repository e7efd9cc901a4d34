"""Journal entries and what befell an invocation as JSON, in the shape that Restate's tools read.

Two forms of an entry: the full one holds payloads as arrays of bytes, the lite one says only what kind of result
there is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from odradek.protocol import messages as m
from odradek.protocol.manifest import ServiceType
from odradek_engine.model.registry import Schema
from odradek_engine.model.rows import AttemptFailure, ErrorEvent
from odradek_engine.model.target import TargetKind

_NO_SPAN: Final = {
    "span_context": {
        "trace_id": [0] * 16,
        "span_id": [0] * 8,
        "trace_flags": 0,
        "is_remote": False,
        "trace_state": "",
    },
    "cause": None,
}
_COMMAND_NAMES: Final[dict[type[Any], str]] = {
    m.InputCommand: "Input",
    m.OutputCommand: "Output",
    m.GetLazyStateCommand: "GetLazyState",
    m.SetStateCommand: "SetState",
    m.ClearStateCommand: "ClearState",
    m.ClearAllStateCommand: "ClearAllState",
    m.GetLazyStateKeysCommand: "GetLazyStateKeys",
    m.GetEagerStateCommand: "GetEagerState",
    m.GetEagerStateKeysCommand: "GetEagerStateKeys",
    m.GetPromiseCommand: "GetPromise",
    m.PeekPromiseCommand: "PeekPromise",
    m.CompletePromiseCommand: "CompletePromise",
    m.SleepCommand: "Sleep",
    m.CallCommand: "Call",
    m.OneWayCallCommand: "OneWayCall",
    m.SendSignalCommand: "SendSignal",
    m.RunCommand: "Run",
    m.AttachInvocationCommand: "AttachInvocation",
    m.GetInvocationOutputCommand: "GetInvocationOutput",
    m.CompleteAwakeableCommand: "CompleteAwakeable",
}
_COMPLETION_NAMES: Final[dict[type[Any], str]] = {
    m.GetLazyStateCompletion: "GetLazyState",
    m.GetLazyStateKeysCompletion: "GetLazyStateKeys",
    m.GetPromiseCompletion: "GetPromise",
    m.PeekPromiseCompletion: "PeekPromise",
    m.CompletePromiseCompletion: "CompletePromise",
    m.SleepCompletion: "Sleep",
    m.CallCompletion: "Call",
    m.CallInvocationIdCompletion: "CallInvocationId",
    m.RunCompletion: "Run",
    m.AttachInvocationCompletion: "AttachInvocation",
    m.GetInvocationOutputCompletion: "GetInvocationOutput",
}


def entry_type(entry: m.Entry) -> str:
    """`Command: Run`, `Notification: Signal`."""
    name = _COMMAND_NAMES.get(type(entry))
    return f"Command: {name}" if name else f"Notification: {_notification_name(entry)}"


def command_type_name(message_type: int | None) -> str | None:
    """The name of a command by its message type in the protocol."""
    for command, name in _COMMAND_NAMES.items():
        if command.__struct_config__.tag == message_type:
            return name
    return None


def is_command(entry: m.Entry) -> bool:
    """Whether the handler made the entry."""
    return type(entry) in _COMMAND_NAMES


def entry_name(entry: m.Entry) -> str | None:
    """What the handler called it; None for notifications."""
    return getattr(entry, "name", None)


def entry_json(entry: m.Entry, callees: Mapping[int, str], schema: Schema, lite: bool) -> str:
    """An entry as JSON text. `callees`: invocation ids by the completion ids that carry them."""
    if is_command(entry):
        body = _command(entry, callees, schema, lite)
        name = entry_name(entry)
        if not lite or (name and isinstance(entry, m.RunCommand | m.SleepCommand)):
            body["name"] = name
        shape: Any = {"Command": {_COMMAND_NAMES[type(entry)]: body}}
    elif lite:
        shape = {"Notification": _lite_notification(entry)}
    else:
        shape = {"Notification": _notification(entry)}
    return msgspec.json.encode(shape).decode()


# --- commands ---


def _command(entry: Any, callees: Mapping[int, str], schema: Schema, lite: bool) -> dict[str, Any]:
    match entry:
        case m.InputCommand():
            return {} if lite else {"headers": _headers(entry.headers), "payload": list(entry.value)}
        case m.OutputCommand():
            return {"result": _result(entry.value, entry.failure, lite)}
        case m.GetLazyStateCommand():
            return {"key": _text(entry.key), "completion_id": entry.result_completion_id}
        case m.GetLazyStateKeysCommand():
            return {"completion_id": entry.result_completion_id}
        case m.GetEagerStateCommand():
            return {"key": _text(entry.key), "result": _result(entry.value, None, lite)}
        case m.GetEagerStateKeysCommand():
            return {} if lite else {"state_keys": [_text(key) for key in entry.keys]}
        case m.SetStateCommand():
            return {"key": _text(entry.key)} | ({} if lite else {"value": list(entry.value)})
        case m.ClearStateCommand():
            return {"key": _text(entry.key)}
        case m.SleepCommand():
            return {"wake_up_time": entry.wake_up_time, "completion_id": entry.result_completion_id}
        case m.RunCommand():
            return {"completion_id": entry.result_completion_id}
        case m.GetPromiseCommand() | m.PeekPromiseCommand():
            return {"key": entry.key, "completion_id": entry.result_completion_id}
        case m.CompletePromiseCommand():
            value = {} if lite else {"value": _result(entry.value, entry.failure, lite)}
            return {"key": entry.key} | value | {"completion_id": entry.result_completion_id}
        case m.AttachInvocationCommand() | m.GetInvocationOutputCommand():
            return {"target": _invocation_name(entry.target), "completion_id": entry.result_completion_id}
        case m.SendSignalCommand():
            return {
                "target_invocation_id": entry.target_invocation_id,
                "signal_id": _signal_id(entry.signal),
                "result": _result(entry.value, entry.failure, lite),
            }
        case m.CompleteAwakeableCommand():
            return {"id": entry.awakeable_id, "result": _result(entry.value, entry.failure, lite)}
        case m.CallCommand():
            completions = {
                "invocation_id_completion_id": entry.invocation_id_notification_idx,
                "result_completion_id": entry.result_completion_id,
            }
            return _request(entry, callees, schema, lite) | completions
        case m.OneWayCallCommand():
            return _request(entry, callees, schema, lite) | {
                "invoke_time": entry.invoke_time,
                "invocation_id_completion_id": entry.invocation_id_notification_idx,
            }
        case _:  # m.ClearAllStateCommand has nothing but its name
            return {}


def _request(
    entry: m.CallCommand | m.OneWayCallCommand, callees: Mapping[int, str], schema: Schema, lite: bool
) -> dict[str, Any]:
    target = {
        "invocation_id": callees.get(entry.invocation_id_notification_idx),
        "invocation_target": _target(entry, schema),
    }
    if lite:
        return target
    handler = schema.handler(entry.service_name, entry.handler_name)
    completion_retention, journal_retention = handler.retentions(entry.idempotency_key) if handler else (0, 0)
    return {
        "request": target
        | {
            "span_context": _NO_SPAN,
            "parameter": list(entry.parameter),
            "headers": _headers(entry.headers),
            "idempotency_key": entry.idempotency_key,
            "completion_retention_duration": _duration(completion_retention),
            "journal_retention_duration": _duration(journal_retention),
        }
    }


def _target(entry: m.CallCommand | m.OneWayCallCommand, schema: Schema) -> dict[str, Any]:
    service = schema.services.get(entry.service_name)
    if service is None or service.manifest.ty is ServiceType.SERVICE:
        return {"Service": {"name": entry.service_name, "handler": entry.handler_name, "scope": None}}
    handler = schema.handler(entry.service_name, entry.handler_name)
    workflow = service.manifest.ty is ServiceType.WORKFLOW
    shared = handler is not None and handler.kind in (TargetKind.OBJECT_SHARED, TargetKind.WORKFLOW_SHARED)
    alone = "Workflow" if workflow else "Exclusive"
    return {
        "Workflow" if workflow else "VirtualObject": {
            "name": entry.service_name,
            "key": entry.key,
            "handler": entry.handler_name,
            "handler_ty": "Shared" if shared else alone,
            "scope": None,
        }
    }


# --- notifications ---


def _notification_name(entry: Any) -> str:
    return "Signal" if isinstance(entry, m.SignalNotification) else _COMPLETION_NAMES[type(entry)]


def _notification(entry: Any) -> dict[str, Any]:
    if isinstance(entry, m.SignalNotification):
        return {"Signal": {"id": _signal_id(entry.signal), "result": _result(entry.value, entry.failure, False)}}
    body: dict[str, Any] = {"completion_id": entry.completion_id}
    match entry:
        case m.CallInvocationIdCompletion():
            body["invocation_id"] = entry.invocation_id
        case m.GetLazyStateKeysCompletion():
            body["state_keys"] = [_text(key) for key in entry.keys]
        case m.SleepCompletion():
            pass
        case _:
            body["result"] = _completion_result(entry, False)
    return {"Completion": {_notification_name(entry): body}}


def _lite_notification(entry: Any) -> dict[str, Any]:
    if isinstance(entry, m.SignalNotification):
        index = isinstance(entry.signal, int)
        identifier = {"SignalIndex" if index else "SignalName": entry.signal}
        return {"ty": "Signal", "id": identifier, "result": _result(entry.value, entry.failure, True)}
    match entry:
        case m.CallInvocationIdCompletion():
            result: Any = "InvocationId"
        case m.GetLazyStateKeysCompletion():
            result = "StateKeys"
        case m.SleepCompletion():
            result = "Void"
        case _:
            result = _completion_result(entry, True)
    kind = {"Completion": _notification_name(entry)}
    return {"ty": kind, "id": {"CompletionId": entry.completion_id}, "result": result}


# --- parts ---


def _result(value: bytes | None, failure: m.Failure | None, lite: bool) -> Any:
    if failure is not None:
        return "Failure" if lite else {"Failure": {"code": failure.code, "message": failure.message}}
    if value is None:
        return "Void"
    return "Success" if lite else {"Success": list(value)}


def _completion_result(entry: Any, lite: bool) -> Any:
    return _result(getattr(entry, "value", None), entry.failure, lite)


def _invocation_name(name: m.InvocationName) -> dict[str, Any]:
    if isinstance(name, str):
        return {"InvocationId": name}
    kind = "Workflow" if isinstance(name, m.WorkflowTarget) else "IdempotentRequest"
    return {kind: msgspec.structs.asdict(name)}


def _signal_id(signal: int | str) -> dict[str, Any]:
    return {"Index": signal} if isinstance(signal, int) else {"Name": signal}


def _headers(headers: tuple[m.Header, ...]) -> list[dict[str, str]]:
    return [{"name": header.key, "value": header.value} for header in headers]


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "backslashreplace")


def _duration(milliseconds: int) -> dict[str, int]:
    return {"secs": milliseconds // 1000, "nanos": milliseconds % 1000 * 1_000_000}


def future_json(future: m.Future) -> str:
    """What an invocation waits for."""
    return msgspec.json.encode(_future(future)).decode()


def _future(future: m.Future) -> dict[str, Any]:
    leaves: list[Any] = [{"Single": {"CompletionId": each}} for each in future.waiting_completions]
    leaves += [{"Single": {"SignalIndex": each}} for each in future.waiting_signals]
    leaves += [{"Single": {"SignalName": each}} for each in future.waiting_named_signals]
    leaves += [_future(nested) for nested in future.nested_futures]
    names = {
        m.Combinator.UNKNOWN: "Unknown",
        m.Combinator.FIRST_COMPLETED: "FirstCompleted",
        m.Combinator.ALL_COMPLETED: "AllCompleted",
        m.Combinator.FIRST_SUCCEEDED_OR_ALL_FAILED: "FirstSucceededOrAllFailed",
        m.Combinator.ALL_SUCCEEDED_OR_FIRST_FAILED: "AllSucceededOrFirstFailed",
    }
    return {names[future.combinator]: leaves}


def event_json(event: ErrorEvent) -> str:
    """A failed attempt or a pause."""
    body: dict[str, Any] = {"ty": event.kind}
    if event.failure is not None:
        failure = _attempt_failure(event.failure)
        body |= {"last_failure": failure} if event.kind == "Paused" else failure
    return msgspec.json.encode(body).decode()


def _attempt_failure(failure: AttemptFailure) -> dict[str, Any]:
    fields = {
        "error_code": failure.code,
        "error_message": failure.message,
        "error_stacktrace": failure.stacktrace or None,
        "restate_doc_error_code": failure.error_code,
        "related_command_index": failure.related_command_index,
        "related_command_name": failure.related_command_name,
        "related_command_type": command_type_name(failure.related_command_type),
    }
    return {name: value for name, value in fields.items() if value is not None}
