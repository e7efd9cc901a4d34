"""How the engine retries failed invocations of a service or handler."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal


@dataclass
class InvocationRetryPolicy:
    """Exponential back-off for failed attempts; a field left None takes the level above (service, then node).

    `max_attempts` counts the first attempt too. `on_max_attempts` says what follows the last one: "pause" keeps the
    invocation for an operator, "kill" completes it with the last error.
    """

    initial_interval: timedelta | None = None
    exponentiation_factor: float | None = None
    max_interval: timedelta | None = None
    max_attempts: int | None = None
    on_max_attempts: Literal["pause", "kill"] | None = None
