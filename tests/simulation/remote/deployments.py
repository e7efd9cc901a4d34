"""Deployments of a run: addresses at which the application is served, and what their hosts are to the engine."""

from __future__ import annotations

from typing import Any, Final

from odradek.discovery import SOFTWARE
from odradek.protocol.codec import MIN_VERSION
from odradek_engine.invoker.remote.address import parse_address
from odradek_engine.model.registry import Deployment
from simulation.handlers import manifest

_HOST: Final = "host-"


def deployment_of(drawn: dict[str, Any], now_ms: int) -> Deployment:
    """As an operator registers it. `drawn`: id, host, duplex, and the highest version of the protocol."""
    return Deployment(
        id=drawn["id"],
        created_at=now_ms,
        sdk_version=SOFTWARE,
        min_protocol_version=MIN_VERSION,
        max_protocol_version=drawn["version"],
        services=manifest().services,
        in_process=False,
        uri=f"http://{_HOST}{drawn['host']}:9080/",
        duplex=drawn["duplex"],
    )


def host_number(name: str) -> int:
    """The host that an address names."""
    return int(name.removeprefix(_HOST))


def host_of(deployment: Deployment) -> int:
    """Where a deployment is."""
    return host_number(parse_address(deployment.uri).host)
