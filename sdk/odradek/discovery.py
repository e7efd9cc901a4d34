"""What engines are told of an application: its manifest, from its declarations, and the software that serves it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final

from odradek.declaration import ServiceDeclaration
from odradek.handler import Handler, HandlerOptions
from odradek.protocol.manifest import (
    EndpointManifest,
    HandlerManifest,
    HandlerType,
    InputRule,
    OnMaxAttempts,
    OutputRule,
    ServiceManifest,
    ServiceType,
)
from odradek.retry_policy import InvocationRetryPolicy
from odradek.schema import json_schema


def _software() -> str:
    try:
        return f"odradek/{version('odradek')}"
    except PackageNotFoundError:
        return "odradek"


SOFTWARE: Final = _software()
"""This SDK, and its version where it is installed."""
_SERVICE_TYPES: Final = {
    "service": ServiceType.SERVICE,
    "object": ServiceType.VIRTUAL_OBJECT,
    "workflow": ServiceType.WORKFLOW,
}
_HANDLER_TYPES: Final = {
    None: None,
    "exclusive": HandlerType.EXCLUSIVE,
    "shared": HandlerType.SHARED,
    "workflow": HandlerType.WORKFLOW,
}


def describe_endpoint(services: Iterable[ServiceDeclaration]) -> EndpointManifest:
    """The manifest of these services."""
    return EndpointManifest(services=tuple(_describe_service(service) for service in services))


def _describe_service(service: ServiceDeclaration) -> ServiceManifest:
    tag = service.service_tag
    return ServiceManifest(
        name=tag.name,
        ty=_SERVICE_TYPES[tag.kind],
        handlers=tuple(_describe_handler(handler) for handler in service.handlers.values()),
        documentation=tag.description,
        metadata=tag.metadata or {},
        **_settings(service.options),
    )


def _describe_handler(handler: Handler[Any, Any]) -> HandlerManifest:
    return HandlerManifest(
        name=handler.name,
        ty=_HANDLER_TYPES[handler.kind],
        input=_input_rule(handler),
        output=_output_rule(handler),
        documentation=handler.description,
        metadata=handler.metadata or {},
        workflow_completion_retention=_ms(handler.workflow_retention),
        **_settings(handler.options),
    )


def _input_rule(handler: Handler[Any, Any]) -> InputRule:
    io = handler.handler_io
    if not io.has_input:
        return InputRule()
    return InputRule(required=False, content_type=io.accept, json_schema=json_schema(io.input_type))


def _output_rule(handler: Handler[Any, Any]) -> OutputRule:
    io = handler.handler_io
    if not io.has_output:
        return OutputRule()
    return OutputRule(content_type=io.content_type, json_schema=json_schema(io.output_type))


def _settings(options: HandlerOptions) -> dict[str, Any]:
    return {
        "inactivity_timeout": _ms(options.inactivity_timeout),
        "abort_timeout": _ms(options.abort_timeout),
        "journal_retention": _ms(options.journal_retention),
        "idempotency_retention": _ms(options.idempotency_retention),
        "enable_lazy_state": options.lazy_state,
        "ingress_private": options.ingress_private,
        **_retry_settings(options.invocation_retry_policy or InvocationRetryPolicy()),
    }


def _retry_settings(policy: InvocationRetryPolicy) -> dict[str, Any]:
    on_max_attempts = policy.on_max_attempts
    return {
        "retry_policy_initial_interval": _ms(policy.initial_interval),
        "retry_policy_max_interval": _ms(policy.max_interval),
        "retry_policy_max_attempts": policy.max_attempts,
        "retry_policy_exponentiation_factor": policy.exponentiation_factor,
        "retry_policy_on_max_attempts": None if on_max_attempts is None else OnMaxAttempts(on_max_attempts.upper()),
    }


def _ms(duration: timedelta | None) -> int | None:
    return None if duration is None else int(duration.total_seconds() * 1000)
