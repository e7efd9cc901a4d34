"""What is said of a text that is no id of the expected kind: the real server's words."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from odradek.protocol.ids import MalformedId, parse_awakeable_id, parse_invocation_id, parse_resource_id

INVOCATION = "inv_1gA1bkjbSDNe5Oe8AYv0PhmXuI38GnZKGV"
DEPLOYMENT = "dp_14s3n5BhxTDo3uSCgq5Ksn1"
parse_deployment_id = partial(parse_resource_id, "dp")


def test_whole_ones_are_read() -> None:
    assert len(parse_invocation_id(INVOCATION)) == 24
    assert len(parse_deployment_id(DEPLOYMENT)) == 16


@pytest.mark.parametrize(
    ("parse", "text", "reason"),
    [
        (parse_invocation_id, "", "bad length"),
        (parse_invocation_id, "inv", "bad format"),
        (parse_invocation_id, "inv_", "bad length"),
        (parse_invocation_id, INVOCATION[:-1], "bad length"),
        (parse_invocation_id, f"{INVOCATION}x", "bad length"),
        (parse_invocation_id, f"{INVOCATION[:-1]}-", "base62 decode error"),
        (parse_invocation_id, INVOCATION.replace("_1", "_2"), "unrecognized codec version"),
        (parse_invocation_id, INVOCATION.upper(), "unrecognized resource type: INV"),
        (parse_invocation_id, DEPLOYMENT, "id doesn't match the expected type"),
        (parse_deployment_id, INVOCATION, "id doesn't match the expected type"),
        (parse_deployment_id, "dp_1nope", "bad length"),
        (parse_deployment_id, "dp_1ZZZZZZZZZZZZZZZZZZZZZZ", "base62 decode error"),
        (parse_awakeable_id, INVOCATION, "id doesn't match the expected type"),
        (parse_awakeable_id, "sign_1", "id doesn't match the expected type"),
        (parse_awakeable_id, "sign_1AAAA", "id doesn't match the expected type"),
        (parse_awakeable_id, "sign_1!!!!", "id doesn't match the expected type"),
        (parse_awakeable_id, "sign_", "bad length"),
        (parse_awakeable_id, "xx_1AAAA", "unrecognized resource type: xx"),
    ],
)
def test_what_is_said_of_others(parse: Callable[[str], object], text: str, reason: str) -> None:
    with pytest.raises(MalformedId) as error:
        parse(text)
    assert str(error.value) == reason
