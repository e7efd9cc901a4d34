"""The public names and signatures, frozen: programs written for Restate's Python SDK must find them unchanged.

One line each: a name, and its parameters with a marker where they have a default (`=`), where they are only taken by
position (`/`), or where they take any number (`*`, `**`). Long lines go on indented. More parameters may come behind
those that are listed.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
from typing import Any

import pytest

import odradek

SIGNATURES = """
Context()
Context.attach_invocation(self, invocation_id, serde=, type_hint=)
Context.awakeable(self, serde=, type_hint=)
Context.cancel_invocation(self, invocation_id)
Context.generic_call(self, service, handler, arg, key=, idempotency_key=, headers=, scope=, limit_key=)
Context.generic_send(self, service, handler, arg, key=, send_delay=, idempotency_key=, headers=, scope=,
    limit_key=)
Context.object_call(self, tpe, key, arg, idempotency_key=, headers=)
Context.object_send(self, tpe, key, arg, send_delay=, idempotency_key=, headers=)
Context.random(self)
Context.reject_awakeable(self, name, failure_message, failure_code=)
Context.reject_signal(self, invocation_id, name, failure_message, failure_code=)
Context.request(self)
Context.resolve_awakeable(self, name, value, serde=)
Context.resolve_signal(self, invocation_id, name, value, serde=)
Context.run(self, name, action, serde=, max_attempts=, max_retry_duration=, type_hint=, args=)
Context.run_typed(/self, /name, /action, /options=, *args, **kwargs)
Context.service_call(self, tpe, arg, idempotency_key=, headers=)
Context.service_send(self, tpe, arg, send_delay=, idempotency_key=, headers=)
Context.signal(self, name, serde=, type_hint=)
Context.sleep(self, delta, name=)
Context.time(self)
Context.uuid(self)
Context.workflow_call(self, tpe, key, arg, idempotency_key=, headers=)
Context.workflow_send(self, tpe, key, arg, send_delay=, idempotency_key=, headers=)
DurablePromise(name, serde=)
DurablePromise.__await__(self)
DurablePromise.peek(self)
DurablePromise.reject(self, message, code=)
DurablePromise.resolve(self, value)
DurablePromise.value(self)
HttpError(status_code, message, body=)
InvocationRetryPolicy(initial_interval=, exponentiation_factor=, max_interval=, max_attempts=, on_max_attempts=)
JournalValueCodec()
JournalValueCodec.decode(self, buf)
JournalValueCodec.encode(self, buf)
ObjectContext()
ObjectContext.attach_invocation(self, invocation_id, serde=, type_hint=)
ObjectContext.awakeable(self, serde=, type_hint=)
ObjectContext.cancel_invocation(self, invocation_id)
ObjectContext.clear(self, name, entry_name=)
ObjectContext.clear_all(self, entry_name=)
ObjectContext.generic_call(self, service, handler, arg, key=, idempotency_key=, headers=, scope=, limit_key=)
ObjectContext.generic_send(self, service, handler, arg, key=, send_delay=, idempotency_key=, headers=, scope=,
    limit_key=)
ObjectContext.get(self, name, serde=, type_hint=, entry_name=)
ObjectContext.key(self)
ObjectContext.object_call(self, tpe, key, arg, idempotency_key=, headers=)
ObjectContext.object_send(self, tpe, key, arg, send_delay=, idempotency_key=, headers=)
ObjectContext.random(self)
ObjectContext.reject_awakeable(self, name, failure_message, failure_code=)
ObjectContext.reject_signal(self, invocation_id, name, failure_message, failure_code=)
ObjectContext.request(self)
ObjectContext.resolve_awakeable(self, name, value, serde=)
ObjectContext.resolve_signal(self, invocation_id, name, value, serde=)
ObjectContext.run(self, name, action, serde=, max_attempts=, max_retry_duration=, type_hint=, args=)
ObjectContext.run_typed(/self, /name, /action, /options=, *args, **kwargs)
ObjectContext.service_call(self, tpe, arg, idempotency_key=, headers=)
ObjectContext.service_send(self, tpe, arg, send_delay=, idempotency_key=, headers=)
ObjectContext.set(self, name, value, serde=, entry_name=)
ObjectContext.signal(self, name, serde=, type_hint=)
ObjectContext.sleep(self, delta, name=)
ObjectContext.state_keys(self, entry_name=)
ObjectContext.time(self)
ObjectContext.uuid(self)
ObjectContext.workflow_call(self, tpe, key, arg, idempotency_key=, headers=)
ObjectContext.workflow_send(self, tpe, key, arg, send_delay=, idempotency_key=, headers=)
ObjectSharedContext()
ObjectSharedContext.attach_invocation(self, invocation_id, serde=, type_hint=)
ObjectSharedContext.awakeable(self, serde=, type_hint=)
ObjectSharedContext.cancel_invocation(self, invocation_id)
ObjectSharedContext.generic_call(self, service, handler, arg, key=, idempotency_key=, headers=, scope=, limit_key=)
ObjectSharedContext.generic_send(self, service, handler, arg, key=, send_delay=, idempotency_key=, headers=, scope=,
    limit_key=)
ObjectSharedContext.get(self, name, serde=, type_hint=, entry_name=)
ObjectSharedContext.key(self)
ObjectSharedContext.object_call(self, tpe, key, arg, idempotency_key=, headers=)
ObjectSharedContext.object_send(self, tpe, key, arg, send_delay=, idempotency_key=, headers=)
ObjectSharedContext.random(self)
ObjectSharedContext.reject_awakeable(self, name, failure_message, failure_code=)
ObjectSharedContext.reject_signal(self, invocation_id, name, failure_message, failure_code=)
ObjectSharedContext.request(self)
ObjectSharedContext.resolve_awakeable(self, name, value, serde=)
ObjectSharedContext.resolve_signal(self, invocation_id, name, value, serde=)
ObjectSharedContext.run(self, name, action, serde=, max_attempts=, max_retry_duration=, type_hint=, args=)
ObjectSharedContext.run_typed(/self, /name, /action, /options=, *args, **kwargs)
ObjectSharedContext.service_call(self, tpe, arg, idempotency_key=, headers=)
ObjectSharedContext.service_send(self, tpe, arg, send_delay=, idempotency_key=, headers=)
ObjectSharedContext.signal(self, name, serde=, type_hint=)
ObjectSharedContext.sleep(self, delta, name=)
ObjectSharedContext.state_keys(self, entry_name=)
ObjectSharedContext.time(self)
ObjectSharedContext.uuid(self)
ObjectSharedContext.workflow_call(self, tpe, key, arg, idempotency_key=, headers=)
ObjectSharedContext.workflow_send(self, tpe, key, arg, send_delay=, idempotency_key=, headers=)
RestateClient()
RestateClient.generic_call(self, service, handler, arg, key=, idempotency_key=, headers=, scope=, limit_key=)
RestateClient.generic_send(self, service, handler, arg, key=, send_delay=, idempotency_key=, headers=, scope=,
    limit_key=)
RestateClient.object_call(self, tpe, key, arg, idempotency_key=, headers=)
RestateClient.object_send(self, tpe, key, arg, send_delay=, idempotency_key=, headers=)
RestateClient.service_call(self, tpe, arg, idempotency_key=, headers=)
RestateClient.service_send(self, tpe, arg, send_delay=, idempotency_key=, headers=)
RestateClient.workflow_call(self, tpe, key, arg, idempotency_key=, headers=)
RestateClient.workflow_send(self, tpe, key, arg, send_delay=, idempotency_key=, headers=)
RestateClientSendHandle(invocation_id, status_code)
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
Workflow(name, description=, metadata=, inactivity_timeout=, abort_timeout=, journal_retention=,
    idempotency_retention=, enable_lazy_state=, state_preload=, ingress_private=, invocation_retry_policy=,
    invocation_context_managers=)
Workflow.handler(self, name=, accept=, content_type=, input_serde=, output_serde=, metadata=, inactivity_timeout=,
    abort_timeout=, journal_retention=, idempotency_retention=, enable_lazy_state=, state_preload=,
    ingress_private=, invocation_retry_policy=, invocation_context_managers=)
Workflow.main(self, name=, accept=, content_type=, input_serde=, output_serde=, metadata=, inactivity_timeout=,
    abort_timeout=, journal_retention=, workflow_retention=, enable_lazy_state=, state_preload=, ingress_private=,
    invocation_retry_policy=, invocation_context_managers=)
WorkflowContext()
WorkflowContext.attach_invocation(self, invocation_id, serde=, type_hint=)
WorkflowContext.awakeable(self, serde=, type_hint=)
WorkflowContext.cancel_invocation(self, invocation_id)
WorkflowContext.clear(self, name, entry_name=)
WorkflowContext.clear_all(self, entry_name=)
WorkflowContext.generic_call(self, service, handler, arg, key=, idempotency_key=, headers=, scope=, limit_key=)
WorkflowContext.generic_send(self, service, handler, arg, key=, send_delay=, idempotency_key=, headers=, scope=,
    limit_key=)
WorkflowContext.get(self, name, serde=, type_hint=, entry_name=)
WorkflowContext.key(self)
WorkflowContext.object_call(self, tpe, key, arg, idempotency_key=, headers=)
WorkflowContext.object_send(self, tpe, key, arg, send_delay=, idempotency_key=, headers=)
WorkflowContext.promise(self, name, serde=, type_hint=)
WorkflowContext.random(self)
WorkflowContext.reject_awakeable(self, name, failure_message, failure_code=)
WorkflowContext.reject_signal(self, invocation_id, name, failure_message, failure_code=)
WorkflowContext.request(self)
WorkflowContext.resolve_awakeable(self, name, value, serde=)
WorkflowContext.resolve_signal(self, invocation_id, name, value, serde=)
WorkflowContext.run(self, name, action, serde=, max_attempts=, max_retry_duration=, type_hint=, args=)
WorkflowContext.run_typed(/self, /name, /action, /options=, *args, **kwargs)
WorkflowContext.service_call(self, tpe, arg, idempotency_key=, headers=)
WorkflowContext.service_send(self, tpe, arg, send_delay=, idempotency_key=, headers=)
WorkflowContext.set(self, name, value, serde=, entry_name=)
WorkflowContext.signal(self, name, serde=, type_hint=)
WorkflowContext.sleep(self, delta, name=)
WorkflowContext.state_keys(self, entry_name=)
WorkflowContext.time(self)
WorkflowContext.uuid(self)
WorkflowContext.workflow_call(self, tpe, key, arg, idempotency_key=, headers=)
WorkflowContext.workflow_send(self, tpe, key, arg, send_delay=, idempotency_key=, headers=)
WorkflowSharedContext()
WorkflowSharedContext.attach_invocation(self, invocation_id, serde=, type_hint=)
WorkflowSharedContext.awakeable(self, serde=, type_hint=)
WorkflowSharedContext.cancel_invocation(self, invocation_id)
WorkflowSharedContext.generic_call(self, service, handler, arg, key=, idempotency_key=, headers=, scope=, limit_key=)
WorkflowSharedContext.generic_send(self, service, handler, arg, key=, send_delay=, idempotency_key=, headers=, scope=,
    limit_key=)
WorkflowSharedContext.get(self, name, serde=, type_hint=, entry_name=)
WorkflowSharedContext.key(self)
WorkflowSharedContext.object_call(self, tpe, key, arg, idempotency_key=, headers=)
WorkflowSharedContext.object_send(self, tpe, key, arg, send_delay=, idempotency_key=, headers=)
WorkflowSharedContext.promise(self, name, serde=, type_hint=)
WorkflowSharedContext.random(self)
WorkflowSharedContext.reject_awakeable(self, name, failure_message, failure_code=)
WorkflowSharedContext.reject_signal(self, invocation_id, name, failure_message, failure_code=)
WorkflowSharedContext.request(self)
WorkflowSharedContext.resolve_awakeable(self, name, value, serde=)
WorkflowSharedContext.resolve_signal(self, invocation_id, name, value, serde=)
WorkflowSharedContext.run(self, name, action, serde=, max_attempts=, max_retry_duration=, type_hint=, args=)
WorkflowSharedContext.run_typed(/self, /name, /action, /options=, *args, **kwargs)
WorkflowSharedContext.service_call(self, tpe, arg, idempotency_key=, headers=)
WorkflowSharedContext.service_send(self, tpe, arg, send_delay=, idempotency_key=, headers=)
WorkflowSharedContext.signal(self, name, serde=, type_hint=)
WorkflowSharedContext.sleep(self, delta, name=)
WorkflowSharedContext.state_keys(self, entry_name=)
WorkflowSharedContext.time(self)
WorkflowSharedContext.uuid(self)
WorkflowSharedContext.workflow_call(self, tpe, key, arg, idempotency_key=, headers=)
WorkflowSharedContext.workflow_send(self, tpe, key, arg, send_delay=, idempotency_key=, headers=)
app(services, protocol=, identity_keys=, journal_value_codec=)
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
create_client(ingress=, headers=, journal_value_codec=)
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
Context DurablePromise HttpError InvocationRetryPolicy JournalValueCodec JournalValueCodecProvider ObjectContext
ObjectSharedContext RestateClient RestateClientSendHandle RestateDurableCallFuture RestateDurableFuture
RestateDurableSleepFuture RestateLoggingFilter RunOptions SdkInternalBaseException SendHandle Service TerminalError
VirtualObject Workflow WorkflowContext WorkflowSharedContext app as_completed create_client gather getLogger
is_internal_exception logging select wait_completed
"""

SUBMODULES = """
asyncio: as_completed gather select wait_completed
client: create_client
client_types: HttpError RestateClient RestateClientSendHandle
context: AttemptFinishedEvent Context DurablePromise KeyValueStore ObjectContext ObjectSharedContext Request
    RestateDurableCallFuture RestateDurableFuture RestateDurableSleepFuture RunOptions SendHandle WorkflowContext
    WorkflowSharedContext
context_managers: contextvar
endpoint: app
entry_codec: JournalValueCodec JournalValueCodecProvider
exceptions: RetryableError SdkInternalBaseException SdkInternalException SuspendedException TerminalError
    is_internal_exception
extensions: contextvar current_context
handler: Handler HandlerIO ServiceTag handler_from_callable
logging: RestateLoggingFilter getLogger
object: VirtualObject
retry_policy: InvocationRetryPolicy
serde: BytesSerde DefaultSerde JsonSerde MsgspecJsonSerde PydanticJsonSerde Serde
service: Service
workflow: Workflow
"""

NO_SCOPES = "scopes and limit keys belong to flow control, which the engine does not have"
NO_TUNNELS = "tunnels to a hosted server: an endpoint is reached by its address"
OWN_KIT = "they run a server in a container: odradek.testing runs the engine itself, in memory"
MISSING = {
    "ScopedContext": NO_SCOPES,
    "Context.scope": NO_SCOPES,
    "RestateClient.scope": NO_SCOPES,
    "connect": NO_TUNNELS,
    "with_connection": NO_TUNNELS,
    "ConnectError": NO_TUNNELS,
    "create_test_harness": OWN_KIT,
    "test_harness": OWN_KIT,
    "HarnessEnvironment": OWN_KIT,
}
"""What that SDK has and this one has not, on purpose. Generic calls take a `scope`; the engine refuses it."""

INTERNAL = "its own machinery, which has no promise to users"
MISSING_IN_MODULES = {
    "client.Client": "create_client makes it",
    "client_types.RestateScopedClient": NO_SCOPES,
    "context.ScopedContext": NO_SCOPES,
    "endpoint.Endpoint": "app() takes all that it collects",
    "_preview": "explicit recovery is a preview, and the engine always replays",
    "aws_lambda": "an endpoint runs in a process of its own, or in the node",
    "connection": NO_TUNNELS,
    "discovery.compute_discovery": INTERNAL,
    "ext": "agents of AI libraries: what they wrap is run as steps, with nothing between",
    "harness": OWN_KIT,
    "server": INTERNAL,
    "server_context": INTERNAL,
    "server_types": INTERNAL,
    "types": OWN_KIT,
    "vm.VMWrapper": INTERNAL,
}
"""The same of what is reached by a module's name."""

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


@pytest.mark.parametrize("line", SUBMODULES.strip().replace("\n    ", " ").splitlines())
def test_names_are_where_programs_import_them_from(line: str) -> None:
    module, _, names = line.partition(": ")
    found = importlib.import_module(f"odradek.{module}")
    assert [name for name in names.split() if not hasattr(found, name)] == []


@pytest.mark.parametrize("path", MISSING_IN_MODULES)
def test_what_is_missing_in_modules_is_missing(path: str) -> None:
    module, _, name = path.partition(".")
    if name:
        assert not hasattr(importlib.import_module(f"odradek.{module}"), name)
    else:
        assert importlib.util.find_spec(f"odradek.{module}") is None


def test_everything_exported_exists() -> None:
    assert sorted(odradek.__all__) == odradek.__all__
    for name in odradek.__all__:
        assert hasattr(odradek, name)


@pytest.mark.parametrize("path", MISSING)
def test_what_is_missing_is_missing(path: str) -> None:
    with pytest.raises(AttributeError):
        find(path)
