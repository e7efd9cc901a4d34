"""Serdes: what goes in comes out equal, and what cannot is refused."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypedDict
from uuid import UUID

import msgspec
import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from odradek import json_codec
from odradek.serde import (
    BytesSerde,
    DefaultSerde,
    InputSerde,
    JsonSerde,
    MessagePackSerde,
    MsgspecJsonSerde,
    PydanticJsonSerde,
    Serde,
)


class Row(TypedDict):
    a: str
    b: str


class Struct(msgspec.Struct):
    number: int
    names: list[str] = []


class Model(pydantic.BaseModel):
    number: int
    at: datetime = datetime(2024, 1, 1, tzinfo=UTC)


@dataclass
class Inner:
    name: str


@dataclass
class Data:
    number: int
    inner: Inner
    more: list[Inner] = field(default_factory=list)


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@pytest.mark.parametrize("serde", [JsonSerde(), DefaultSerde(), InputSerde()])
@given(value=PLAIN)
def test_plain_values_round_trip_as_json(serde: Serde[Any], value: Any) -> None:
    assert serde.deserialize(serde.serialize(value)) == value


@given(value=PLAIN | st.binary() | st.dictionaries(st.integers(-(2**63), 2**64 - 1), st.binary()))
def test_plain_values_round_trip_as_messagepack(value: Any) -> None:
    serde: MessagePackSerde[Any] = MessagePackSerde()
    try:
        packed = serde.serialize(value)
    except OverflowError:
        return  # MessagePack's integers have 64 bits
    assert serde.deserialize(packed) == value


TYPED: list[tuple[Any, Any]] = [
    (Struct, Struct(1, ["a"])),
    (Model, Model(number=1)),
    (Data, Data(1, Inner("x"), [Inner("y")])),
    (list[Struct], [Struct(1), Struct(2)]),
    (list[Model], [Model(number=1)]),
    (dict[str, Data], {"a": Data(1, Inner("x"))}),
    (Struct | None, Struct(1)),
    (Model | None, None),
    (datetime, datetime(2024, 1, 1, tzinfo=UTC)),
    (UUID, UUID(int=5)),
    (tuple[int, str], (1, "a")),
    (set[int], {1, 2}),
]


@pytest.mark.parametrize(("hint", "value"), TYPED, ids=[str(hint) for hint, _ in TYPED])
@pytest.mark.parametrize("kind", [DefaultSerde, InputSerde])
def test_typed_values_round_trip(kind: type[DefaultSerde[Any]], hint: Any, value: Any) -> None:
    serde = kind(hint)
    result = serde.deserialize(serde.serialize(value))
    assert result == value
    assert type(result) is type(value)


@pytest.mark.parametrize(
    ("serde", "value"),
    [
        (MsgspecJsonSerde(Struct), Struct(1)),
        (PydanticJsonSerde(Model), Model(number=2)),
        (MessagePackSerde(Struct), Struct(1, ["a"])),
        (MessagePackSerde(Data), Data(1, Inner("x"))),
        (BytesSerde(), b"\x00\xff"),
    ],
)
def test_serdes_of_one_type(serde: Serde[Any], value: Any) -> None:
    assert serde.deserialize(serde.serialize(value)) == value


@pytest.mark.parametrize(
    "serde",
    [JsonSerde(), DefaultSerde(), PydanticJsonSerde(Model), MsgspecJsonSerde(Struct), MessagePackSerde()],
)
def test_none_is_no_bytes(serde: Serde[Any]) -> None:
    assert serde.serialize(None) == b""
    assert serde.deserialize(b"") is None


def test_models_nested_in_plain_containers() -> None:
    value = {
        "struct": Struct(1),
        "model": Model(number=2),
        "data": [Inner("x")],
        "at": datetime(2024, 1, 1, tzinfo=UTC),
    }
    assert json_codec.decode(json_codec.encode(value)) == {
        "struct": {"number": 1, "names": []},
        "model": {"number": 2, "at": "2024-01-01T00:00:00Z"},
        "data": [{"name": "x"}],
        "at": "2024-01-01T00:00:00Z",
    }


@pytest.mark.parametrize("value", [b"raw", {"a": b"raw"}, [bytearray(b"x")], object(), {"a": object()}, {(1, 2): 3}])
def test_json_refuses_what_it_cannot_hold(value: Any) -> None:
    with pytest.raises(TypeError):
        json_codec.encode(value)


def test_numbers_that_json_does_not_know_are_still_read_back() -> None:
    assert math.isnan(json_codec.decode(json_codec.encode([math.nan]))[0])
    assert json_codec.decode(json_codec.encode([math.inf])) == [math.inf]
    assert json_codec.decode(json_codec.encode(2**200)) == 2**200


@pytest.mark.parametrize("document", [b"{", b"\xff", b"nul", b'{"a":}'])
def test_broken_json(document: bytes) -> None:
    with pytest.raises(ValueError):
        json_codec.decode(document)


@pytest.mark.parametrize(
    ("hint", "document"),
    [(int, b'"text"'), (str, b"1"), (bool, b"1"), (list[int], b'["a"]'), (Struct, b"{}"), (Model, b"{}"), (Data, b"1")],
)
def test_input_is_checked(hint: Any, document: bytes) -> None:
    with pytest.raises(ValueError):
        InputSerde(hint).deserialize(document)


@pytest.mark.parametrize("hint", [int, str, list[int], Struct, Model, Data, Any])
def test_empty_input_is_none(hint: Any) -> None:
    """Who calls without a body sends no argument; what the handler makes of that is its own affair."""
    assert InputSerde(hint).deserialize(b"") is None


@pytest.mark.parametrize("hint", [Row, list[Row], Row | None, dict[str, list[Row]]])
def test_typed_dicts_are_not_checked(hint: Any) -> None:
    for document in (b"{}", b'{"a":1,"more":[]}', b'[{"b":1}]'):
        assert InputSerde(hint).deserialize(document) == json_codec.decode(document)


def test_stored_values_of_plain_types_are_not_checked() -> None:
    """A wrong annotation on a run's action must not make its stored result unreadable."""
    assert str(DefaultSerde(int).deserialize(b'"text"')) == "text"
    assert str(DefaultSerde(dict[str, int]).deserialize(b"[1]")) == "[1]"


def test_bytes_serde_takes_only_bytes() -> None:
    with pytest.raises(TypeError, match="expected bytes, got int"):
        BytesSerde().serialize(5)  # type: ignore[arg-type]
    assert BytesSerde().serialize(bytearray(b"x")) == b"x"  # type: ignore[arg-type]
    assert BytesSerde().serialize(None) == b""


def test_default_serde_with_another_hint_is_a_new_one() -> None:
    plain: DefaultSerde[Any] = DefaultSerde()
    typed = plain.with_maybe_type(Struct)
    assert plain.deserialize(b'{"number":1}') == {"number": 1}
    assert typed.deserialize(b'{"number":1}') == Struct(1)


def test_cache_of_decoders_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_codec, "MAX_CACHED_DECODERS", 2)
    monkeypatch.setattr(json_codec, "_decoders", {})
    for hint in (list[int], list[str], list[bool]):
        json_codec.decoder(hint)
        assert len(json_codec._decoders) <= 2
