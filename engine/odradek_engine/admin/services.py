"""Services and their handlers: what they are, and settings that an operator changes."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from odradek_engine.admin.errors import BAD_SHAPE, AdminError, BadRequest, check_done, json_response
from odradek_engine.admin.metadata import service_metadata
from odradek_engine.admin.openapi import service_document
from odradek_engine.admin.operations import Operation
from odradek_engine.admin.parameters import read_json
from odradek_engine.config import Config
from odradek_engine.durations import MalformedDuration, parse_duration
from odradek_engine.gateway import Gateway
from odradek_engine.model.commands import ConfigureService
from odradek_engine.model.registry import RegisteredService, ServiceSettings


class ServiceChanges(msgspec.Struct):
    """Settings of a service that take the place of those it was registered with; null leaves one as it is."""

    public: bool | None = None
    idempotency_retention: str | None = None
    workflow_completion_retention: str | None = None
    journal_retention: str | None = None
    inactivity_timeout: str | None = None
    abort_timeout: str | None = None


_DURATIONS: Final = tuple(name for name in ServiceChanges.__struct_fields__ if name != "public")


class Services:
    """The routes of them."""

    def __init__(self, gateway: Gateway, config: Config, ingress_url: str) -> None:
        self._gateway = gateway
        self._config = config
        self._ingress_url = ingress_url

    def routes(self) -> list[Operation]:
        """All of them."""
        one = "/services/{service}"
        return [
            Operation("GET", "/services", self._services, "The services"),
            Operation("GET", one, self._service, "A service with its handlers"),
            Operation("PATCH", one, self._configure, "Other settings of a service", body=ServiceChanges),
            Operation("GET", f"{one}/openapi", self._openapi, "The OpenAPI document of a service"),
            Operation("GET", f"{one}/handlers", self._handlers, "The handlers of a service"),
            Operation("GET", f"{one}/handlers/{{handler}}", self._handler, "A handler"),
        ]

    async def _services(self, _: Request) -> Response:
        services = self._gateway.schema.services
        return json_response({"services": [self._shown(services[name]) for name in sorted(services)]})

    async def _service(self, request: Request) -> Response:
        return json_response(self._shown(self._find(request)))

    async def _configure(self, request: Request) -> Response:
        settings = await read_json(request, ServiceChanges)
        times = {name: _read_duration(name, getattr(settings, name)) for name in _DURATIONS}
        service = self._find(request)
        check_done(
            await self._gateway.ask_registry(
                ConfigureService(service.manifest.name, ServiceSettings(settings.public, **times))
            )
        )
        return await self._service(request)

    async def _openapi(self, request: Request) -> Response:
        return json_response(service_document(self._find(request), self._ingress_url))

    async def _handlers(self, request: Request) -> Response:
        return json_response({"handlers": self._shown(self._find(request))["handlers"]})

    async def _handler(self, request: Request) -> Response:
        name = request.path_params["handler"]
        service = self._gateway.schema.services.get(request.path_params["service"])
        for handler in self._shown(service)["handlers"] if service else ():
            if handler["name"] == name:
                return json_response(handler)
        raise AdminError(
            404, f"The requested handler '{name}' on service '{request.path_params['service']}' does not exist"
        )

    def _shown(self, service: RegisteredService) -> dict[str, Any]:
        deployment = self._gateway.schema.deployments.get(service.deployment)
        return service_metadata(service, self._config, duplex=deployment is None or deployment.duplex)

    def _find(self, request: Request) -> RegisteredService:
        name = request.path_params["service"]
        service = self._gateway.schema.services.get(name)
        if service is None:
            raise AdminError(404, f"The requested service '{name}' does not exist")
        return service


def _read_duration(name: str, text: str | None) -> int | None:
    if text is None:
        return None
    try:
        return parse_duration(text)
    except MalformedDuration as error:
        raise BadRequest(422, f"{BAD_SHAPE}: {name}: {error}") from None
