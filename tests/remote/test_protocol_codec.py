"""Messages survive the wire, and the known bytes are as the protocol has them."""

from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from protocol_messages import FLAT, FUTURE, MESSAGES

from odradek.protocol import messages as m
from odradek.protocol.codec import CODECS, MAX_VERSION, MIN_VERSION, UnknownMessage, flattened
from odradek.protocol.framing import HEADER, REQUIRES_ACK, Frame, FrameReader
from odradek.protocol.future import MAX_FUTURE_DEPTH, FutureTooDeep, leaves_of
from odradek.protocol.wire import MalformedMessage

VERSIONS = range(MIN_VERSION, MAX_VERSION + 1)


def body(frame: bytes) -> bytes:
    return frame[HEADER.size :]


def carried(message: m.Message, version: int) -> Any:
    (frame,) = FrameReader().feed(CODECS[version].encode(message))
    return CODECS[version].decode(frame)


def test_every_message_is_tried() -> None:
    known = {m.Start, *get_args(m.HandlerMessage), *get_args(m.EngineMessage)}
    assert set(MESSAGES) == known


@given(st.data(), st.sampled_from(VERSIONS))
def test_messages_survive_the_wire(data: st.DataObject, version: int) -> None:
    kind = data.draw(st.sampled_from(sorted(MESSAGES, key=lambda each: each.__name__)))
    message = data.draw(MESSAGES[kind])
    expected = m.Suspension(flattened(message.awaiting_on)) if kind is m.Suspension and version < 7 else message
    assert carried(message, version) == expected


@given(FUTURE)
def test_a_flattened_tree_has_every_leaf_once(tree: m.Future) -> None:
    def leaves(node: m.Future) -> set[int | str]:
        return set(leaves_of(node)).union(*(leaves(child) for child in node.nested_futures))

    flat = flattened(tree)
    assert set(leaves_of(flat)) == leaves(tree)
    assert len(leaves_of(flat)) == len(leaves(tree))


@given(FLAT)
def test_flat_waits_are_the_same_in_every_version(lists: m.Future) -> None:
    assert carried(m.Suspension(lists), 6) == carried(m.Suspension(lists), 7) == m.Suspension(lists)


@pytest.mark.parametrize(
    ("message", "version", "number", "flags", "expected"),
    [
        (m.Suspension(m.Future((1,), (1,), combinator=m.Combinator.FIRST_COMPLETED)), 6, 1, 0, "0a0101120101"),
        (m.Suspension(m.Future((1,), (1,), combinator=m.Combinator.FIRST_COMPLETED)), 7, 1, 0, "22080a01011201012801"),
        (m.End(), 6, 3, 0, ""),
        (m.RunCommand(1, "a"), 6, 0x0411, 0, "58016201" + "61"),
        (m.ProposeRunCompletion(1, b"1"), 6, 5, 0, "0801" + "720131"),
        (m.ProposeRunCompletion(1, b"1"), 7, 5, REQUIRES_ACK, "0801" + "720131"),
        (m.ProposeRunCompletionAck(300), 7, 7, 0, "08ac02"),
        (m.OutputCommand(b""), 6, 0x0401, 0, "7200"),
        (m.OutputCommand(failure=m.Failure(500, "no")), 6, 0x0401, 0, "7a07" + "08f403" + "12026e6f"),
        (m.GetEagerStateCommand(b"k"), 6, 0x0407, 0, "0a016b" + "6a00"),
        (m.SendSignalCommand("i", 1), 6, 0x0410, 0, "0a0169" + "1001" + "2200"),
        (m.SleepCompletion(2), 6, 0x800C, 0, "0802" + "2200"),
        (m.CallCompletion(2, b"x"), 6, 0x800D, 0, "0802" + "2a03" + "0a0178"),
        (m.CallInvocationIdCompletion(1, "i"), 6, 0x800E, 0, "0801" + "820101" + "69"),
        (m.SignalNotification("go", b"1"), 6, 0xFBFF, 0, "1a02676f" + "2a03" + "0a0131"),
        (m.GetEagerStateKeysCommand((b"a", b"b")), 6, 0x0408, 0, "7206" + "0a0161" + "0a0162"),
    ],
)
def test_known_bytes(message: m.Message, version: int, number: int, flags: int, expected: str) -> None:
    frame = CODECS[version].encode(message)
    assert HEADER.unpack_from(frame) == (number, flags, len(expected) // 2)
    assert body(frame).hex() == expected


def test_a_call_lies_on_the_wire_as_the_protocol_has_it() -> None:
    call = m.CallCommand("S", "h", b"p", (m.Header("a", "b"),), "k", "i", 1, 2, "n")
    expected = "0a01531201681a017022060a01611201622a016b3201695001580262016e"
    assert body(CODECS[6].encode(call)).hex() == expected


def test_unpacked_lists_unknown_fields_and_unknown_members_are_read() -> None:
    codec = CODECS[7]
    assert codec.decode(Frame(1, 0, bytes.fromhex("2206080108022863"))) == m.Suspension(m.Future((1, 2)))
    assert codec.decode(Frame(0x0411, 0, bytes.fromhex("5801a20603616263f80701"))) == m.RunCommand(1)
    unknown_behaviour = bytes.fromhex("08f4034809")
    assert codec.decode(Frame(2, 0, unknown_behaviour)) == m.Error(500, "")
    wrong_kind = bytes.fromhex("5a0101")
    assert codec.decode(Frame(0x0411, 0, wrong_kind)) == m.RunCommand(0)


@pytest.mark.parametrize(
    "broken",
    [
        "58",  # ends in the middle of a field
        "62056162",  # a text longer than the message
        "6202c328",  # no UTF-8
        "58ffffffffffffffffff7f",  # more than 64 bits
        "58ffffffff1f",  # more than the field's 32 bits
        "5b",  # a group
        "0001",  # field number 0
        "59010203",  # a fixed number that is cut off
    ],
)
def test_malformed_messages_are_refused(broken: str) -> None:
    with pytest.raises(MalformedMessage):
        CODECS[7].decode(Frame(0x0411, 0, bytes.fromhex(broken)))


def test_unknown_types_are_refused() -> None:
    for number in (0x0008, 0x040F, 0x0415, 0x8001, 0xFC00):
        with pytest.raises(UnknownMessage):
            CODECS[7].decode(Frame(number, 0, b""))


def test_trees_may_be_as_deep_as_the_limit_and_no_deeper() -> None:
    tree = m.Future((1,))
    for _ in range(MAX_FUTURE_DEPTH - 1):
        tree = m.Future(nested_futures=(tree,))
    frame = CODECS[7].encode(m.Suspension(tree))
    decoded = CODECS[7].decode(FrameReader().feed(frame)[0])
    assert CODECS[7].encode(decoded) == frame
    deeper = CODECS[7].encode(m.Suspension(m.Future(nested_futures=(tree,))))
    with pytest.raises(FutureTooDeep):
        CODECS[7].decode(FrameReader().feed(deeper)[0])


def test_there_is_no_other_version() -> None:
    from odradek.protocol.codec import Codec

    for version in (0, 4, 8):
        with pytest.raises(ValueError, match="version"):
            Codec(version)
