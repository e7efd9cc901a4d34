"""The public names and signatures, frozen: programs written for Restate's Python SDK must find them unchanged.

One line each: a name, and its parameters with a marker where they have a default (`=`), where they are only taken by
position (`/`), or where they take any number (`*`, `**`). Long lines go on indented. More parameters may come behind
those that are listed.
"""

from __future__ import annotations

import importlib
import inspect
from typing import Any

import pytest

import odradek

SIGNATURES = """
Context()
Context.awakeable(self, serde=, type_hint=)
Context.cancel_invocation(self, invocation_id)
Context.generic_call(self, service, handler, arg, key=, idempotency_key=, headers=)
Context.generic_send(self, service, handler, arg, key=, send_delay=, idempotency_key=, headers=)
Context.object_call(self, tpe, key, arg, idempotency_key=, headers=)
Context.object_send(self, tpe, key, arg, send_delay=, idempotency_key=, headers=)
Context.random(self)
Context.reject_awakeable(self, name, failure_message, failure_code=)
Context.request(self)
Context.resolve_awakeable(self, name, value, serde=)
Context.run(self, name, action, serde=, max_attempts=, max_retry_duration=, type_hint=, args=)
Context.run_typed(/self, /name, /action, /options=, *args, **kwargs)
Context.service_call(self, tpe, arg, idempotency_key=, headers=)
Context.service_send(self, tpe, arg, send_delay=, idempotency_key=, headers=)
Context.sleep(self, delta, name=)
Context.time(self)
Context.uuid(self)
InvocationRetryPolicy(initial_interval=, exponentiation_factor=, max_interval=, max_attempts=, on_max_attempts=)
ObjectContext()
ObjectContext.awakeable(self, serde=, type_hint=)
ObjectContext.cancel_invocation(self, invocation_id)
ObjectContext.clear(self, name, entry_name=)
ObjectContext.clear_all(self, entry_name=)
ObjectContext.generic_call(self, service, handler, arg, key=, idempotency_key=, headers=)
ObjectContext.generic_send(self, service, handler, arg, key=, send_delay=, idempotency_key=, headers=)
ObjectContext.get(self, name, serde=, type_hint=, entry_name=)
ObjectContext.key(self)
ObjectContext.object_call(self, tpe, key, arg, idempotency_key=, headers=)
ObjectContext.object_send(self, tpe, key, arg, send_delay=, idempotency_key=, headers=)
ObjectContext.random(self)
ObjectContext.reject_awakeable(self, name, failure_message, failure_code=)
ObjectContext.request(self)
ObjectContext.resolve_awakeable(self, name, value, serde=)
ObjectContext.run(self, name, action, serde=, max_attempts=, max_retry_duration=, type_hint=, args=)
ObjectContext.run_typed(/self, /name, /action, /options=, *args, **kwargs)
ObjectContext.service_call(self, tpe, arg, idempotency_key=, headers=)
ObjectContext.service_send(self, tpe, arg, send_delay=, idempotency_key=, headers=)
ObjectContext.set(self, name, value, serde=, entry_name=)
ObjectContext.sleep(self, delta, name=)
ObjectContext.state_keys(self, entry_name=)
ObjectContext.time(self)
ObjectContext.uuid(self)
ObjectSharedContext()
ObjectSharedContext.awakeable(self, serde=, type_hint=)
ObjectSharedContext.cancel_invocation(self, invocation_id)
ObjectSharedContext.generic_call(self, service, handler, arg, key=, idempotency_key=, headers=)
ObjectSharedContext.generic_send(self, service, handler, arg, key=, send_delay=, idempotency_key=, headers=)
ObjectSharedContext.get(self, name, serde=, type_hint=, entry_name=)
ObjectSharedContext.key(self)
ObjectSharedContext.object_call(self, tpe, key, arg, idempotency_key=, headers=)
ObjectSharedContext.object_send(self, tpe, key, arg, send_delay=, idempotency_key=, headers=)
ObjectSharedContext.random(self)
ObjectSharedContext.reject_awakeable(self, name, failure_message, failure_code=)
ObjectSharedContext.request(self)
ObjectSharedContext.resolve_awakeable(self, name, value, serde=)
ObjectSharedContext.run(self, name, action, serde=, max_attempts=, max_retry_duration=, type_hint=, args=)
ObjectSharedContext.run_typed(/self, /name, /action, /options=, *args, **kwargs)
ObjectSharedContext.service_call(self, tpe, arg, idempotency_key=, headers=)
ObjectSharedContext.service_send(self, tpe, arg, send_delay=, idempotency_key=, headers=)
ObjectSharedContext.sleep(self, delta, name=)
ObjectSharedContext.state_keys(self, entry_name=)
ObjectSharedContext.time(self)
ObjectSharedContext.uuid(self)
RestateDurableCallFuture()
RestateDurableCallFuture.__await__(self)
RestateDurableCallFuture.cancel_invocation(self)
RestateDurableCallFuture.invocation_id(self)
RestateDurableFuture()
RestateDurableFuture.__await__(self)
RestateDurableSleepFuture()
RestateDurableSleepFuture.__await__(self)
RestateLoggingFilter(name=)
RestateLoggingFilter.filter(self, record)
RunOptions(serde=, type_hint=, max_attempts=, max_duration=, initial_retry_interval=, max_retry_interval=,
    retry_interval_factor=, max_retry_duration=)
SdkInternalBaseException(message)
SendHandle()
SendHandle.cancel_invocation(self)
SendHandle.invocation_id(self)
Service(name, description=, metadata=, inactivity_timeout=, abort_timeout=, journal_retention=,
    idempotency_retention=, ingress_private=, invocation_retry_policy=, invocation_context_managers=)
Service.handler(self, name=, accept=, content_type=, input_serde=, output_serde=, metadata=, inactivity_timeout=,
    abort_timeout=, journal_retention=, idempotency_retention=, ingress_private=, invocation_retry_policy=,
    invocation_context_managers=)
TerminalError(message, status_code=, metadata=)
VirtualObject(name, description=, metadata=, inactivity_timeout=, abort_timeout=, journal_retention=,
    idempotency_retention=, enable_lazy_state=, state_preload=, ingress_private=, invocation_retry_policy=,
    invocation_context_managers=)
VirtualObject.handler(self, name=, kind=, accept=, content_type=, input_serde=, output_serde=, metadata=,
    inactivity_timeout=, abort_timeout=, journal_retention=, idempotency_retention=, enable_lazy_state=,
    state_preload=, ingress_private=, invocation_retry_policy=, invocation_context_managers=)
app(services)
as_completed(*futures)
context.AttemptFinishedEvent()
context.AttemptFinishedEvent.is_set(self)
context.AttemptFinishedEvent.wait(self)
context.KeyValueStore()
context.KeyValueStore.clear(self, name, entry_name=)
context.KeyValueStore.clear_all(self, entry_name=)
context.KeyValueStore.get(self, name, serde=, type_hint=, entry_name=)
context.KeyValueStore.set(self, name, value, serde=, entry_name=)
context.KeyValueStore.state_keys(self, entry_name=)
context.Request(id, headers, attempt_headers, body, attempt_finished_event, scope=, limit_key=, idempotency_key=)
exceptions.RetryableError(message, status_code=, retry_after=)
exceptions.SuspendedException()
extensions.current_context()
gather(*futures)
getLogger(name=)
is_internal_exception(e)
select(**kws)
serde.BytesSerde()
serde.BytesSerde.deserialize(self, buf)
serde.BytesSerde.serialize(self, obj)
serde.DefaultSerde(type_hint=)
serde.DefaultSerde.deserialize(self, buf)
serde.DefaultSerde.serialize(self, obj)
serde.DefaultSerde.with_maybe_type(self, type_hint=)
serde.JsonSerde()
serde.JsonSerde.deserialize(self, buf)
serde.JsonSerde.serialize(self, obj)
serde.MsgspecJsonSerde(model)
serde.MsgspecJsonSerde.deserialize(self, buf)
serde.MsgspecJsonSerde.serialize(self, obj)
serde.PydanticJsonSerde(model)
serde.PydanticJsonSerde.deserialize(self, buf)
serde.PydanticJsonSerde.serialize(self, obj)
serde.Serde()
serde.Serde.deserialize(self, buf)
serde.Serde.serialize(self, obj)
wait_completed(*args)
"""

NAMES = """
Context InvocationRetryPolicy ObjectContext ObjectSharedContext RestateDurableCallFuture RestateDurableFuture
RestateDurableSleepFuture RestateLoggingFilter RunOptions SdkInternalBaseException SendHandle Service TerminalError
VirtualObject app as_completed gather getLogger is_internal_exception select wait_completed
"""

MODULES = ("context", "exceptions", "extensions", "serde")
MARKERS: dict[Any, str] = {
    inspect.Parameter.VAR_POSITIONAL: "*",
    inspect.Parameter.VAR_KEYWORD: "**",
    inspect.Parameter.POSITIONAL_ONLY: "/",
}


def find(path: str) -> Any:
    first, *rest = path.split(".")
    found: Any = importlib.import_module(f"odradek.{first}") if first in MODULES else getattr(odradek, first)
    for name in rest:
        found = getattr(found, name)
    return found


def spell(parameter: inspect.Parameter) -> str:
    default = "" if parameter.default is inspect.Parameter.empty else "="
    return MARKERS.get(parameter.kind, "") + parameter.name + default


@pytest.mark.parametrize("line", SIGNATURES.strip().replace("\n    ", " ").splitlines())
def test_signature(line: str) -> None:
    path, _, parameters = line.removesuffix(")").partition("(")
    expected = parameters.split(", ") if parameters else []
    found = [spell(parameter) for parameter in inspect.signature(find(path)).parameters.values()]
    assert found[: len(expected)] == expected
    assert all(parameter.endswith("=") for parameter in found[len(expected) :])


@pytest.mark.parametrize("name", NAMES.split())
def test_name_is_exported(name: str) -> None:
    assert name in odradek.__all__
    assert hasattr(odradek, name)


def test_everything_exported_exists() -> None:
    assert sorted(odradek.__all__) == odradek.__all__
    for name in odradek.__all__:
        assert hasattr(odradek, name)
