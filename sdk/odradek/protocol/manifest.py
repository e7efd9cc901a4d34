"""The endpoint manifest: what an application says of itself when it is registered.

JSON in camelCase, durations in integer milliseconds (endpoint manifest version 4 of the service protocol).
"""

from __future__ import annotations

import re
from enum import Enum
from typing import Annotated, Any, Final, TypeAlias

import msgspec

SERVICE_NAME: Final = re.compile(r"([a-zA-Z]|_[a-zA-Z0-9])[a-zA-Z0-9._-]*")
HANDLER_NAME: Final = re.compile(r"([a-zA-Z]|_[a-zA-Z0-9])[a-zA-Z0-9_]*")
RESERVED_SERVICE_PREFIX: Final = "restate"
"""No service's name may begin with it, in any case: the ingress has paths of its own there."""
RESERVED_SERVICE_NAME: Final = "openapi"
"""No service may have this name, in any case; longer names may begin with it."""


def is_reserved_service_name(name: str) -> bool:
    """Whether no service may be called so."""
    name = name.lower()
    return name == RESERVED_SERVICE_NAME or name.startswith(RESERVED_SERVICE_PREFIX)


class ServiceType(Enum):
    """The kinds of service."""

    SERVICE = "SERVICE"
    VIRTUAL_OBJECT = "VIRTUAL_OBJECT"
    WORKFLOW = "WORKFLOW"


class HandlerType(Enum):
    """How invocations of a handler of a keyed service meet each other."""

    WORKFLOW = "WORKFLOW"
    EXCLUSIVE = "EXCLUSIVE"
    SHARED = "SHARED"


Milliseconds: TypeAlias = Annotated[int, msgspec.Meta(ge=0)]
Count: TypeAlias = Annotated[int, msgspec.Meta(ge=0)]


class OnMaxAttempts(Enum):
    """What follows the last attempt that the retry policy allows."""

    PAUSE = "PAUSE"
    KILL = "KILL"


class _Part(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """JSON shape shared by all parts."""


class InputRule(_Part, frozen=True, kw_only=True):
    """What a handler takes. Without a content type the body must be empty; `*/*` takes anything."""

    required: bool = False
    content_type: str | None = None
    json_schema: Any = None


class OutputRule(_Part, frozen=True, kw_only=True):
    """What a handler returns."""

    content_type: str | None = None
    set_content_type_if_empty: bool = False
    json_schema: Any = None


class Options(_Part, frozen=True, kw_only=True):
    """Settings that stand on services and handlers alike; None means: as the level above says."""

    documentation: str | None = None
    metadata: dict[str, str] = {}
    inactivity_timeout: Milliseconds | None = None
    abort_timeout: Milliseconds | None = None
    journal_retention: Milliseconds | None = None
    idempotency_retention: Milliseconds | None = None
    enable_lazy_state: bool | None = None
    ingress_private: bool | None = None
    retry_policy_initial_interval: Milliseconds | None = None
    retry_policy_max_interval: Milliseconds | None = None
    retry_policy_max_attempts: Count | None = None
    """With the first one: 0 is as good as 1."""
    retry_policy_exponentiation_factor: float | None = None
    retry_policy_on_max_attempts: OnMaxAttempts | None = None


class HandlerManifest(Options, frozen=True, kw_only=True):
    """One handler."""

    name: str
    ty: HandlerType | None = None
    input: InputRule | None = None
    output: OutputRule | None = None
    workflow_completion_retention: Milliseconds | None = None


class ServiceManifest(Options, frozen=True, kw_only=True):
    """One service."""

    name: str
    ty: ServiceType
    handlers: tuple[HandlerManifest, ...] = ()


class EndpointManifest(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """One application. All of it is always written: engines ask for the mode and the range of versions."""

    protocol_mode: str = "BIDI_STREAM"
    min_protocol_version: int = 5
    max_protocol_version: int = 7
    services: tuple[ServiceManifest, ...] = ()
