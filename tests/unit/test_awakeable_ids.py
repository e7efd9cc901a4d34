"""An awakeable id has one form, but for base64 padding: what only decodes to the same bytes is no id."""

from __future__ import annotations

import pytest

from odradek.protocol.ids import MalformedId, format_awakeable_id, parse_awakeable_id

ID = format_awakeable_id(b"\xff" * 24, 0xFFFFFFFF)


def test_what_is_written_is_read_back() -> None:
    assert parse_awakeable_id(ID) == (b"\xff" * 24, 0xFFFFFFFF)


@pytest.mark.parametrize("padding", ["=", "=="])
def test_padding_may_follow_as_the_java_sdk_writes_it(padding: str) -> None:
    assert parse_awakeable_id(ID + padding) == parse_awakeable_id(ID)


@pytest.mark.parametrize(
    "text", [ID + "===", ID.replace("_", "/").replace("sign/1", "sign_1"), ID[:-1] + "9", ID + "A", "==", ""]
)
def test_other_forms_are_none(text: str) -> None:
    with pytest.raises(MalformedId):
        parse_awakeable_id(text)
