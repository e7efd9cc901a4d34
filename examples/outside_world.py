"""Stands in for the services outside of an application: payment providers, restaurants, mail servers.

They do nothing but keep a diary, one JSON line for each thing that they did, in the file that OUTSIDE_WORLD names.
Like the real ones, they do a thing once however often they are asked for it under the same request id (a step that
was under way when the process died is run again), and now and then they are down: while their name is in the file
beside the diary whose name ends in `.down`.
"""

from __future__ import annotations

import json
import os
import tempfile
import threading
import time
from pathlib import Path

DIARY = Path(os.environ.get("OUTSIDE_WORLD", Path(tempfile.gettempdir()) / "outside-world.jsonl"))
DOWN = DIARY.with_suffix(".down")

_one_at_a_time = threading.Lock()


def do(service: str, action: str, request_id: str, **details: object) -> None:
    """Has a service do something, unless it did so before under this request id. Raises if the service is down."""
    with _one_at_a_time:
        if when_done(service, action, request_id) is None:
            entry = {"service": service, "action": action, "request_id": request_id, **details, "at": time.time()}
            with DIARY.open("a") as diary:
                diary.write(json.dumps(entry) + "\n")


def when_done(service: str, action: str, request_id: str) -> float | None:
    """When a service did something, in seconds since the epoch; None if it did not. Raises if the service is down."""
    if DOWN.exists() and service in DOWN.read_text().split():
        raise ConnectionError(f"{service} does not answer")
    for line in DIARY.read_text().splitlines() if DIARY.exists() else ():
        entry = json.loads(line)
        if (entry["service"], entry["action"], entry["request_id"]) == (service, action, request_id):
            return float(entry["at"])
    return None
