"""Services, their handlers, and the state of objects."""

from __future__ import annotations

import base64
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from odradek.protocol.manifest import ServiceType
from odradek_engine.admin.errors import AdminError, json_response
from odradek_engine.admin.metadata import service_metadata
from odradek_engine.admin.openapi import service_document
from odradek_engine.config import Config
from odradek_engine.gateway import Gateway
from odradek_engine.model.registry import RegisteredService


class Services:
    """The routes of them."""

    def __init__(self, gateway: Gateway, config: Config, ingress_url: str) -> None:
        self._gateway = gateway
        self._config = config
        self._ingress_url = ingress_url

    def routes(self) -> list[Route]:
        """All of them."""
        return [
            Route("/services", self._services),
            Route("/services/{service}", self._service),
            Route("/services/{service}/openapi", self._openapi),
            Route("/services/{service}/handlers", self._handlers),
            Route("/services/{service}/handlers/{handler}", self._handler),
            Route("/services/{service}/state/{key:path}", self._state),
        ]

    async def _services(self, _: Request) -> Response:
        services = self._gateway.schema.services
        return json_response({"services": [self._shown(services[name]) for name in sorted(services)]})

    async def _service(self, request: Request) -> Response:
        return json_response(self._shown(self._find(request)))

    async def _openapi(self, request: Request) -> Response:
        return json_response(service_document(self._find(request).manifest, self._ingress_url))

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

    async def _state(self, request: Request) -> Response:
        service = self._find(request).manifest
        if service.ty is ServiceType.SERVICE:
            raise AdminError(400, f"Service '{service.name}' is a plain service and has no state")
        state = await self._gateway.object_state(service.name, request.path_params["key"])
        shown = {name.decode("utf-8", "backslashreplace"): _shown_value(value) for name, value in sorted(state.items())}
        return json_response(shown)

    def _shown(self, service: RegisteredService) -> dict[str, Any]:
        deployment = self._gateway.schema.deployments.get(service.deployment)
        return service_metadata(service, self._config, duplex=deployment is None or deployment.duplex)

    def _find(self, request: Request) -> RegisteredService:
        name = request.path_params["service"]
        service = self._gateway.schema.services.get(name)
        if service is None:
            raise AdminError(404, f"The requested service '{name}' does not exist")
        return service


def _shown_value(value: bytes) -> Any:
    """JSON as it is, other bytes as base64."""
    try:
        msgspec.json.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {"base64": base64.b64encode(value).decode()}
    return msgspec.Raw(value)
