"""What the measurements ask of a server's admin API. Topics are ours alone; the rest is the same at the peers."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Iterator, Sequence
from typing import Any

import httpx

from odradek_engine.ulid import RANDOM_BYTES, make_ulid

REQUEST_SECONDS_MAX = 120.0
RECORDS_PER_REQUEST = 5_000

Event = tuple[str, int]
"""Key and value."""


class AdminFailed(Exception):
    """The server refused a request, or did not answer; the text says what."""


class Admin:
    """A client. Every method may raise `AdminFailed`."""

    def __init__(self, url: str) -> None:
        self._http = httpx.Client(base_url=url, timeout=REQUEST_SECONDS_MAX, trust_env=False)

    def __enter__(self) -> Admin:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def register(self, deployment_url: str) -> None:
        """Makes the services of a remote endpoint known."""
        self._ask("POST", "/deployments", {"uri": deployment_url})

    def create_topic(self, name: str) -> None:
        """Creates a topic of the server's own log."""
        self._ask("POST", "/topics", {"name": name})

    def produce(self, topic: str, events: Sequence[Event]) -> None:
        """Appends events to a topic of the server's own log."""
        producer_id = make_ulid(time.time_ns() // 1_000_000, secrets.token_bytes(RANDOM_BYTES))
        for first, batch in _batches(events):
            records = [{"key": key, "value": json.dumps(value)} for key, value in batch]
            body = {"producer_id": producer_id, "first_sequence": first, "records": records}
            self._ask("POST", f"/topics/{topic}/records", body)

    def subscribe(self, source: str, sink: str) -> str:
        """Feeds a topic from its beginning to a handler: the subscription's id."""
        options = {"auto.offset.reset": "earliest"}
        return str(self._ask("POST", "/subscriptions", {"source": source, "sink": sink, "options": options})["id"])

    def lag(self, subscription_id: str) -> int | None:
        """Records that a subscription has still to take; None while that is unknown, and at servers that do not say."""
        answer = self._ask("GET", f"/subscriptions/{subscription_id}")
        lag: int | None = answer.get("lag")
        return lag

    def total(self, service: str, state_key: str) -> int:
        """The sum of a state entry over all objects of a service."""
        entries = f"FROM state WHERE service_name = '{service}' AND key = '{state_key}'"
        query = f"SELECT SUM(CAST(value_utf8 AS BIGINT)) AS total {entries}"
        rows = self._ask("POST", "/query", {"query": query})["rows"]
        return int(rows[0].get("total") or 0) if rows else 0

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        try:
            answer = self._http.request(method, path, json=body, headers={"accept": "application/json"})
        except httpx.TransportError as error:
            raise AdminFailed(f"{method} {path}: {error}") from error
        if not answer.is_success:
            raise AdminFailed(f"{method} {path}: {answer.status_code} {answer.text}")
        return answer.json()


def _batches(events: Sequence[Event]) -> Iterator[tuple[int, Sequence[Event]]]:
    for first in range(0, len(events), RECORDS_PER_REQUEST):
        yield first, events[first : first + RECORDS_PER_REQUEST]
