"""What all kinds of service share: a checked name, settings, and a table of handlers filled by decorators."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import Any, Literal, TypeVar, cast

from odradek.handler import (
    ContextManagers,
    Handler,
    HandlerIO,
    HandlerKind,
    HandlerOptions,
    ServiceTag,
    attach_handler,
    make_handler,
)
from odradek.protocol.manifest import SERVICE_NAME, is_reserved_service_name

T = TypeVar("T")


class ServiceDeclaration:
    """Base of `Service`, `VirtualObject` and `Workflow`."""

    def __init__(
        self,
        kind: Literal["object", "service", "workflow"],
        name: str,
        description: str | None,
        metadata: dict[str, str] | None,
        options: HandlerOptions,
        context_managers: ContextManagers | None,
    ) -> None:
        if not SERVICE_NAME.fullmatch(name):
            raise ValueError(f"the service name {name!r} must match {SERVICE_NAME.pattern}")
        if is_reserved_service_name(name):
            raise ValueError(f"the service name {name!r} is reserved, as is every name that begins with 'restate'")
        self.service_tag = ServiceTag(kind, name, description, metadata)
        self.options = options
        self.context_managers: ContextManagers = context_managers or []
        self.handlers: dict[str, Handler[Any, Any]] = {}

    @property
    def name(self) -> str:
        """The name by which the service is invoked."""
        return self.service_tag.name

    def _declare(
        self,
        name: str | None,
        kind: HandlerKind | None,
        handler_io: HandlerIO[Any, Any],
        metadata: dict[str, str] | None,
        options: HandlerOptions,
        context_managers: ContextManagers | None,
        workflow_retention: timedelta | None = None,
    ) -> Callable[[T], T]:
        def decorate(function: T) -> T:
            fn = cast(Callable[..., Any], function)

            @wraps(fn)
            def handler_function(*args: Any, **kwargs: Any) -> Any:
                return fn(*args, **kwargs)

            handler = make_handler(self.service_tag, handler_io, name, kind, fn)
            if handler.name in self.handlers:
                raise ValueError(f"{handler.target} is declared twice")
            handler.metadata = metadata
            handler.options = options
            handler.workflow_retention = workflow_retention
            handler.context_managers = self.context_managers + (context_managers or [])
            attach_handler(handler_function, handler)
            self.handlers[handler.name] = handler
            return cast(T, handler_function)

        return decorate
