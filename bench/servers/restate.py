"""The peer: Restate's own server in its published package, as it comes but for ports, directories and telemetry."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from bench.admin import Admin
from bench.servers.peer_packages import peer_packages
from bench.servers.process import free_ports, running
from bench.servers.server import HOST, Server

KAFKA_CLUSTER = "bench"

_CONFIGURATION = """base-dir = "{data}"
bind-ip = "127.0.0.1"
bind-port = {node}
disable-telemetry = true
[admin]
bind-port = {admin}
[ingress]
bind-port = {ingress}
"""
_KAFKA = """[[ingress.kafka-clusters]]
name = "{name}"
brokers = ["PLAINTEXT://{brokers}"]
"""


@contextlib.contextmanager
def restate(directory: Path, brokers: str | None) -> Iterator[Server]:
    """The peer, without handlers yet. Raises `NotInstallable`, `DidNotStart`."""
    binary, _ = peer_packages()
    directory.mkdir(parents=True)
    ingress, admin, node = free_ports(3)
    configuration = _CONFIGURATION.format(data=directory / "data", node=node, admin=admin, ingress=ingress)
    if brokers:
        configuration += _KAFKA.format(name=KAFKA_CLUSTER, brokers=brokers.replace(",", '", "PLAINTEXT://'))
    (directory / "restate.toml").write_text(configuration)
    command = [str(binary), "--config-file", str(directory / "restate.toml")]
    with (
        running(command, directory / "server.log", f"http://{HOST}:{ingress}/restate/health") as process_id,
        Admin(f"http://{HOST}:{admin}") as client,
    ):
        yield Server(ingress, client, (process_id,), directory / "data", tells_lag=False)
