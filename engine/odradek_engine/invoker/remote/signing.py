"""Signs requests to deployments, so that they can tell the node from anybody else.

Each request carries a JWT, signed with Ed25519, for the path below the deployment's address and about two minutes of
time. The public key, in the text form that SDKs take (`publickeyv1_...`), is the token's key id.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

KEY_PREFIX: Final = "publickeyv1_"
_BEFORE_SECONDS: Final = 60
"""A token is good from so long before it was made: clocks differ."""
_BASE58: Final = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


class BadIdentityKey(Exception):
    """The file holds no key to sign with. Says which file, and what is expected."""


class RequestSigner:
    """Makes the identity headers of requests. `now_ms`: wall clock; `good_for_ms`: how long a token is good."""

    def __init__(self, key: Ed25519PrivateKey, now_ms: Callable[[], int], good_for_ms: int) -> None:
        public = key.public_key().public_bytes_raw()
        self.public_key = KEY_PREFIX + _base58(public)
        self._key = key
        self._now_ms = now_ms
        self._good_for_seconds = good_for_ms // 1000
        self._head = _base64({"typ": "JWT", "alg": "EdDSA", "kid": self.public_key})

    def headers(self, path: str, service_key: str) -> dict[str, str]:
        """For a request to `path` below the deployment's address; `service_key` empty where there is none."""
        now = self._now_ms() // 1000
        claims: dict[str, Any] = {
            "aud": path,
            "iat": now,
            "nbf": now - _BEFORE_SECONDS,
            "exp": now + self._good_for_seconds,
        }
        if service_key:
            claims["sub"] = service_key
        signed = f"{self._head}.{_base64(claims)}"
        signature = base64.urlsafe_b64encode(self._key.sign(signed.encode())).decode().rstrip("=")
        return {"x-restate-signature-scheme": "v1", "x-restate-jwt-v1": f"{signed}.{signature}"}


def load_signer(path: Path, now_ms: Callable[[], int], good_for_ms: int) -> RequestSigner:
    """A signer with the key in a PEM file (PKCS 8); raises `BadIdentityKey`."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise BadIdentityKey(f"the request identity key in {path} cannot be read: {error}") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise BadIdentityKey(
            f"the key in {path} is no Ed25519 key: make one with 'openssl genpkey -algorithm ed25519 -out {path}'"
        )
    return RequestSigner(key, now_ms, good_for_ms)


def _base64(value: object) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(value)).decode().rstrip("=")


def _base58(raw: bytes) -> str:
    number = int.from_bytes(raw, "big")
    digits = []
    while number:
        number, digit = divmod(number, 58)
        digits.append(_BASE58[digit])
    zeros = len(raw) - len(raw.lstrip(b"\0"))
    return _BASE58[0] * zeros + "".join(reversed(digits))
