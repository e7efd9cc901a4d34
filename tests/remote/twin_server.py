"""A node of ours or the real server, asked over HTTP, so that one test says what both do."""

from __future__ import annotations

from typing import Any

import httpx

UNFINISHED = (
    "SELECT COUNT(1) AS n FROM sys_invocation_status WHERE pinned_deployment_id = '{}' AND status != 'completed'"
)


class Server:
    """A server of either kind, over HTTP."""

    def __init__(self, ingress_url: str, admin_url: str) -> None:
        self._ingress_url = ingress_url
        self._admin_url = admin_url
        self._http = httpx.Client(timeout=60, trust_env=False)

    def admin(self, method: str, path: str, body: Any = None) -> httpx.Response:
        return self._http.request(method, f"{self._admin_url}{path}", json=body)

    def get(self, path: str) -> Any:
        return self.admin("GET", path).json()

    def register(self, uri: str, **options: Any) -> dict[str, Any]:
        answer = self.admin("POST", "/deployments", {"uri": uri, **options})
        assert answer.status_code in (200, 201), answer.text
        registered: dict[str, Any] = answer.json()
        return registered

    def call(self, target: str, body: Any = None) -> httpx.Response:
        return self._http.post(f"{self._ingress_url}/{target}", json=body)

    def post(self, target: str, body: bytes, headers: dict[str, str]) -> httpx.Response:
        return self._http.post(f"{self._ingress_url}/{target}", content=body, headers=headers)

    def send(self, target: str, body: Any = None) -> str:
        return str(self._http.post(f"{self._ingress_url}/{target}/send", json=body).json()["invocationId"])

    def attach(self, invocation: str) -> Any:
        return self._http.get(f"{self._ingress_url}/restate/invocation/{invocation}/attach").json()

    def rows(self, query: str) -> list[dict[str, Any]]:
        accept = {"accept": "application/json"}
        answer = self._http.post(f"{self._admin_url}/query", json={"query": query}, headers=accept)
        rows: list[dict[str, Any]] = answer.json()["rows"]
        return rows

    def unfinished(self, deployment: str) -> int:
        (row,) = self.rows(UNFINISHED.format(deployment))
        count: int = row["n"]
        return count
