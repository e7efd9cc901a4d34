"""Applications that belong to the node, in its process or in a child of it, found again by service."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

from odradek.discovery import SOFTWARE
from odradek.endpoint import Application
from odradek.protocol.attempt import HandlerEnvironment
from odradek.protocol.ids import format_resource_id
from odradek.protocol.manifest import EndpointManifest
from odradek_engine.admin.manifest_rules import BadManifest, check_manifest
from odradek_engine.application_file import BadApplication
from odradek_engine.invoker.port import HandlerHost
from odradek_engine.model.registry import Deployment


class Hosted(NamedTuple):
    """An application, by who runs its handlers and what it says of itself."""

    host: HandlerHost
    manifest: EndpointManifest


def hosted_here(application: Application, environment: HandlerEnvironment) -> Hosted:
    """An application in the node's process."""
    return Hosted(application.bind(environment), application.manifest())


class Applications:
    """The applications of a node. Raises `BadApplication` where two have a service of one name."""

    def __init__(self, applications: Sequence[Hosted]) -> None:
        self.all = tuple(applications)
        self._hosts: dict[str, HandlerHost] = {}
        for application in applications:
            for service in application.manifest.services:
                if service.name in self._hosts:
                    raise BadApplication(f"two applications have a service named {service.name}")
                self._hosts[service.name] = application.host

    def host_of(self, service: str) -> HandlerHost | None:
        """Who runs a service's handlers here."""
        return self._hosts.get(service)

    def with_changed(self, application: Hosted) -> Applications:
        """The same, but for the application that this host runs. Raises `BadApplication`."""
        return Applications([application if each.host is application.host else each for each in self.all])


def deployment_of(manifest: EndpointManifest, now: int) -> Deployment:
    """An application as it is registered; the id follows from the names of its services. Raises `BadApplication`."""
    try:
        check_manifest(manifest)
    except BadManifest as error:
        raise BadApplication(str(error)) from None
    names = "\0".join(sorted(service.name for service in manifest.services))
    return Deployment(
        id=format_resource_id("dp", hashlib.sha256(names.encode()).digest()[:16]),
        created_at=now,
        sdk_version=SOFTWARE,
        min_protocol_version=manifest.min_protocol_version,
        max_protocol_version=manifest.max_protocol_version,
        services=manifest.services,
    )
