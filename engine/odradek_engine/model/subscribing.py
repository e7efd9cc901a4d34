"""Names and values that subscriptions are made with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

LOCAL_CLUSTER: Final = "local"
"""The node's own log, among Kafka clusters."""
OFFSET_RESET: Final = "auto.offset.reset"
"""The option that says where a new subscription begins; without it at the end."""

_FROM_BEGIN: Final = ("earliest", "beginning", "smallest")
_FROM_END: Final = ("latest", "end", "largest")


def starts_at_begin(options: Mapping[str, str]) -> bool:
    """Whether a new subscription with these options takes what is in the topic already."""
    return options.get(OFFSET_RESET) in _FROM_BEGIN


def is_a_start(text: str) -> bool:
    """Whether this is a value of `OFFSET_RESET`."""
    return text in (*_FROM_BEGIN, *_FROM_END)
