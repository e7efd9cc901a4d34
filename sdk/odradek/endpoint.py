"""Applications: the services of one program, to be described to an engine and run by it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from odradek.declaration import ServiceDeclaration
from odradek.discovery import describe_endpoint
from odradek.driver.endpoint import InProcessEndpoint
from odradek.object import VirtualObject
from odradek.protocol.attempt import HandlerEnvironment
from odradek.protocol.manifest import EndpointManifest
from odradek.service import Service

Protocol = Literal["bidi", "request_response"]


class Application:
    """A fixed set of services. It does nothing by itself: an engine asks for its manifest and binds it."""

    def __init__(self, services: Iterable[Service | VirtualObject]) -> None:
        self.services: dict[str, ServiceDeclaration] = {}
        for service in services:
            if not isinstance(service, ServiceDeclaration):
                raise ValueError(f"not a service: {service!r}; pass Service and VirtualObject instances")
            if service.name in self.services:
                raise ValueError(f"the service {service.name} is there twice")
            self.services[service.name] = service

    def manifest(self) -> EndpointManifest:
        """What the application consists of, with JSON schemas where annotations give them."""
        return describe_endpoint(self.services.values())

    def bind(self, environment: HandlerEnvironment) -> InProcessEndpoint:
        """An endpoint that runs the handlers on the running event loop, with this clock and these threads."""
        return InProcessEndpoint(self.services, environment)


def app(
    services: Iterable[Service | VirtualObject],
) -> Application:
    """An application of these services. Raises `ValueError` for two services of one name."""
    return Application(services)
