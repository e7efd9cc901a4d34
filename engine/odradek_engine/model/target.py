"""What an invocation is of: a handler of a service, and for keyed services the key."""

from __future__ import annotations

from enum import IntEnum

import msgspec


class TargetKind(IntEnum):
    """How invocations of a target meet each other."""

    SERVICE = 0
    OBJECT_EXCLUSIVE = 1
    OBJECT_SHARED = 2
    WORKFLOW_RUN = 3
    """Once per key for as long as it is retained; no lock."""
    WORKFLOW_SHARED = 4


class Target(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A handler, and the key of its object or workflow (empty for services)."""

    kind: TargetKind
    service: str
    handler: str
    key: str = ""

    @property
    def keyed(self) -> bool:
        """Whether the target belongs to an object or a workflow."""
        return self.kind is not TargetKind.SERVICE

    @property
    def of_workflow(self) -> bool:
        """Whether the target belongs to a workflow."""
        return self.kind >= TargetKind.WORKFLOW_RUN

    @property
    def writes_state(self) -> bool:
        """Whether the handler may change the state of its key."""
        return self.kind is TargetKind.OBJECT_EXCLUSIVE or self.kind is TargetKind.WORKFLOW_RUN

    def __str__(self) -> str:
        if self.keyed:
            return f"{self.service}/{self.key}/{self.handler}"
        return f"{self.service}/{self.handler}"
