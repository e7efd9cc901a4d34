"""What a developer sees once the node is ready: where everything is, and what to curl."""

from __future__ import annotations

import threading
import urllib.request
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import click

from odradek_engine.cli.admin_client import AdminClient, Endpoints
from odradek_engine.cli.services import example_request

if TYPE_CHECKING:
    from odradek_engine.config import Config

POLL_INTERVAL_S: Final = 0.1
POLL_TIMEOUT_S: Final = 1.0
EXAMPLES_SHOWN: Final = 4

_ANY_ADDRESS: Final = {"0.0.0.0": "localhost", "127.0.0.1": "localhost", "::": "localhost", "::1": "localhost"}


def node_endpoints(config: Config) -> Endpoints:
    """Where the node of this configuration is met from this machine."""
    return Endpoints(
        admin_url=_url(config.admin_ip, config.admin.bind_port),
        ingress_url=_url(config.ingress_ip, config.ingress.bind_port),
    )


def _url(ip: str, port: int) -> str:
    host = _ANY_ADDRESS.get(ip, f"[{ip}]" if ":" in ip else ip)
    return f"http://{host}:{port}"


class ReadinessWatch:
    """Waits on a thread of its own until the node answers, then prints the banner. Ends with the process."""

    def __init__(self, config: Config) -> None:
        self.ready = threading.Event()
        self._stopped = threading.Event()
        self._config = config
        self._endpoints = node_endpoints(config)
        self._thread = threading.Thread(target=self._watch, name="readiness", daemon=True)

    def start(self) -> None:
        """Begins to watch. Where the node picks its ports itself nobody knows them here: its log names them."""
        if self._config.admin.bind_port and self._config.ingress.bind_port:
            self._thread.start()

    def stop(self) -> None:
        """Prints nothing from now on."""
        self._stopped.set()

    def _watch(self) -> None:
        urls = (f"{self._endpoints.admin_url}/health", f"{self._endpoints.ingress_url}/restate/health")
        while not all(_answers(url) for url in urls):
            if self._stopped.wait(POLL_INTERVAL_S):
                return
        self.ready.set()
        try:
            click.echo("\n".join(self._lines()), err=True)
        except click.ClickException:
            return  # The node went away again; it says why.

    def _lines(self) -> Iterator[str]:
        with AdminClient(self._endpoints, POLL_TIMEOUT_S) as client:
            services = client.get("/services")["services"]
        log = "embedded log" if self._config.embedded else f"Kafka at {', '.join(self._config.kafka.brokers)}"
        yield ""
        yield f"  Odradek is ready on the {log}, data in {self._config.base_dir}"
        yield f"    ingress   {self._endpoints.ingress_url}"
        yield f"    admin     {self._endpoints.admin_url}"
        yield f"    services  {', '.join(service['name'] for service in services) or 'none yet'}"
        examples = [
            example_request(self._endpoints.ingress_url, service, handler)
            for service in services
            for handler in service["handlers"]
        ]
        if examples:
            yield "  Try:"
            yield from (f"    {example}" for example in examples[:EXAMPLES_SHOWN])
        yield ""


def _answers(url: str) -> bool:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=POLL_TIMEOUT_S) as response:
            return bool(response.status == 200)
    except OSError:
        return False
