"""Virtual objects: handlers of a key, with state per key; exclusive ones run one at a time per key, in order."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, Literal, TypeVar

from odradek.declaration import ServiceDeclaration
from odradek.handler import ContextManagers, HandlerIO, HandlerOptions
from odradek.retry_policy import InvocationRetryPolicy
from odradek.serde import DefaultSerde, Serde

I = TypeVar("I")  # noqa: E741
O = TypeVar("O")  # noqa: E741
T = TypeVar("T")


class VirtualObject(ServiceDeclaration):
    """A named kind of object. Settings left None take the node's; `description` and `metadata` are shown to people.

    `state_preload`: True sends the whole state along with each request (the default), False none of it; a list of
    names is accepted and read as False. `enable_lazy_state` is its deprecated opposite.
    Raises `ValueError` for a name that cannot stand in a path.
    """

    def __init__(
        self,
        name: str,
        description: str | None = None,
        metadata: dict[str, str] | None = None,
        inactivity_timeout: timedelta | None = None,
        abort_timeout: timedelta | None = None,
        journal_retention: timedelta | None = None,
        idempotency_retention: timedelta | None = None,
        enable_lazy_state: bool | None = None,
        state_preload: bool | list[str] | None = None,
        ingress_private: bool | None = None,
        invocation_retry_policy: InvocationRetryPolicy | None = None,
        invocation_context_managers: ContextManagers | None = None,
    ) -> None:
        options = HandlerOptions(
            inactivity_timeout,
            abort_timeout,
            journal_retention,
            idempotency_retention,
            enable_lazy_state,
            state_preload,
            ingress_private,
            invocation_retry_policy,
        )
        super().__init__("object", name, description, metadata, options, invocation_context_managers)

    def handler(
        self,
        name: str | None = None,
        kind: Literal["exclusive", "shared"] | None = "exclusive",
        accept: str = "application/json",
        content_type: str = "application/json",
        input_serde: Serde[I] = DefaultSerde(),
        output_serde: Serde[O] = DefaultSerde(),
        metadata: dict[str, str] | None = None,
        inactivity_timeout: timedelta | None = None,
        abort_timeout: timedelta | None = None,
        journal_retention: timedelta | None = None,
        idempotency_retention: timedelta | None = None,
        enable_lazy_state: bool | None = None,
        state_preload: bool | list[str] | None = None,
        ingress_private: bool | None = None,
        invocation_retry_policy: InvocationRetryPolicy | None = None,
        invocation_context_managers: ContextManagers | None = None,
    ) -> Callable[[T], T]:
        """Declares an `async def` function of (context) or (context, input) as a handler.

        `kind` "shared" runs at any time, also next to others of the same key, and may only read state.
        The input's and output's types come from the annotations. Raises `ValueError` for a name used twice.
        """
        options = HandlerOptions(
            inactivity_timeout,
            abort_timeout,
            journal_retention,
            idempotency_retention,
            enable_lazy_state,
            state_preload,
            ingress_private,
            invocation_retry_policy,
        )
        handler_io: HandlerIO[Any, Any] = HandlerIO(accept, content_type, input_serde, output_serde)
        return self._declare(name, kind or "exclusive", handler_io, metadata, options, invocation_context_managers)
