"""Deployments: register, list, update, remove."""

from __future__ import annotations

from typing import Any, Final

from msgspec.structs import replace
from starlette.requests import Request
from starlette.responses import Response

from odradek_engine.admin.errors import BAD_SHAPE, AdminError, BadRequest, check_done, json_response
from odradek_engine.admin.metadata import deployment_detail, deployment_services, deployment_summary, service_metadata
from odradek_engine.admin.operations import FLAG, Operation, QueryParameter
from odradek_engine.admin.parameters import check_resource_id, read_flag, read_json
from odradek_engine.admin.registration import (
    TYPE_CHANGED,
    Discovery,
    RegisterBody,
    Registration,
    UpdateBody,
    check_headers,
    check_role,
    check_similar,
    check_types,
    in_lower_case,
    read_address,
    read_arn,
    would_be_services,
)
from odradek_engine.config import Config
from odradek_engine.gateway import Gateway
from odradek_engine.invoker.remote.lambda_arn import is_arn
from odradek_engine.model.commands import RegisterDeployment, RemoveDeployment, UpdateDeployment
from odradek_engine.model.outcomes import Registered
from odradek_engine.model.registry import Deployment, RegisteredService

API_VERSION: Final = "api_version"
"""Where the scope of a request holds the version of the API in its path, if there was one."""
_FIRST_VERSION: Final = 2
"""In this version of the API a registration overwrites unless told otherwise, and always answers as a new one does."""
_FORCE: Final = QueryParameter("force", FLAG, "Also while invocations are pinned to it; without it nothing is removed.")
_OTHER_KIND: Final = "an address does not become a function, nor a function an address: register a new deployment"


class Deployments:
    """The routes of them."""

    def __init__(self, gateway: Gateway, config: Config, discovery: Discovery) -> None:
        self._gateway = gateway
        self._config = config
        self._registration = Registration(gateway, config, discovery)

    def routes(self) -> list[Operation]:
        """All of them."""
        one = "/deployments/{deployment}"
        return [
            Operation("GET", "/deployments", self._list, "The deployments"),
            Operation(
                "POST",
                "/deployments",
                self._register,
                "Asks an endpoint what it serves, and registers that",
                body=RegisterBody,
                statuses=(200, 201),
            ),
            Operation("GET", one, self._describe, "A deployment with its services"),
            Operation("PATCH", one, self._update, "Another address or other headers of a deployment", body=UpdateBody),
            Operation("PUT", one, self._replace, "Not any more: PATCH it", body=UpdateBody, statuses=()),
            Operation("DELETE", one, self._remove, "Forgets a deployment", query=(_FORCE,), statuses=(202,)),
        ]

    async def _list(self, _: Request) -> Response:
        schema = self._gateway.schema
        summaries = [deployment_summary(deployment, schema) for deployment in schema.deployments.values()]
        return json_response({"deployments": summaries})

    async def _describe(self, request: Request) -> Response:
        return json_response(self._detail(self._find(request)))

    # --- registering ------------------------------------------------------------------------------

    async def _register(self, request: Request) -> Response:
        body = await read_json(request, RegisterBody)
        if body.uri is not None:
            uri = str(read_address(body.uri))
        elif body.arn is not None:
            uri = str(read_arn(body.arn))
        else:
            raise BadRequest(422, f"{BAD_SHAPE}: missing field `uri`")
        if body.auth is not None:
            raise AdminError(501, "the 'auth' of a deployment is not supported by this server")
        first_version = request.scope.get(API_VERSION) == _FIRST_VERSION
        force = first_version if body.force is None else body.force
        known = self._at(uri)
        if known is not None and not force:
            if first_version:
                raise AdminError(409, f"Conflict: deployment {known.id} already exists")
            return self._registered(known, self._services_of(known), new=False)
        deployment = await self._registration.discovered(self._registration.new(body, uri))
        if body.dry_run:
            return self._would_be(deployment, known, breaking=body.breaking or force, new=first_version)
        command = RegisterDeployment(deployment, overwrite=force, breaking=body.breaking)
        outcome = await self._gateway.ask_registry(command)
        check_done(outcome, TYPE_CHANGED)
        assert isinstance(outcome, Registered)
        found = self._gateway.schema.deployments[outcome.deployment]
        return self._registered(found, self._services_of(found), new=first_version or not outcome.existing)

    def _would_be(self, deployment: Deployment, known: Deployment | None, *, breaking: bool, new: bool) -> Response:
        schema = self._gateway.schema
        if not breaking:
            check_types(deployment, schema)
        if known is not None:
            deployment = replace(deployment, id=known.id, created_at=known.created_at)
        return self._registered(deployment, would_be_services(deployment, schema), new=new or known is None)

    def _registered(self, deployment: Deployment, services: list[RegisteredService], *, new: bool) -> Response:
        body = {
            "id": deployment.id,
            "services": [service_metadata(service, self._config, duplex=deployment.duplex) for service in services],
            "min_protocol_version": deployment.min_protocol_version,
            "max_protocol_version": deployment.max_protocol_version,
            **({"sdk_version": deployment.sdk_version} if deployment.sdk_version else {}),
        }
        return json_response(body, 201 if new else 200, {"location": f"deployments/{deployment.id}"})

    # --- updating and removing --------------------------------------------------------------------

    async def _update(self, request: Request) -> Response:
        before = self._find(request)
        body = await read_json(request, UpdateBody)
        if before.in_process:
            raise AdminError(409, f"The deployment '{before.id}' runs in the node's own process and has no address")
        wanted = before
        if (body.uri if is_arn(before.uri) else body.arn) is not None:
            raise AdminError(400, _OTHER_KIND)
        if body.uri is not None:
            wanted = replace(wanted, uri=str(read_address(body.uri)), http1=False)
        if body.arn is not None:
            wanted = replace(wanted, uri=str(read_arn(body.arn)))
        if body.assume_role_arn is not None:
            wanted = replace(wanted, assume_role_arn=check_role(body.assume_role_arn))
        if body.additional_headers is not None:
            wanted = replace(wanted, additional_headers=in_lower_case(check_headers(body.additional_headers)))
        if body.use_http_11 is not None:
            wanted = replace(wanted, http1=body.use_http_11)
        if wanted == before and not body.overwrite and body.uri is None:
            return json_response(self._detail(before))
        found = await self._registration.discovered(wanted)
        check_similar(before, found)
        wanted = found if body.overwrite else replace(wanted, duplex=found.duplex, compression=found.compression)
        if body.dry_run:
            return json_response(self._would_become(wanted))
        check_done(await self._gateway.ask_registry(UpdateDeployment(wanted, overwrite=body.overwrite)))
        return json_response(self._detail(self._gateway.schema.deployments[before.id]))

    def _would_become(self, deployment: Deployment) -> dict[str, Any]:
        services = [
            RegisteredService(manifest, deployment.id, deployment.revisions.get(manifest.name, 1))
            for manifest in deployment.services
        ]
        return deployment_detail(deployment, services, self._config)

    async def _replace(self, request: Request) -> Response:
        check_resource_id("deployment", "dp", request.path_params["deployment"])
        await read_json(request, UpdateBody)
        raise AdminError(405, "PUT deployment is deprecated, use PATCH instead")

    async def _remove(self, request: Request) -> Response:
        identifier = check_resource_id("deployment", "dp", request.path_params["deployment"])
        if not read_flag(request, "force"):
            raise AdminError(501, f"{await self._in_use(identifier)}: force=true removes it all the same")
        check_done(await self._gateway.ask_registry(RemoveDeployment(identifier)))
        return Response(status_code=202)

    async def _in_use(self, deployment: str) -> str:
        """How many invocations could not go on without a deployment."""
        rows = await self._gateway.query(
            "SELECT COUNT(1) AS unfinished FROM sys_invocation_status "
            f"WHERE status != 'completed' AND pinned_deployment_id = '{deployment}'"
        )
        unfinished = rows[0]["unfinished"]
        if not unfinished:
            return f"no unfinished invocation is pinned to the deployment '{deployment}'"
        invocations = "invocation is" if unfinished == 1 else "invocations are"
        return f"{unfinished} unfinished {invocations} pinned to the deployment '{deployment}' and can run nowhere else"

    # --- what is there ----------------------------------------------------------------------------

    def _find(self, request: Request) -> Deployment:
        identifier = check_resource_id("deployment", "dp", request.path_params["deployment"])
        deployment = self._gateway.schema.deployments.get(identifier)
        if deployment is None:
            raise AdminError(404, f"The requested deployment '{identifier}' does not exist")
        return deployment

    def _at(self, uri: str) -> Deployment | None:
        deployments = self._gateway.schema.deployments.values()
        return next((one for one in deployments if not one.in_process and one.uri == uri), None)

    def _services_of(self, deployment: Deployment) -> list[RegisteredService]:
        return deployment_services(deployment, self._gateway.schema)

    def _detail(self, deployment: Deployment) -> dict[str, Any]:
        return deployment_detail(deployment, self._services_of(deployment), self._config)
