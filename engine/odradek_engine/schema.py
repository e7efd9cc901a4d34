"""The schema of a node: every handler with its settings resolved, handler over service over server."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, TypeVar

from odradek.protocol.codec import MAX_VERSION
from odradek.protocol.manifest import (
    HandlerManifest,
    HandlerType,
    InputRule,
    OnMaxAttempts,
    ServiceManifest,
    ServiceType,
)
from odradek_engine.config import Config
from odradek_engine.model.registry import Deployment, HandlerSchema, RegisteredService, RetryPolicy, Schema
from odradek_engine.model.target import TargetKind

T = TypeVar("T")
DEFAULT_VERSION: Final = 6
"""The service protocol's highest version that is spoken without being asked for."""
EMPTY: Final = Schema({}, {}, {})


def default_retry_policy(config: Config) -> RetryPolicy:
    """The server's policy."""
    policy = config.default_retry_policy
    return RetryPolicy(
        policy.initial_interval_ms,
        policy.exponentiation_factor,
        policy.max_interval_ms,
        policy.max_attempts,
        OnMaxAttempts.PAUSE if policy.on_max_attempts == "pause" else OnMaxAttempts.KILL,
    )


def build_schema(services: Iterable[RegisteredService], deployments: Iterable[Deployment], config: Config) -> Schema:
    """The lookup made of what is registered."""
    by_name = {service.manifest.name: service for service in services}
    by_id = {deployment.id: deployment for deployment in deployments}
    handlers = {
        (name, handler.name): _handler(service.manifest, handler, by_id.get(service.deployment), config)
        for name, service in by_name.items()
        for handler in service.manifest.handlers
    }
    remote = [deployment for deployment in by_id.values() if not deployment.in_process]
    versions = {deployment.id: protocol_version(deployment, config) for deployment in remote}
    return Schema(by_name, handlers, by_id, versions)


def protocol_version(deployment: Deployment, config: Config) -> int:
    """The version of the service protocol that is spoken with a deployment: the highest that both know."""
    return min(
        deployment.max_protocol_version, MAX_VERSION if config.experimental_enable_protocol_v7 else DEFAULT_VERSION
    )


def _handler(
    service: ServiceManifest, handler: HandlerManifest, deployment: Deployment | None, config: Config
) -> HandlerSchema:
    if deployment is not None and deployment.in_process:
        deployment = None
    invoker = config.worker.invoker
    journal_retention = _first(
        handler.journal_retention, service.journal_retention, config.default_journal_retention_ms
    )
    private = _first(handler.ingress_private, service.ingress_private, False)
    rule = handler.input
    return HandlerSchema(
        service=service.name,
        handler=handler.name,
        kind=_kind(service, handler),
        public=not private,
        completion_retention=_completion_retention(service, handler, config),
        journal_retention=journal_retention,
        inactivity_timeout=_inactivity_timeout(service, handler, deployment, config),
        abort_timeout=_first(handler.abort_timeout, service.abort_timeout, invoker.abort_timeout_ms),
        lazy_state=_first(handler.enable_lazy_state, service.enable_lazy_state, False),
        retry=_retry(service, handler, default_retry_policy(config)),
        input_required=rule is not None and rule.required,
        input_content_type="*/*" if rule is None else rule.content_type,
        input_body_required=rule is not None and rule.content_type is not None and rule.json_schema is not None,
        output_content_type="application/json" if handler.output is None else handler.output.content_type,
        output_content_type_if_empty=handler.output is not None and handler.output.set_content_type_if_empty,
        deployment="" if deployment is None else deployment.id,
        protocol_version=0 if deployment is None else protocol_version(deployment, config),
    )


def takes_nothing(rule: InputRule) -> bool:
    """Whether a rule asks for input and does not say of which type: no request keeps to it."""
    return rule.required and rule.content_type is None


def _inactivity_timeout(
    service: ServiceManifest, handler: HandlerManifest, deployment: Deployment | None, config: Config
) -> int:
    if deployment is not None and not deployment.duplex:
        return 0  # the engine cannot say anything to a handler that is under way
    default = config.worker.invoker.inactivity_timeout_ms
    return _first(handler.inactivity_timeout, service.inactivity_timeout, default)


def _kind(service: ServiceManifest, handler: HandlerManifest) -> TargetKind:
    if service.ty is ServiceType.SERVICE:
        return TargetKind.SERVICE
    if service.ty is ServiceType.WORKFLOW:
        return TargetKind.WORKFLOW_RUN if handler.ty is HandlerType.WORKFLOW else TargetKind.WORKFLOW_SHARED
    if handler.ty is HandlerType.SHARED:
        return TargetKind.OBJECT_SHARED
    return TargetKind.OBJECT_EXCLUSIVE


def _completion_retention(service: ServiceManifest, handler: HandlerManifest, config: Config) -> int:
    if _kind(service, handler) is TargetKind.WORKFLOW_RUN:
        return _first(handler.workflow_completion_retention, None, config.default_workflow_completion_retention_ms)
    return _first(handler.idempotency_retention, service.idempotency_retention, config.default_idempotency_retention_ms)


def _retry(service: ServiceManifest, handler: HandlerManifest, default: RetryPolicy) -> RetryPolicy:
    return RetryPolicy(
        _first(handler.retry_policy_initial_interval, service.retry_policy_initial_interval, default.initial_interval),
        _first(
            handler.retry_policy_exponentiation_factor,
            service.retry_policy_exponentiation_factor,
            default.exponentiation_factor,
        ),
        _first(handler.retry_policy_max_interval, service.retry_policy_max_interval, default.max_interval),
        _first(handler.retry_policy_max_attempts, service.retry_policy_max_attempts, default.max_attempts),
        _first(handler.retry_policy_on_max_attempts, service.retry_policy_on_max_attempts, default.on_max_attempts),
    )


def _first(handler: T | None, service: T | None, default: T) -> T:
    if handler is not None:
        return handler
    return default if service is None else service
