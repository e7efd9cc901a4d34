"""`ConfigureService`: an operator changes settings of a service, decided by partition 0.

A handler's own settings stay before those of its service. Settings hold until the service is registered anew.
"""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from odradek.protocol.manifest import HandlerType, ServiceManifest, ServiceType
from odradek_engine.model.commands import ConfigureService
from odradek_engine.model.effects import RegistryChanged
from odradek_engine.model.events import ServiceConfigured
from odradek_engine.model.outcomes import Done, Refused
from odradek_engine.model.registry import RegisteredService, ServiceSettings
from odradek_engine.partition.decide.decision import Decision

_OF_ALL_SERVICES = ("idempotency_retention", "journal_retention", "inactivity_timeout", "abort_timeout")


def decide(d: Decision, command: ConfigureService) -> None:
    """Invocations that begin from now on, and attempts that do, go by the new settings."""
    known = d.tables.services.get(command.service.encode())
    settings = command.settings
    if known is None:
        d.answer(Refused(404, f"The requested service '{command.service}' does not exist"))
        return
    if settings.workflow_completion_retention is not None and known.manifest.ty is not ServiceType.WORKFLOW:
        kind = "Service" if known.manifest.ty is ServiceType.SERVICE else "VirtualObject"
        d.answer(Refused(400, f"modifying retention time for service type {kind} is unsupported"))
        return
    changes: dict[str, Any] = {name: getattr(settings, name) for name in _OF_ALL_SERVICES}
    changes = {name: value for name, value in changes.items() if value is not None}
    if settings.public is not None:
        changes["ingress_private"] = not settings.public
    manifest = _with_workflow_retention(d, known, settings)
    d.emit(ServiceConfigured(replace(known, manifest=replace(manifest, **changes))))
    d.effect(RegistryChanged())
    d.answer(Done())


def _with_workflow_retention(d: Decision, known: RegisteredService, settings: ServiceSettings) -> ServiceManifest:
    """A workflow's main handler keeps the retention that it was registered with, if it has one."""
    retention = settings.workflow_completion_retention
    if retention is None or _main_retention(_as_registered(d, known)) is not None:
        return known.manifest
    handlers = tuple(
        replace(handler, workflow_completion_retention=retention) if handler.ty is HandlerType.WORKFLOW else handler
        for handler in known.manifest.handlers
    )
    return replace(known.manifest, handlers=handlers)


def _main_retention(manifest: ServiceManifest) -> int | None:
    main = (handler for handler in manifest.handlers if handler.ty is HandlerType.WORKFLOW)
    return next((handler.workflow_completion_retention for handler in main), None)


def _as_registered(d: Decision, known: RegisteredService) -> ServiceManifest:
    deployment = d.tables.deployments.get(known.deployment.encode())
    registered = () if deployment is None else deployment.services
    return next((each for each in registered if each.name == known.manifest.name), known.manifest)
