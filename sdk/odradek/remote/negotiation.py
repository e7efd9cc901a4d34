"""Versions in content types: of the manifest, chosen here from what the engine accepts, and of the service protocol,
chosen by the engine from the range that the manifest names."""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

from odradek.protocol.codec import MAX_VERSION, MIN_VERSION, content_type
from odradek.protocol.manifest import EndpointManifest

MANIFEST_VERSIONS: Final = range(1, 5)
COMPRESSION_SINCE: Final = 4

_MANIFEST_TYPE: Final = re.compile(r"application/vnd\.restate\.endpointmanifest\.v([1-9][0-9]?)\+json")
_PROTOCOL_VERSIONS: Final = {content_type(version): version for version in range(MIN_VERSION, MAX_VERSION + 1)}
_ANYTHING: Final = frozenset(("*/*", "application/*"))

_SINCE: Final = {
    2: ("documentation", "metadata"),
    3: (
        *("inactivityTimeout", "abortTimeout", "journalRetention", "idempotencyRetention", "enableLazyState"),
        *("ingressPrivate", "workflowCompletionRetention"),
    ),
    4: (
        *("retryPolicyInitialInterval", "retryPolicyMaxInterval", "retryPolicyMaxAttempts"),
        *("retryPolicyExponentiationFactor", "retryPolicyOnMaxAttempts"),
    ),
}
"""Fields of services and handlers that came with a version after the first."""


def manifest_type(version: int) -> str:
    """The content type of a manifest."""
    return f"application/vnd.restate.endpointmanifest.v{version}+json"


def choose_manifest_version(accept: str | None) -> int | None:
    """The highest version that an `Accept` header names and this side writes; None if there is none.

    Whoever accepts anything gets the newest.
    """
    if accept is None:
        return MANIFEST_VERSIONS[-1]
    wanted = [part.split(";")[0].strip() for part in accept.split(",")]
    if not _ANYTHING.isdisjoint(wanted):
        return MANIFEST_VERSIONS[-1]
    named = (int(match[1]) for match in map(_MANIFEST_TYPE.fullmatch, wanted) if match)
    return max((version for version in named if version in MANIFEST_VERSIONS), default=None)


def protocol_version(media_type: str | None) -> int | None:
    """The version that the engine speaks on this stream, None if this side does not."""
    return _PROTOCOL_VERSIONS.get(media_type or "")


def render_manifest(manifest: EndpointManifest, version: int, compression: str | None = None) -> bytes:
    """The manifest as JSON with the fields that a version knows. `compression`: what a function on Lambda takes."""
    document: dict[str, Any] = msgspec.to_builtins(manifest)
    if compression is not None and version >= COMPRESSION_SINCE:
        document["lambdaCompression"] = compression
    unknown = frozenset(name for since, names in _SINCE.items() if since > version for name in names)
    for service in document["services"]:
        for part in (service, *service.get("handlers", ())):
            for name in unknown & part.keys():
                del part[name]
    return msgspec.json.encode(document)
