"""Plain services: handlers without a key and without state, any number of them at once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeVar

from odradek.declaration import ServiceDeclaration
from odradek.handler import ContextManagers, HandlerIO, HandlerOptions
from odradek.retry_policy import InvocationRetryPolicy
from odradek.serde import DefaultSerde, Serde

I = TypeVar("I")  # noqa: E741
O = TypeVar("O")  # noqa: E741
T = TypeVar("T")


class Service(ServiceDeclaration):
    """A named group of handlers. Settings left None take the node's; `description` and `metadata` are shown to people.

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
        ingress_private: bool | None = None,
        invocation_retry_policy: InvocationRetryPolicy | None = None,
        invocation_context_managers: ContextManagers | None = None,
    ) -> None:
        options = HandlerOptions(
            inactivity_timeout=inactivity_timeout,
            abort_timeout=abort_timeout,
            journal_retention=journal_retention,
            idempotency_retention=idempotency_retention,
            ingress_private=ingress_private,
            invocation_retry_policy=invocation_retry_policy,
        )
        super().__init__("service", name, description, metadata, options, invocation_context_managers)

    def handler(
        self,
        name: str | None = None,
        accept: str = "application/json",
        content_type: str = "application/json",
        input_serde: Serde[I] = DefaultSerde(),
        output_serde: Serde[O] = DefaultSerde(),
        metadata: dict[str, str] | None = None,
        inactivity_timeout: timedelta | None = None,
        abort_timeout: timedelta | None = None,
        journal_retention: timedelta | None = None,
        idempotency_retention: timedelta | None = None,
        ingress_private: bool | None = None,
        invocation_retry_policy: InvocationRetryPolicy | None = None,
        invocation_context_managers: ContextManagers | None = None,
    ) -> Callable[[T], T]:
        """Declares an `async def` function of (context) or (context, input) as a handler.

        `accept` is the content type that callers must send (wildcards allowed), `content_type` that of the answer.
        The input's and output's types come from the annotations. Raises `ValueError` for a name used twice.
        """
        options = HandlerOptions(
            inactivity_timeout=inactivity_timeout,
            abort_timeout=abort_timeout,
            journal_retention=journal_retention,
            idempotency_retention=idempotency_retention,
            ingress_private=ingress_private,
            invocation_retry_policy=invocation_retry_policy,
        )
        handler_io: HandlerIO[Any, Any] = HandlerIO(accept, content_type, input_serde, output_serde)
        return self._declare(name, None, handler_io, metadata, options, invocation_context_managers)
