"""What an invocation is of: a handler of a service, and for keyed services the key."""

from __future__ import annotations

from enum import IntEnum

import msgspec


class TargetKind(IntEnum):
    """How invocations of a target meet each other."""

    SERVICE = 0
    OBJECT_EXCLUSIVE = 1
    OBJECT_SHARED = 2


class Target(msgspec.Struct, frozen=True, array_like=True):
    """A handler, and a key for virtual objects (empty for services)."""

    kind: TargetKind
    service: str
    handler: str
    key: str = ""

    @property
    def keyed(self) -> bool:
        """Whether the target belongs to an object."""
        return self.kind is not TargetKind.SERVICE

    def __str__(self) -> str:
        if self.keyed:
            return f"{self.service}/{self.key}/{self.handler}"
        return f"{self.service}/{self.handler}"
