"""What was registered is there again after a node was killed."""

from __future__ import annotations

from pathlib import Path

import pytest
from scripted_deployment import ScriptedDeployment, manifest, service

from live_node import live_node

pytestmark = pytest.mark.live


def test_deployments_outlive_the_node(tmp_path: Path) -> None:
    old, new = ScriptedDeployment(service("Greeter", "greet"), service("Old", "h")), ScriptedDeployment()
    new.manifest = manifest(service("Greeter", "greet", "leave", retryPolicyMaxAttempts=3), most=5)
    with live_node(tmp_path) as node, old.serving() as url, new.serving() as newer_url:

        def shown() -> list[object]:
            paths = ("deployments", "services", "services/Greeter/handlers")
            return [node.request("GET", f"{node.admin_url}/{path}").json() for path in paths]

        first = {"uri": url, "additional_headers": {"x-team": "a"}, "metadata": {"build": "7"}}
        node.request("POST", f"{node.admin_url}/deployments", first)
        newest = node.request("POST", f"{node.admin_url}/deployments", {"uri": newer_url}).json()["id"]
        node.request("PATCH", f"{node.admin_url}/deployments/{newest}", {"additional_headers": {"x-team": "b"}})
        before = shown()
        node.restart()
        assert shown() == before
        assert node.call("Greeter", "greet", 1) == node.call("Old", "h", 1) == 1
        assert [(sent["content-type"][-1], sent["x-team"]) for sent in (*new.invoked, *old.invoked)] == [
            ("5", "b"),
            ("6", "a"),
        ]
        node.request("DELETE", f"{node.admin_url}/deployments/{newest}", params={"force": "true"})
        node.restart()
        services = node.request("GET", f"{node.admin_url}/services").json()["services"]
        assert [(service["name"], service["revision"]) for service in services] == [("Greeter", 1), ("Old", 1)]
