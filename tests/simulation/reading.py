"""What a client hears who reads an object's state."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec


class StateRead(msgspec.Struct, frozen=True):
    """An object's state, as a door shows it."""

    state: Mapping[bytes, bytes]
