"""How deployments, services and handlers look as JSON. Pure; what is not set is left out."""

from __future__ import annotations

from typing import Any, Final

from odradek.protocol.manifest import (
    HandlerManifest,
    HandlerType,
    InputRule,
    OnMaxAttempts,
    Options,
    OutputRule,
    ServiceManifest,
    ServiceType,
)
from odradek_engine.config import Config
from odradek_engine.durations import format_duration
from odradek_engine.instants import format_instant
from odradek_engine.invoker.remote.lambda_arn import is_arn
from odradek_engine.model.registry import Deployment, RegisteredService, Schema
from odradek_engine.schema import default_retry_policy, takes_nothing

IN_PROCESS_URI: Final = "in-process://odradek/"
_JSON: Final = "application/json"
_SERVICE_TYPES: Final = {
    ServiceType.SERVICE: "Service",
    ServiceType.VIRTUAL_OBJECT: "VirtualObject",
    ServiceType.WORKFLOW: "Workflow",
}
_HANDLER_TYPES: Final = {
    HandlerType.EXCLUSIVE: "Exclusive",
    HandlerType.SHARED: "Shared",
    HandlerType.WORKFLOW: "Workflow",
}
_INACTIVITY_IGNORED: Final = "RT0021"
_ON_MAX_ATTEMPTS: Final = {OnMaxAttempts.PAUSE: "Pause", OnMaxAttempts.KILL: "Kill"}


def deployment_summary(deployment: Deployment, schema: Schema) -> dict[str, Any]:
    """A deployment with the names and revisions of its services."""
    services = [
        {"name": service.manifest.name, "revision": service.revision}
        for service in deployment_services(deployment, schema)
    ]
    return _deployment(deployment) | {"services": services}


def deployment_detail(deployment: Deployment, services: list[RegisteredService], config: Config) -> dict[str, Any]:
    """A deployment with its services in full."""
    shown = [service_metadata(service, config, duplex=deployment.duplex) for service in services]
    return _deployment(deployment) | {"services": shown}


def deployment_services(deployment: Deployment, schema: Schema) -> list[RegisteredService]:
    """The services that a deployment serves by name, also those that a newer one serves to new invocations."""
    found = []
    for manifest in sorted(deployment.services, key=lambda each: each.name):
        newest = schema.services.get(manifest.name)
        if newest is not None and newest.deployment == deployment.id:
            found.append(newest)
        elif manifest.name in deployment.revisions:
            found.append(RegisteredService(manifest, deployment.id, deployment.revisions[manifest.name]))
    return found


def _deployment(deployment: Deployment) -> dict[str, Any]:
    return _present(
        id=deployment.id,
        **(_function(deployment) if is_arn(deployment.uri) else _endpoint(deployment)),
        created_at=format_instant(deployment.created_at),
        min_protocol_version=deployment.min_protocol_version,
        max_protocol_version=deployment.max_protocol_version,
        sdk_version=deployment.sdk_version or None,
        additional_headers=deployment.additional_headers or None,
        metadata=deployment.metadata or None,
    )


def _endpoint(deployment: Deployment) -> dict[str, Any]:
    return {
        "uri": deployment.uri or IN_PROCESS_URI,
        "protocol_type": "BidiStream" if deployment.duplex else "RequestResponse",
        "http_version": "HTTP/1.1" if deployment.http1 else "HTTP/2.0",
    }


def _function(deployment: Deployment) -> dict[str, Any]:
    return {
        "arn": deployment.uri,
        "assume_role_arn": deployment.assume_role_arn or None,
        "compression": deployment.compression.capitalize() or None,
    }


def service_metadata(service: RegisteredService, config: Config, *, duplex: bool) -> dict[str, Any]:
    """A service with its handlers; every setting as it is in force for handlers without one of their own.

    `duplex`: whether its deployment hears while it talks; if not, its handlers suspend whenever they wait.
    """
    manifest = service.manifest
    invoker = config.worker.invoker
    return _present(
        name=manifest.name,
        ty=_SERVICE_TYPES[manifest.ty],
        handlers=[handler_metadata(manifest, handler, duplex=duplex) for handler in manifest.handlers],
        deployment_id=service.deployment,
        revision=service.revision,
        public=not manifest.ingress_private,
        documentation=manifest.documentation,
        metadata=manifest.metadata or None,
        idempotency_retention=_duration(manifest.idempotency_retention, config.default_idempotency_retention_ms),
        workflow_completion_retention=_workflow_retention(manifest, config),
        journal_retention=_duration(manifest.journal_retention, config.default_journal_retention_ms),
        inactivity_timeout=_duration(manifest.inactivity_timeout if duplex else 0, invoker.inactivity_timeout_ms),
        abort_timeout=_duration(manifest.abort_timeout, invoker.abort_timeout_ms),
        enable_lazy_state=bool(manifest.enable_lazy_state),
        retry_policy=_service_retry_policy(manifest, config),
        info=_ignored_timeout(manifest, "service", duplex=duplex),
    )


def _workflow_retention(manifest: ServiceManifest, config: Config) -> str | None:
    """Of a workflow: how long its main handler's result is kept."""
    if manifest.ty is not ServiceType.WORKFLOW:
        return None
    main = (handler for handler in manifest.handlers if handler.ty is HandlerType.WORKFLOW)
    own = next((handler.workflow_completion_retention for handler in main), None)
    return _duration(own, config.default_workflow_completion_retention_ms)


def _service_retry_policy(manifest: ServiceManifest, config: Config) -> dict[str, Any]:
    default = default_retry_policy(config)
    in_force = {
        "initial_interval": format_duration(default.initial_interval),
        "exponentiation_factor": default.exponentiation_factor,
        "max_attempts": default.max_attempts,
        "max_interval": format_duration(default.max_interval),
        "on_max_attempts": _ON_MAX_ATTEMPTS[default.on_max_attempts],
    }
    return in_force | _retry_overrides(manifest)


def handler_metadata(service: ServiceManifest, handler: HandlerManifest, *, duplex: bool) -> dict[str, Any]:
    """A handler; settings only where it has its own."""
    private = handler.ingress_private if handler.ingress_private is not None else service.ingress_private
    rule = handler.input or InputRule(content_type="*/*")
    output = handler.output or OutputRule(content_type=_JSON)
    return _present(
        name=handler.name,
        ty=_handler_type(service.ty, handler.ty),
        public=not private,
        input_description="<invalid rules>" if takes_nothing(rule) else _describe(rule.content_type, rule.json_schema),
        output_description=_describe(
            output.content_type, output.json_schema, "optional " if output.set_content_type_if_empty else ""
        ),
        input_json_schema=None if rule.content_type is None else rule.json_schema,
        output_json_schema=None if output.content_type is None else output.json_schema,
        documentation=handler.documentation,
        metadata=handler.metadata or None,
        idempotency_retention=_duration(handler.idempotency_retention),
        journal_retention=_duration(handler.journal_retention),
        inactivity_timeout=_duration(handler.inactivity_timeout) if duplex else None,
        abort_timeout=_duration(handler.abort_timeout),
        enable_lazy_state=handler.enable_lazy_state,
        retry_policy={"max_attempts": None} | _retry_overrides(handler),
        info=_ignored_timeout(handler, "handler", duplex=duplex),
    )


def _handler_type(service: ServiceType, handler: HandlerType | None) -> str | None:
    """What a handler is, also where it does not say; those of plain services are nothing in particular."""
    if service is ServiceType.SERVICE:
        return None
    unsaid = HandlerType.EXCLUSIVE if service is ServiceType.VIRTUAL_OBJECT else HandlerType.SHARED
    return _HANDLER_TYPES[handler or unsaid]


def _ignored_timeout(options: Options, what: str, *, duplex: bool) -> list[dict[str, str]] | None:
    if duplex or options.inactivity_timeout is None:
        return None
    text = (
        f"the inactivity timeout of {format_duration(options.inactivity_timeout)} is not applied: the {what} is served "
        "in request-response mode, where a handler suspends whenever it waits"
    )
    return [{"code": _INACTIVITY_IGNORED, "message": text}]


def _retry_overrides(options: Options) -> dict[str, Any]:
    on_max_attempts, attempts = options.retry_policy_on_max_attempts, options.retry_policy_max_attempts
    return _present(
        initial_interval=_duration(options.retry_policy_initial_interval),
        exponentiation_factor=options.retry_policy_exponentiation_factor,
        max_attempts=None if attempts is None else max(attempts, 1),
        max_interval=_duration(options.retry_policy_max_interval),
        on_max_attempts=None if on_max_attempts is None else _ON_MAX_ATTEMPTS[on_max_attempts],
    )


def _describe(content_type: str | None, json_schema: Any, unless_empty: str = "") -> str:
    """What goes in or out, in a word or two: `none`, `JSON 'Order'`, `JSON string`, `text/plain`."""
    if content_type is None:
        return "none"
    schema = json_schema if isinstance(json_schema, dict) else {}
    title, kind = schema.get("title"), schema.get("type")
    if isinstance(title, str):
        return f"JSON '{title}'"
    return f"JSON {kind}" if isinstance(kind, str) else f"{unless_empty}{content_type}"


def _duration(*milliseconds: int | None) -> str | None:
    """The first that is set, as text."""
    return next((format_duration(each) for each in milliseconds if each is not None), None)


def _present(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}
