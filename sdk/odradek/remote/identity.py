"""Who asks: an engine that holds the private key of one of the application's identity keys signs its requests.

Each request carries a JWT, signed with Ed25519, for the path it goes to and about two minutes of time. Nothing of a
request is believed before its signature is checked.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

import msgspec

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

KEY_PREFIX: Final = "publickeyv1_"
KEY_BYTES: Final = 32
MAX_TOKEN_CHARACTERS: Final = 8192

_SCHEME_HEADER: Final = "x-restate-signature-scheme"
_TOKEN_HEADER: Final = "x-restate-jwt-v1"
_BASE58: Final = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


class Unidentified(Exception):
    """A request that none of the keys vouches for. The text says why, for the application's own log."""


class _JwtHeader(msgspec.Struct):
    alg: str
    kid: str


class _Claims(msgspec.Struct):
    aud: str
    nbf: float
    exp: float


_decode_header: Final = msgspec.json.Decoder(_JwtHeader).decode
_decode_claims: Final = msgspec.json.Decoder(_Claims).decode


class IdentityKeys:
    """The public keys whose owners may invoke the application's handlers.

    Raises `ValueError` for text that is not `publickeyv1_...`, and `RuntimeError` where the library is missing.
    """

    def __init__(self, keys: Iterable[str]) -> None:
        self._keys: dict[str, Ed25519PublicKey] = {key: _parse_key(key) for key in keys}

    def check(self, headers: Mapping[str, str], signed_path: str, now: float) -> None:
        """Raises `Unidentified` unless a key's owner signed this request for this path; `now` in s since the epoch."""
        scheme = headers.get(_SCHEME_HEADER)
        if scheme != "v1":
            raise Unidentified("the request is not signed" if scheme is None else f"signature scheme {scheme!r}")
        claims = self._verified(headers.get(_TOKEN_HEADER, ""))
        if not claims.nbf <= now < claims.exp:
            raise Unidentified("the signature is not valid at this time: compare the clocks of the two machines")
        if claims.aud != signed_path:
            raise Unidentified(f"the signature is for {claims.aud!r}, not for {signed_path!r}")

    def _verified(self, token: str) -> _Claims:
        from cryptography.exceptions import InvalidSignature

        parts = token.split(".")
        if len(parts) != 3 or len(token) > MAX_TOKEN_CHARACTERS:
            raise Unidentified("there is no well-formed token")
        try:
            header = _decode_header(_decode_base64(parts[0]))
            key = self._keys.get(header.kid)
            if header.alg != "EdDSA" or key is None:
                raise Unidentified(f"the request is signed with a key ({header.kid[:80]!r}) that is not accepted here")
            key.verify(_decode_base64(parts[2]), f"{parts[0]}.{parts[1]}".encode())
            return _decode_claims(_decode_base64(parts[1]))
        except InvalidSignature:
            raise Unidentified("the signature is wrong") from None
        except (msgspec.MsgspecError, ValueError) as error:
            raise Unidentified(f"the token cannot be read: {error}") from None


def _parse_key(text: Any) -> Ed25519PublicKey:
    try:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    except ModuleNotFoundError as error:
        raise RuntimeError("identity_keys needs a library: pip install 'odradek[identity]'") from error
    if not isinstance(text, str) or not text.startswith(KEY_PREFIX):
        raise ValueError(f"an identity key begins with {KEY_PREFIX}, unlike {text!r}")
    try:
        return Ed25519PublicKey.from_public_bytes(_decode_base58(text.removeprefix(KEY_PREFIX)))
    except ValueError:
        raise ValueError(f"{text!r} is not an identity key: {KEY_BYTES} bytes in base58 are expected") from None


def _decode_base58(text: str) -> bytes:
    number = 0
    for character in text:
        number = number * 58 + _BASE58.index(character)
    zeros = len(text) - len(text.lstrip(_BASE58[0]))
    return bytes(zeros) + number.to_bytes((number.bit_length() + 7) // 8, "big")


def _decode_base64(text: str) -> bytes:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except binascii.Error as error:
        raise ValueError(str(error)) from None
