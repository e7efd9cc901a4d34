"""JSON schemas of type hints, for the manifest."""

from __future__ import annotations

from typing import Any

import msgspec

from odradek.json_codec import is_untyped, mentions_pydantic

ANYTHING = True
"""The schema that every document fits."""


def json_schema(hint: Any) -> Any:
    """The schema of a hint: None without a hint, `ANYTHING` for a type of which nothing is known."""
    if hint is None:
        return None
    if is_untyped(hint):
        return ANYTHING
    if mentions_pydantic(hint):
        import pydantic

        return pydantic.TypeAdapter(hint).json_schema(mode="serialization")
    try:
        return msgspec.json.schema(hint)
    except (TypeError, RuntimeError):  # not a type that msgspec knows
        return ANYTHING
