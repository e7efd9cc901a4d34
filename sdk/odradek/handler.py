"""A handler as declared: its function, its serdes, its settings. Made once by a decorator, read at every call."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final, Generic, Literal, TypeVar

from odradek.context import HandlerType
from odradek.exceptions import TerminalError
from odradek.protocol.manifest import HANDLER_NAME
from odradek.retry_policy import InvocationRetryPolicy
from odradek.serde import DefaultSerde, InputSerde, Serde

I = TypeVar("I")  # noqa: E741
O = TypeVar("O")  # noqa: E741

ContextManagers = list[Callable[[], AbstractAsyncContextManager[None]]]
HandlerKind = Literal["exclusive", "shared", "workflow"]

_HANDLER_ATTRIBUTE: Final = "__odradek_handler__"
INVALID_INPUT: Final = 400


class ResultNotSerializable(Exception):
    """A handler returned something that its output serde cannot turn into bytes."""


@dataclass
class ServiceTag:
    """What service a handler belongs to."""

    kind: Literal["object", "service", "workflow"]
    name: str
    description: str | None = None
    metadata: dict[str, str] | None = None


@dataclass
class HandlerOptions:
    """Settings that services and handlers share; None takes the level above."""

    inactivity_timeout: timedelta | None = None
    abort_timeout: timedelta | None = None
    journal_retention: timedelta | None = None
    idempotency_retention: timedelta | None = None
    enable_lazy_state: bool | None = None
    state_preload: bool | list[str] | None = None
    ingress_private: bool | None = None
    invocation_retry_policy: InvocationRetryPolicy | None = None

    def __post_init__(self) -> None:
        if self.state_preload is not None and self.enable_lazy_state is not None:
            raise ValueError("state_preload replaces enable_lazy_state: set only one of them")

    @property
    def lazy_state(self) -> bool | None:
        """Whether state is read key by key instead of coming with the request."""
        if self.state_preload is None:
            return self.enable_lazy_state
        return self.state_preload is not True


@dataclass
class HandlerIO(Generic[I, O]):
    """Content types and serdes of a handler, and the types that its function names."""

    accept: str
    content_type: str
    input_serde: Serde[I]
    output_serde: Serde[O]
    input_type: Any = None
    output_type: Any = None
    has_input: bool = False
    has_output: bool = False

    def read_signature(self, signature: inspect.Signature) -> None:
        """Takes over the types of the function and replaces default serdes by ones for these types."""
        parameters = list(signature.parameters.values())
        self.has_input = len(parameters) > 1
        if self.has_input:
            annotation = parameters[-1].annotation
            self.input_type = Any if annotation is inspect.Parameter.empty else annotation
        returned = signature.return_annotation
        self.has_output = returned is not None and returned is not inspect.Signature.empty
        if self.has_output:
            self.output_type = returned
        if _is_unset(self.input_serde):
            self.input_serde = InputSerde(self.input_type)
        if _is_unset(self.output_serde):
            self.output_serde = DefaultSerde(self.output_type)


def _is_unset(serde: Serde[Any]) -> bool:
    return type(serde) is DefaultSerde and serde.type_hint is None


@dataclass
class Handler(Generic[I, O]):
    """One handler. `fn` is the undecorated function; `target` is `Service/handler`."""

    service_tag: ServiceTag
    handler_io: HandlerIO[I, O]
    kind: HandlerKind | None
    name: str
    fn: Callable[..., Awaitable[O]]
    description: str | None = None
    metadata: dict[str, str] | None = None
    options: HandlerOptions = field(default_factory=HandlerOptions)
    context_managers: ContextManagers = field(default_factory=list)
    workflow_retention: timedelta | None = None
    """Of a workflow's main handler: how long its result, state and promises are kept."""

    def __post_init__(self) -> None:
        self.target = f"{self.service_tag.name}/{self.name}"
        self.takes_input = self.handler_io.has_input

    def parse(self, body: bytes) -> I | None:
        """The input argument; raises `TerminalError` 400 for a body that is not valid."""
        try:
            return self.handler_io.input_serde.deserialize(body)
        except TerminalError:
            raise
        except Exception as error:
            raise TerminalError(f"{self.target} got an invalid input: {error}", INVALID_INPUT) from error

    def render(self, result: O, where: str) -> bytes:
        """The bytes of a result; raises `ResultNotSerializable`, which says `where`."""
        try:
            return self.handler_io.output_serde.serialize(result)
        except Exception as error:
            advice = "return a JSON value, a model or a dataclass, or give the handler another output_serde"
            if inspect.isawaitable(result):
                advice = "the handler returned something that it should have awaited: write `return await ...`"
            raise ResultNotSerializable(
                f"{where} returned a value of type {type(result).__qualname__}, which"
                f" {type(self.handler_io.output_serde).__name__} cannot serialize ({error}); {advice}"
            ) from error


def make_handler(
    service_tag: ServiceTag,
    handler_io: HandlerIO[I, O],
    name: str | None,
    kind: HandlerKind | None,
    fn: Callable[..., Any],
) -> Handler[I, O]:
    """Checks a function and describes it as a handler; raises `ValueError` or `TypeError` where it is declared."""
    handler_name = str(name or getattr(fn, "__name__", ""))
    target = f"{service_tag.name}/{handler_name}"
    if not HANDLER_NAME.fullmatch(handler_name):
        raise ValueError(f"{target}: a handler's name must match {HANDLER_NAME.pattern}")
    signature = inspect.signature(fn, eval_str=True)
    if len(signature.parameters) not in (1, 2):
        raise ValueError(f"{target}: a handler takes the context and at most one input, not {signature}")
    if not inspect.iscoroutinefunction(inspect.unwrap(fn)):
        raise TypeError(f"{target}: a handler must be defined with `async def`")
    handler_io.read_signature(signature)
    return Handler(service_tag, handler_io, kind, handler_name, fn, inspect.getdoc(fn))


def attach_handler(function: Callable[..., Any], handler: Handler[Any, Any]) -> None:
    """Marks the decorated function, so that calls can name their target by it."""
    setattr(function, _HANDLER_ATTRIBUTE, handler)


def handler_from_callable(wrapper: HandlerType[I, O]) -> Handler[I, O]:
    """The handler behind a decorated function; raises `ValueError` for any other callable."""
    handler: Handler[I, O] | None = getattr(wrapper, _HANDLER_ATTRIBUTE, None)
    if handler is None:
        name = getattr(wrapper, "__qualname__", repr(wrapper))
        raise ValueError(f"{name} is not a handler: decorate it with @<service>.handler(), or use generic_call")
    return handler
