"""Inputs for parsers: any bytes, and samples that were damaged, cut, repeated and joined."""

from __future__ import annotations

import random

from fuzz_target import INPUT_BYTES_MAX
from hypothesis import strategies as st

WORDS = (
    b"",
    b"\x00",
    b"\xff",
    b"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80",
    b"\xc1",
    b"\x7f\xff\xff\xff",
    b"\xdd\xff\xff\xff\xff",
    b"\xed\xa0\x80",
    b"\r\n",
    b"-1",
    b"1e999",
    b"18446744073709551616",
    b"[" * 1500,
    b'{"a":' * 500,
    b"\x91" * 1500,
    b"(" * 1500,
)
"""What parsers have stumbled over before."""


def damaged(samples: tuple[bytes, ...], seed: int) -> bytes:
    """A sample after a few accidents. The same seed gives the same."""
    chance = random.Random(seed)
    data = bytearray(chance.choice(samples or (b"",)))
    for _ in range(chance.randint(1, 6)):
        at = chance.randint(0, len(data))
        end = min(len(data), at + chance.choice((1, 1, 2, 8, 64)))
        match chance.randint(0, 6):
            case 0:
                data[at:end] = chance.randbytes(end - at)
            case 1:
                del data[at:end]
            case 2:
                data[at:at] = chance.choice(WORDS)
            case 3:
                data[at:at] = data[at:end]
            case 4 if data:
                at = min(at, len(data) - 1)
                data[at] ^= 1 << chance.randint(0, 7)
            case 5:
                data[at:] = chance.choice(samples or (b"",))[at:]
            case _:
                del data[at:]
    return bytes(data[:INPUT_BYTES_MAX])


def inputs(samples: tuple[bytes, ...]) -> st.SearchStrategy[bytes]:
    """For Hypothesis: noise, or a damaged sample."""
    damage = st.integers(0, 2**32 - 1).map(lambda seed: damaged(samples, seed))
    return st.one_of(st.binary(max_size=300), damage, damage)
