"""Making a deployment known: what may be asked for, and the deployment made of what its endpoint says of itself."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, Protocol

import msgspec

from odradek.protocol.ids import format_resource_id
from odradek_engine.admin.errors import BAD_SHAPE, AdminError, BadRequest
from odradek_engine.admin.manifest_rules import BadManifest, check_manifest
from odradek_engine.config import Config
from odradek_engine.gateway import Gateway
from odradek_engine.invoker.remote.address import Address, BadAddress, MalformedUri, parse_address
from odradek_engine.invoker.remote.discovery import Discovered, DiscoveryFailed
from odradek_engine.invoker.remote.lambda_arn import BadArn, LambdaArn, is_arn, parse_arn
from odradek_engine.model.registry import Deployment, RegisteredService, Schema
from odradek_engine.schema import protocol_version

BAD_METADATA: Final = "META0005"
TYPE_CHANGED: Final = "META0006"
BAD_VERSIONS: Final = "META0012"
NOT_SIMILAR: Final = "META0016"
HEADERS_MAX: Final = 100
_HEADER_NAME: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_ROLE: Final = re.compile(r"arn:[a-z-]+:iam::\d+:role/[!-~]+")
_OWN_HEADERS: Final = frozenset(("accept", "connection", "content-length", "content-type", "host", "transfer-encoding"))
"""Requests have these already."""


class Discovery(Protocol):
    """Asks endpoints what they serve."""

    async def discover(self, address: Address, *, http1: bool, headers: Mapping[str, str]) -> Discovered:
        """Raises `DiscoveryFailed`."""

    async def discover_function(self, arn: LambdaArn, assume_role_arn: str, headers: Mapping[str, str]) -> Discovered:
        """The same of a function on AWS Lambda."""


class RegisterBody(msgspec.Struct, frozen=True):
    """What a registration asks for. The role is a function's."""

    uri: str | None = None
    arn: str | None = None
    assume_role_arn: str | None = None
    additional_headers: dict[str, str] | None = None
    metadata: dict[str, str] = {}
    use_http_11: bool = False
    breaking: bool = False
    force: bool | None = None
    dry_run: bool = False
    auth: dict[str, Any] | None = None


class UpdateBody(msgspec.Struct, frozen=True):
    """What an update asks for; None leaves things as they are."""

    uri: str | None = None
    arn: str | None = None
    assume_role_arn: str | None = None
    additional_headers: dict[str, str] | None = None
    use_http_11: bool | None = None
    overwrite: bool = False
    dry_run: bool = False


class Registration:
    """See the module."""

    def __init__(self, gateway: Gateway, config: Config, discovery: Discovery) -> None:
        self._gateway = gateway
        self._config = config
        self._discovery = discovery

    async def discovered(self, deployment: Deployment) -> Deployment:
        """A deployment with what its endpoint says of itself. Raises `AdminError`."""
        headers = check_headers(deployment.additional_headers)
        try:
            found = await self._discover(deployment, headers)
            check_manifest(found.manifest)
        except DiscoveryFailed as error:
            raise AdminError(500, str(error), error.code) from None
        except BadManifest as error:
            raise AdminError(400, str(error), BAD_METADATA if error.by_name else None) from None
        manifest = found.manifest
        made = msgspec.structs.replace(
            deployment,
            sdk_version=found.software,
            min_protocol_version=manifest.min_protocol_version,
            max_protocol_version=manifest.max_protocol_version,
            services=manifest.services,
            duplex=found.duplex,
            compression=found.compression if is_arn(deployment.uri) else "",
        )
        self._check_version(made)
        return made

    async def _discover(self, deployment: Deployment, headers: Mapping[str, str]) -> Discovered:
        if is_arn(deployment.uri):
            arn = parse_arn(deployment.uri)
            return await self._discovery.discover_function(arn, deployment.assume_role_arn, headers)
        address = parse_address(deployment.uri)
        return await self._discovery.discover(address, http1=deployment.http1, headers=headers)

    def _check_version(self, deployment: Deployment) -> None:
        spoken = protocol_version(deployment, self._config)
        if spoken < deployment.min_protocol_version:
            raise AdminError(
                500,
                f"the deployment at {deployment.uri} speaks the service protocol from version "
                f"{deployment.min_protocol_version} on, and this server up to {spoken}: "
                "set experimental-enable-protocol-v7",
                BAD_VERSIONS,
            )

    def new(self, body: RegisterBody, uri: str) -> Deployment:
        """A deployment at an address, or ARN, of which nothing is known but what was asked for."""
        now = self._gateway.clock.now_ms()
        return Deployment(
            id=format_resource_id("dp", now.to_bytes(6, "big") + self._gateway.random_bytes(10)),
            created_at=now,
            sdk_version="",
            min_protocol_version=0,
            max_protocol_version=0,
            services=(),
            in_process=False,
            uri=uri,
            http1=body.use_http_11,
            additional_headers=in_lower_case(body.additional_headers or {}),
            metadata=body.metadata,
            assume_role_arn=check_role(body.assume_role_arn) if is_arn(uri) else "",
        )


def read_address(uri: str) -> Address:
    """Raises `AdminError`."""
    try:
        return parse_address(uri)
    except MalformedUri as error:
        raise BadRequest(422, f"{BAD_SHAPE}: {error}") from None
    except BadAddress as error:
        raise AdminError(400, f"The request field 'uri' is invalid. Reason: {error}") from None


def read_arn(arn: str) -> LambdaArn:
    """Raises `AdminError`."""
    try:
        return parse_arn(arn)
    except BadArn as error:
        raise AdminError(400, f"The request field 'arn' is invalid. Reason: {error}") from None


def check_role(arn: str | None) -> str:
    """The ARN of a role, or nothing. Raises `AdminError`."""
    if arn and _ROLE.fullmatch(arn) is None:
        raise AdminError(400, f"assume_role_arn is {arn}, not the ARN of a role: arn:aws:iam::ACCOUNT:role/NAME")
    return arn or ""


def check_headers(headers: Mapping[str, str]) -> Mapping[str, str]:
    """The headers, fit to be sent. Raises `AdminError`."""
    if len(headers) > HEADERS_MAX:
        raise AdminError(400, f"additional_headers has {len(headers)} headers: at most {HEADERS_MAX} can be sent")
    for name, value in headers.items():
        if _HEADER_NAME.fullmatch(name) is None:
            raise BadRequest(422, f"{BAD_SHAPE}: additional_headers: '{name}' is no name of a header")
        if not value.isprintable() or not value.isascii():
            raise BadRequest(422, f"{BAD_SHAPE}: additional_headers: '{name}' has characters that no header can have")
        if name.lower() in _OWN_HEADERS:
            raise AdminError(400, f"additional_headers: '{name}' is set by the engine itself")
    return headers


def in_lower_case(headers: Mapping[str, str]) -> dict[str, str]:
    """Names of headers as HTTP/2 has them."""
    return {name.lower(): value for name, value in headers.items()}


def would_be_services(deployment: Deployment, schema: Schema) -> list[RegisteredService]:
    """The services with the revisions that they would get."""
    return [
        RegisteredService(manifest, deployment.id, 1 if known is None else known.revision + 1)
        for manifest in deployment.services
        for known in (schema.services.get(manifest.name),)
    ]


def check_types(deployment: Deployment, schema: Schema) -> None:
    """Raises `AdminError` where a service would become one of another type."""
    for manifest in deployment.services:
        known = schema.services.get(manifest.name)
        if known is not None and known.manifest.ty is not manifest.ty:
            raise AdminError(
                409,
                f"service '{manifest.name}' was a {known.manifest.ty.value}, not a {manifest.ty.value}: "
                "register it with breaking (--breaking) if nobody needs the old one any more",
                TYPE_CHANGED,
            )


def check_similar(before: Deployment, after: Deployment) -> None:
    """Raises `AdminError` where invocations under way could not go on in the version that they began with."""
    was = (before.min_protocol_version, before.max_protocol_version)
    now = (after.min_protocol_version, after.max_protocol_version)
    if was != now:
        raise AdminError(
            400,
            f"the new address speaks the protocol versions {now[0]} to {now[1]}, and the old one {was[0]} to {was[1]}: "
            "register it as a deployment of its own",
            NOT_SIMILAR,
        )
