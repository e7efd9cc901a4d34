"""Frames are found however the stream is cut, and a frame that is too large is refused before it is kept."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odradek.protocol.framing import BODY_BYTES_MAX, HEADER, REQUIRES_ACK, Frame, FrameReader, FrameTooLarge

FRAMES = st.lists(st.builds(Frame, st.integers(0, 0xFFFF), st.integers(0, 0xFFFF), st.binary(max_size=60)), max_size=8)


def written(frames: list[Frame]) -> bytes:
    return b"".join(HEADER.pack(frame.type, frame.flags, len(frame.body)) + frame.body for frame in frames)


@given(FRAMES, st.data())
def test_frames_come_out_however_the_stream_is_cut(frames: list[Frame], data: st.DataObject) -> None:
    stream = written(frames)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=10)))
    reader = FrameReader()
    found = []
    for start, stop in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        found += reader.feed(stream[start:stop])
    assert found == frames
    assert reader.unfinished_bytes == 0


@given(FRAMES)
def test_frames_come_out_byte_by_byte(frames: list[Frame]) -> None:
    reader = FrameReader()
    assert [frame for byte in written(frames) for frame in reader.feed(bytes((byte,)))] == frames


def test_what_is_not_complete_is_kept() -> None:
    reader = FrameReader()
    stream = written([Frame(1, 0, b"abc")])
    assert reader.feed(stream[:-1]) == []
    assert reader.unfinished_bytes == len(stream) - 1
    assert reader.feed(stream[-1:]) == [Frame(1, 0, b"abc")]


def test_the_limit_counts_the_body() -> None:
    reader = FrameReader(body_bytes_max=10)
    assert reader.feed(written([Frame(1, 0, b"x" * 10)]))[0].body == b"x" * 10
    with pytest.raises(FrameTooLarge) as refused:
        reader.feed(HEADER.pack(1, 0, 11))
    assert (refused.value.size, refused.value.limit) == (11, 10)
    assert reader.unfinished_bytes == 0


def test_a_payload_of_the_full_size_passes() -> None:
    reader = FrameReader()
    stream = written([Frame(1, 0, bytes(BODY_BYTES_MAX))])
    half = len(stream) // 2
    assert reader.feed(stream[:half]) == []
    (frame,) = reader.feed(stream[half:])
    assert len(frame.body) == BODY_BYTES_MAX


def test_the_flag_asks_for_an_acknowledgement() -> None:
    assert Frame(5, REQUIRES_ACK, b"").requires_ack
    assert not Frame(5, 0x7FFF, b"").requires_ack
