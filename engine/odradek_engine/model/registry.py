"""What is registered: deployments and their services, as rows and as the lookup made of them."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from odradek.protocol.manifest import OnMaxAttempts, ServiceManifest
from odradek_engine.model.target import TargetKind


class Deployment(msgspec.Struct, frozen=True, array_like=True):
    """An endpoint and the services it serves. `in_process`: it runs inside the node, and has no address.

    `uri`: where it is; for a function on AWS Lambda its ARN.
    """

    id: str
    created_at: int
    sdk_version: str
    min_protocol_version: int
    max_protocol_version: int
    services: tuple[ServiceManifest, ...]
    in_process: bool = True
    uri: str = ""
    duplex: bool = True
    """Whether both sides of an attempt talk at once; else the engine says what it has, and then listens."""
    http1: bool = False
    """Spoken to over HTTP/1.1."""
    additional_headers: dict[str, str] = {}
    """Sent with every request."""
    metadata: dict[str, str] = {}
    revisions: dict[str, int] = {}
    """Of its services, as they were registered with it."""
    assume_role_arn: str = ""
    """The role in which the function is invoked; empty: the node's own."""
    compression: str = ""
    """Of requests to the function, where it takes that: `zstd`."""


class RegisteredService(msgspec.Struct, frozen=True, array_like=True):
    """A service as last registered."""

    manifest: ServiceManifest
    deployment: str
    revision: int


class ServiceSettings(msgspec.Struct, frozen=True, array_like=True):
    """What takes the place of settings that a service was registered with; None leaves one as it is. Times in ms."""

    public: bool | None = None
    idempotency_retention: int | None = None
    workflow_completion_retention: int | None = None
    journal_retention: int | None = None
    inactivity_timeout: int | None = None
    abort_timeout: int | None = None


class RetryPolicy(msgspec.Struct, frozen=True):
    """How failed attempts are repeated. Intervals in ms; `max_attempts` None: without end."""

    initial_interval: int
    exponentiation_factor: float
    max_interval: int
    max_attempts: int | None
    on_max_attempts: OnMaxAttempts


class HandlerSchema(msgspec.Struct, frozen=True):
    """A handler with every setting resolved (handler over service over server). Times in ms."""

    service: str
    handler: str
    kind: TargetKind
    public: bool
    completion_retention: int
    """How long the result is kept when the request has an idempotency key; that of a workflow's run always."""
    journal_retention: int
    inactivity_timeout: int
    abort_timeout: int
    lazy_state: bool
    retry: RetryPolicy
    input_required: bool
    input_content_type: str | None
    """None: the body must be empty, and if input is required nothing is allowed; `*/*`: anything."""
    output_content_type: str | None
    output_content_type_if_empty: bool
    deployment: str = ""
    """Where new invocations run; empty: in the node's own process."""
    input_body_required: bool = False
    """Whether a request that says its content type must have a body: there is a schema for it."""
    protocol_version: int = 0
    """The service protocol's, with that deployment; 0 in the node's own process."""

    def retentions(self, idempotency_key: str | None) -> tuple[int, int]:
        """How long an invocation's result and its journal are kept, in ms: the journal no longer than the result.

        A result that nobody can ask for by a key is kept for the sake of the journal alone.
        """
        asked_for = idempotency_key is not None or self.kind is TargetKind.WORKFLOW_RUN
        result = self.completion_retention if asked_for else self.journal_retention
        return result, min(result, self.journal_retention)


class Schema(msgspec.Struct, frozen=True):
    """All that is registered, at one moment."""

    services: Mapping[str, RegisteredService]
    handlers: Mapping[tuple[str, str], HandlerSchema]
    deployments: Mapping[str, Deployment]
    protocol_versions: Mapping[str, int] = {}
    """Deployment's id -> the service protocol's version that is spoken with it; none for one in the node's process."""

    def handler(self, service: str, handler: str) -> HandlerSchema | None:
        """The handler, if it is registered."""
        return self.handlers.get((service, handler))

    def in_process(self, service: str) -> bool:
        """Whether the service runs inside the node."""
        registered = self.services.get(service)
        deployment = None if registered is None else self.deployments.get(registered.deployment)
        return deployment is not None and deployment.in_process
