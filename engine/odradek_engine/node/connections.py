"""How a configuration wants deployments to be spoken to."""

from __future__ import annotations

from odradek_engine.config import Config
from odradek_engine.gateway import Clock
from odradek_engine.invoker.remote.connecting import Connector, TlsFiles
from odradek_engine.invoker.remote.deployments import RemoteDeployments
from odradek_engine.invoker.remote.lambda_client import FunctionTerms
from odradek_engine.invoker.remote.signing import load_signer
from odradek_engine.invoker.remote.transport import Timing


def remote_deployments(config: Config, clock: Clock) -> RemoteDeployments:
    """The deployments in other processes. Raises `BadIdentityKey` and `BadTlsFile`."""
    invoker = config.worker.invoker
    signer = None
    if invoker.request_identity_private_key_pem_file is not None:
        good_for_ms = invoker.request_identity_expiration_ms
        signer = load_signer(invoker.request_identity_private_key_pem_file, clock.now_ms, good_for_ms)
    return RemoteDeployments(connector(config), config.cluster_name, invoker.message_size_limit_bytes, clock, signer)


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
    functions = FunctionTerms(
        invoker.request_compression_threshold_bytes, invoker.aws_assume_role_external_id or "", timing.connect
    )
    return Connector(timing, invoker.http2_streams_per_connection_limit, files, functions)
