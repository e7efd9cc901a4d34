"""Tables of what is registered: `sys_deployment`, `sys_service`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from odradek.protocol.manifest import ServiceType
from odradek_engine.invoker.remote.lambda_arn import is_arn
from odradek_engine.model.registry import Deployment, RegisteredService
from odradek_engine.query.tables import Column, Context, Kind, Table, Wanted

SERVICE_TYPES: Final = {
    ServiceType.SERVICE: "service",
    ServiceType.VIRTUAL_OBJECT: "virtual_object",
    ServiceType.WORKFLOW: "workflow",
}


def _deployments(context: Context, _: Wanted) -> Iterator[Deployment]:
    return iter(context.source.schema.deployments.values())


def _services(context: Context, _: Wanted) -> Iterator[RegisteredService]:
    return iter(context.source.schema.services.values())


def _services_of(deployment: Deployment, context: Context) -> list[str]:
    services = context.source.schema.services
    return sorted(name for name, service in services.items() if service.deployment == deployment.id)


def _type_of(deployment: Any) -> str:
    if deployment.in_process:
        return "in-process"
    return "lambda" if is_arn(deployment.uri) else "http"


def _of_manifest(name: str) -> Any:
    return lambda row, _: getattr(row.manifest, name)


DEPLOYMENT: Final = Table(
    "sys_deployment",
    (
        Column("id", Kind.TEXT, lambda row, _: row.id),
        Column("ty", Kind.TEXT, lambda row, _: _type_of(row)),
        Column("endpoint", Kind.TEXT, lambda row, _: row.uri or None),
        Column("created_at", Kind.TIMESTAMP, lambda row, _: row.created_at),
        Column("min_service_protocol_version", Kind.UINT32, lambda row, _: row.min_protocol_version),
        Column("max_service_protocol_version", Kind.UINT32, lambda row, _: row.max_protocol_version),
        Column("services", Kind.TEXTS, _services_of),
    ),
    _deployments,
)

SERVICE: Final = Table(
    "sys_service",
    (
        Column("name", Kind.TEXT, _of_manifest("name")),
        Column("revision", Kind.UINT64, lambda row, _: row.revision),
        Column("public", Kind.BOOLEAN, lambda row, _: not row.manifest.ingress_private),
        Column("ty", Kind.TEXT, lambda row, _: SERVICE_TYPES[row.manifest.ty]),
        Column("deployment_id", Kind.TEXT, lambda row, _: row.deployment),
    ),
    _services,
)
