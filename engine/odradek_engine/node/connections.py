"""How a configuration wants deployments to be spoken to."""

from __future__ import annotations

from odradek_engine.config import Config
from odradek_engine.invoker.remote.connecting import Connector, TlsFiles
from odradek_engine.invoker.remote.http2_connection import Timing


def connector(config: Config) -> Connector:
    """Makes the node's connections to deployments."""
    invoker = config.worker.invoker
    timing = Timing(
        connect=invoker.connect_timeout_ms / 1000,
        ping_after=invoker.http2_keep_alive_interval_ms / 1000,
        pong_within=invoker.http2_keep_alive_timeout_ms / 1000,
        idle=invoker.http2_idle_connection_timeout_ms / 1000,
    )
    files = TlsFiles(invoker.tls_ca_file, invoker.tls_client_certificate_file, invoker.tls_client_key_file)
    return Connector(timing, invoker.http2_streams_per_connection_limit, files)
