"""Every remote deployment of a node, as something that runs handlers: connections, addresses, what requests carry.

A deployment's connections are made when it is first used. Where its address changes they are left to end by
themselves, and new ones are made.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from typing import Final

from odradek.protocol.codec import CODECS
from odradek_engine.gateway import Clock
from odradek_engine.invoker.port import HandlerHost
from odradek_engine.invoker.remote.address import Address, parse_address
from odradek_engine.invoker.remote.attempt import Terms
from odradek_engine.invoker.remote.connecting import Connector, Pool
from odradek_engine.invoker.remote.discovery import DISCOVERY_PATH, Discovered, DiscoveryFailed, discover
from odradek_engine.invoker.remote.endpoint import RemoteEndpoint
from odradek_engine.invoker.remote.lambda_arn import LambdaArn, is_arn, parse_arn
from odradek_engine.invoker.remote.lambda_client import NOT_INSTALLED, is_installed
from odradek_engine.invoker.remote.signing import RequestSigner
from odradek_engine.model.registry import Deployment

ENVELOPE_BYTES: Final = 1024 * 1024
"""A message may be so much larger than the payload in it."""
CLUSTER_HEADER: Final = "x-restate-cluster-name"


class _Known:
    """A deployment that was used, its connections, and its endpoints by protocol version."""

    __slots__ = ("deployment", "endpoints", "pool")

    def __init__(self, deployment: Deployment, pool: Pool) -> None:
        self.deployment = deployment
        self.pool = pool
        self.endpoints: dict[int, RemoteEndpoint] = {}


class RemoteDeployments:
    """`payload_bytes_max`: the largest payload that is taken from handlers. `signer`: signs requests, if any."""

    def __init__(
        self,
        connector: Connector,
        cluster_name: str,
        payload_bytes_max: int,
        clock: Clock,
        signer: RequestSigner | None = None,
    ) -> None:
        self._connector = connector
        self._cluster_name = cluster_name
        self._body_bytes_max = payload_bytes_max + ENVELOPE_BYTES
        self._clock = clock
        self._signer = signer
        self._known: dict[str, _Known] = {}
        self._left: list[Pool] = []
        """Connections to addresses that have changed or are gone; nothing new goes there."""

    def host(self, deployment: Deployment, version: int) -> HandlerHost | None:
        """Who runs handlers of a deployment; None where the version is not spoken by both sides."""
        if version not in CODECS or not deployment.min_protocol_version <= version <= deployment.max_protocol_version:
            return None
        known = self._known.get(deployment.id)
        if known is None or known.deployment is not deployment:
            known = self._know(known, deployment)
        endpoint = known.endpoints.get(version)
        if endpoint is None:
            endpoint = known.endpoints[version] = self._endpoint(known, version)
        return endpoint

    def _know(self, before: _Known | None, deployment: Deployment) -> _Known:
        if before is not None and _way_to(before.deployment) == _way_to(deployment):
            known = _Known(deployment, before.pool)
        else:
            if before is not None:
                self._leave(before.pool)
            known = _Known(deployment, self._pool(deployment))
        self._known[deployment.id] = known
        return known

    def _leave(self, pool: Pool) -> None:
        """Its connections end when they are idle."""
        self._left = [each for each in self._left if not each.idle]
        self._left.append(pool)

    def keep_only(self, registered: Collection[str]) -> None:
        """Lets go of deployments that are not registered any more; what runs there may end."""
        for gone in sorted(self._known.keys() - set(registered)):
            self._leave(self._known.pop(gone).pool)

    def _pool(self, deployment: Deployment) -> Pool:
        if not is_arn(deployment.uri):
            return self._connector.pool(parse_address(deployment.uri), http1=deployment.http1)
        return self._connector.function(parse_arn(deployment.uri), deployment.assume_role_arn, deployment.compression)

    def _endpoint(self, known: _Known, version: int) -> RemoteEndpoint:
        deployment = known.deployment
        terms = Terms(CODECS[version], deployment.uri, deployment.duplex, self._body_bytes_max, self._clock.now_ms)
        headers = request_headers(self._cluster_name, deployment.additional_headers)
        return RemoteEndpoint(terms, known.pool, headers, self._signer)

    async def discover(self, address: Address, *, http1: bool, headers: Mapping[str, str]) -> Discovered:
        """Asks an endpoint what it serves, over connections of its own. Raises `DiscoveryFailed`."""
        return await self._discover(self._connector.pool(address, http1=http1), address, headers)

    async def _discover(self, pool: Pool, place: Address | LambdaArn, headers: Mapping[str, str]) -> Discovered:
        try:
            sent = request_headers(self._cluster_name, headers)
            if self._signer is not None:
                sent |= self._signer.headers(DISCOVERY_PATH, "")
            return await discover(pool, place, sent)
        finally:
            await pool.close()

    async def discover_function(self, arn: LambdaArn, assume_role_arn: str, headers: Mapping[str, str]) -> Discovered:
        """Asks a function on AWS Lambda what it serves. Raises `DiscoveryFailed`."""
        if not is_installed():
            raise DiscoveryFailed("META0003", f"the deployment at {arn} cannot be reached: {NOT_INSTALLED}")
        return await self._discover(self._connector.function(arn, assume_role_arn, ""), arn, headers)

    async def close(self) -> None:
        """Ends every connection."""
        pools = [*self._left, *(known.pool for known in self._known.values())]
        self._known.clear()
        self._left.clear()
        await asyncio.gather(*(pool.close() for pool in pools))


def _way_to(deployment: Deployment) -> tuple[object, ...]:
    """All that its connections depend on."""
    return deployment.uri, deployment.http1, deployment.assume_role_arn, deployment.compression


def request_headers(cluster_name: str, additional: Mapping[str, str]) -> dict[str, str]:
    """What every request to a deployment carries, by lower-case name."""
    return {CLUSTER_HEADER: cluster_name} | {name.lower(): value for name, value in additional.items()}
