"""Workflows: a main handler that runs once per key, and others that reach it while it runs and afterwards."""

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


class Workflow(ServiceDeclaration):
    """A named kind of workflow. Settings left None take the node's; `description` and `metadata` are shown to people.

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
        super().__init__("workflow", name, description, metadata, options, invocation_context_managers)

    def main(
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
        workflow_retention: timedelta | None = None,
        enable_lazy_state: bool | None = None,
        state_preload: bool | list[str] | None = None,
        ingress_private: bool | None = None,
        invocation_retry_policy: InvocationRetryPolicy | None = None,
        invocation_context_managers: ContextManagers | None = None,
    ) -> Callable[[T], T]:
        """Declares an `async def` function of (context) or (context, input) as the main handler.

        It runs once per key for as long as that run is kept: `workflow_retention` after its end, and with it the
        workflow's state and promises. Raises `ValueError` for a second main handler.
        """
        if any(handler.kind == "workflow" for handler in self.handlers.values()):
            raise ValueError(f"the workflow {self.name} has a main handler already")
        options = HandlerOptions(
            inactivity_timeout=inactivity_timeout,
            abort_timeout=abort_timeout,
            journal_retention=journal_retention,
            enable_lazy_state=enable_lazy_state,
            state_preload=state_preload,
            ingress_private=ingress_private,
            invocation_retry_policy=invocation_retry_policy,
        )
        handler_io: HandlerIO[Any, Any] = HandlerIO(accept, content_type, input_serde, output_serde)
        return self._declare(
            name, "workflow", handler_io, metadata, options, invocation_context_managers, workflow_retention
        )

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
        enable_lazy_state: bool | None = None,
        state_preload: bool | list[str] | None = None,
        ingress_private: bool | None = None,
        invocation_retry_policy: InvocationRetryPolicy | None = None,
        invocation_context_managers: ContextManagers | None = None,
    ) -> Callable[[T], T]:
        """Declares an `async def` function of (context) or (context, input) as a further handler.

        It runs at any time, also before, next to and after the main one; it may read state and use promises.
        Raises `ValueError` for a name used twice.
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
        return self._declare(name, "shared", handler_io, metadata, options, invocation_context_managers)
