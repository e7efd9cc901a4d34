"""Applications that run inside the node, found again by service."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from odradek.discovery import SOFTWARE
from odradek.endpoint import Application
from odradek.protocol.attempt import Endpoint, HandlerEnvironment
from odradek.protocol.ids import format_resource_id
from odradek_engine.admin.manifest_rules import BadManifest, check_manifest
from odradek_engine.application_file import BadApplication
from odradek_engine.model.registry import Deployment


class Applications:
    """The applications of a node."""

    def __init__(self, applications: Sequence[Application], environment: HandlerEnvironment) -> None:
        self._applications = applications
        self._endpoints: dict[str, Endpoint] = {}
        for application in applications:
            endpoint = application.bind(environment)
            for name in application.services:
                if name in self._endpoints:
                    raise BadApplication(f"two applications have a service named {name}")
                self._endpoints[name] = endpoint

    def endpoint_of(self, service: str) -> Endpoint | None:
        """Who runs a service's handlers here."""
        return self._endpoints.get(service)

    def deployments(self, now: int) -> list[Deployment]:
        """One deployment for each application; the id follows from the names of its services."""
        return [_deployment(application, now) for application in self._applications]


def _deployment(application: Application, now: int) -> Deployment:
    manifest = application.manifest()
    try:
        check_manifest(manifest)
    except BadManifest as error:
        raise BadApplication(str(error)) from None
    names = "\0".join(sorted(application.services))
    return Deployment(
        id=format_resource_id("dp", hashlib.sha256(names.encode()).digest()[:16]),
        created_at=now,
        sdk_version=SOFTWARE,
        min_protocol_version=manifest.min_protocol_version,
        max_protocol_version=manifest.max_protocol_version,
        services=manifest.services,
    )
