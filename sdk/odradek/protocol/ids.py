"""Text and raw forms of identifiers, and how the deterministic ones are derived.

A raw invocation id has 24 bytes: partition key (u64, big-endian), then 16 bytes that make it unique. Its
text form is `inv_1` and two base62 numbers of fixed width; the bytes of each are read little-endian.
Source: Restate's resource ids, checked against the real server's.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import struct
from functools import lru_cache
from typing import Final

_ALPHABET: Final = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_DIGITS: Final = {character: value for value, character in enumerate(_ALPHABET)}
_PAIRS: Final = tuple(high + low for high in _ALPHABET for low in _ALPHABET)
"""Two digits at a time: ids are written for every request."""
_WIDTH_U64: Final = 11
_WIDTH_U128: Final = 22

INVOCATION_ID_LENGTH: Final = 24
WRONG_TYPE: Final = "id doesn't match the expected type"
_KINDS: Final = frozenset(("dp", "inv", "prom", "sign", "snap", "sub"))


class MalformedId(ValueError):
    """The text is not an identifier of the expected kind."""


def _unwrap(kind: str, text: str) -> str:
    """What follows `<kind>_1` in an id; raises `MalformedId` for what is an id of another kind, or none."""
    prefix, separator, rest = text.partition("_")
    if not separator:
        raise MalformedId("bad format" if text else "bad length")
    if prefix not in _KINDS:
        raise MalformedId(f"unrecognized resource type: {prefix}")
    if not rest:
        raise MalformedId("bad length")
    if rest[0] != "1":
        raise MalformedId("unrecognized codec version")
    if prefix != kind:
        raise MalformedId(WRONG_TYPE)
    return rest[1:]


def _encode_base62(raw: bytes, width: int) -> str:
    number = int.from_bytes(raw, "little")
    pairs = []
    for _ in range(width >> 1):
        number, pair = divmod(number, 3844)
        pairs.append(_PAIRS[pair])
    if width & 1:
        pairs.append(_ALPHABET[number])
    pairs.reverse()
    return "".join(pairs)


def _decode_base62(text: str, length: int) -> bytes:
    number = 0
    for character in text:
        digit = _DIGITS.get(character)
        if digit is None:
            raise MalformedId("base62 decode error")
        number = number * 62 + digit
    try:
        return number.to_bytes(length, "little")
    except OverflowError:
        raise MalformedId("base62 decode error") from None


@lru_cache(maxsize=4096)
def format_invocation_id(raw: bytes) -> str:
    """`inv_1...` of a 24-byte raw id. Each id is written several times in its invocation's short life."""
    return f"inv_1{_encode_base62(raw[:8], _WIDTH_U64)}{_encode_base62(raw[8:], _WIDTH_U128)}"


def parse_invocation_id(text: str) -> bytes:
    """The 24 raw bytes of `inv_1...`; raises `MalformedId`."""
    digits = _unwrap("inv", text)
    if len(digits) != _WIDTH_U64 + _WIDTH_U128:
        raise MalformedId("bad length")
    return _decode_base62(digits[:_WIDTH_U64], 8) + _decode_base62(digits[_WIDTH_U64:], 16)


def format_resource_id(prefix: str, raw: bytes) -> str:
    """`<prefix>_1...` of 16 raw bytes, for deployments (`dp`) and subscriptions (`sub`)."""
    return f"{prefix}_1{_encode_base62(raw, _WIDTH_U128)}"


def parse_resource_id(prefix: str, text: str) -> bytes:
    """The 16 raw bytes of `<prefix>_1...`; raises `MalformedId`."""
    digits = _unwrap(prefix, text)
    if len(digits) != _WIDTH_U128:
        raise MalformedId("bad length")
    return _decode_base62(digits, 16)


_PADDING_MAX: Final = 2


def format_awakeable_id(invocation_id: bytes, signal_index: int) -> str:
    """`sign_1...` of an awakeable: invocation and signal index."""
    return "sign_1" + base64.urlsafe_b64encode(invocation_id + struct.pack(">I", signal_index)).decode().rstrip("=")


def parse_awakeable_id(text: str) -> tuple[bytes, int]:
    """Raw invocation id and signal index of `sign_1...`; raises `MalformedId`.

    Base64 padding may follow, whole or in part: the Java SDK writes it.
    """
    text = text[:-_PADDING_MAX] + text[-_PADDING_MAX:].rstrip("=")
    encoded = _unwrap("sign", text)
    try:
        raw = base64.b64decode(encoded + "=" * (-len(encoded) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise MalformedId(WRONG_TYPE) from None
    if len(raw) != INVOCATION_ID_LENGTH + 4:
        raise MalformedId(WRONG_TYPE)
    invocation_id, signal_index = raw[:INVOCATION_ID_LENGTH], int.from_bytes(raw[INVOCATION_ID_LENGTH:], "big")
    if format_awakeable_id(invocation_id, signal_index) != text:  # spare bits, another alphabet
        raise MalformedId(WRONG_TYPE)
    return invocation_id, signal_index


def partition_key_of(invocation_id: bytes) -> int:
    """The hash that routes an invocation, from its raw id."""
    return int.from_bytes(invocation_id[:8], "big")


def make_invocation_id(partition_key: int, unique: bytes) -> bytes:
    """A raw id of a partition key and 16 bytes."""
    return partition_key.to_bytes(8, "big") + unique


def workflow_unique(workflow: str, key: str) -> bytes:
    """The unique part of the id of a workflow's run: there is one run per key."""
    return hashlib.sha256(f"wf,{workflow},{key}".encode()).digest()[:16]


def idempotent_unique(service: str, key: str | None, handler: str, idempotency_key: str) -> bytes:
    """The unique part of an id that an idempotency key fixes; `key` is None for services."""
    middle = "" if key is None else f"{key},"
    return hashlib.sha256(f"ik,{service},{middle}{handler},{idempotency_key}".encode()).digest()[:16]
