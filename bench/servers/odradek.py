"""A node of ours, with the measured application in its process, or without handlers yet."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from bench.admin import Admin
from bench.servers.process import free_ports, running
from bench.servers.server import HOST, Server

REPOSITORY = Path(__file__).resolve().parents[2]
APPLICATION = REPOSITORY / "bench" / "application.py"
PACKAGES = tuple(str(REPOSITORY / folder) for folder in ("sdk", "engine", "connectors"))
PYTHONPATH = os.pathsep.join(filter(None, (*PACKAGES, os.environ.get("PYTHONPATH"))))


@contextlib.contextmanager
def odradek(directory: Path, brokers: str | None, cluster: str, *, application: bool) -> Iterator[Server]:
    """A node on the embedded log, or on a Kafka as the cluster of that name. Raises `DidNotStart`."""
    ingress, admin, node = free_ports(3)
    data = directory / "data"
    command = [sys.executable, "-m", "odradek", "server", "--base-dir", str(data)]
    command += ["--app", str(APPLICATION)] if application else []
    command += ["--bind-ip", HOST, "--cluster-name", cluster]
    command += ["--ingress-port", str(ingress), "--admin-port", str(admin), "--node-port", str(node)]
    if brokers:
        command += ["--brokers", brokers]
    url = f"http://{HOST}:{ingress}/restate/health"
    with (
        running(command, directory / "node.log", url, {"PYTHONPATH": PYTHONPATH}) as process_id,
        Admin(f"http://{HOST}:{admin}") as client,
    ):
        yield Server(ingress, client, (process_id,), data, tells_lag=True)
