"""A node at which the endpoint of an SDK is registered."""

from __future__ import annotations

import secrets
from typing import Any

from sdk_endpoint import SdkEndpoint, Variant

from live_node import LiveNode


class SdkNode:
    """Registers the endpoint. `fresh`: keys that nothing else uses."""

    def __init__(self, node: LiveNode, endpoint: SdkEndpoint, variant: Variant) -> None:
        self.node = node
        self.endpoint = endpoint
        self.variant = variant
        body = {"uri": endpoint.url, "use_http_11": variant.mode == "http1"}
        answer = node.request("POST", f"{node.admin_url}/deployments", body)
        self.deployment: dict[str, Any] = answer.json()

    def fresh(self) -> str:
        return secrets.token_hex(4)

    def status(self, invocation: str) -> dict[str, Any]:
        """The invocation's row."""
        (row,) = self.node.sql(f"SELECT * FROM sys_invocation WHERE id = '{invocation}'")
        return row
