"""A server that runs the application: in its own process, or at an endpoint that is registered there."""

from __future__ import annotations

import json
import secrets
from typing import Any

from sdk_endpoint import SdkEndpoint
from variants import Variant

from live_node import HttpNode


class SdkNode:
    """Registers the endpoint, where there is one. `fresh`: keys that nothing else uses."""

    def __init__(self, node: HttpNode, endpoint: SdkEndpoint | None, variant: Variant) -> None:
        self.node = node
        self.endpoint = endpoint
        self.variant = variant
        self.deployment: dict[str, Any]
        if endpoint is None:
            (self.deployment,) = self.deployments()
        else:
            body = {"uri": endpoint.url, "use_http_11": variant.mode == "http1"}
            self.deployment = node.request("POST", f"{node.admin_url}/deployments", body).json()

    def fresh(self) -> str:
        return secrets.token_hex(4)

    def deployments(self) -> list[dict[str, Any]]:
        """All that the server knows."""
        found: list[dict[str, Any]] = self.node.request("GET", f"{self.node.admin_url}/deployments").json()[
            "deployments"
        ]
        return found

    def status(self, invocation: str) -> dict[str, Any]:
        """The invocation's row."""
        (row,) = self.node.sql(f"SELECT * FROM sys_invocation WHERE id = '{invocation}'")
        return row

    def state(self, service: str, key: str) -> dict[str, Any]:
        """An object's state."""
        where = f"service_name = '{service}' AND service_key = '{key}'"
        rows = self.node.sql(f"SELECT key, value_utf8 FROM state WHERE {where}")
        return {row["key"]: json.loads(row["value_utf8"]) for row in rows}
