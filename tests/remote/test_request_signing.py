"""Signed requests are what the SDK's own check takes, and only for their path and time."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from odradek.remote.identity import IdentityKeys, Unidentified
from odradek_engine.invoker.remote.signing import BadIdentityKey, RequestSigner, load_signer

NOW = 1_000_000
GOOD_FOR = 60


def key_file(folder: Path, key: Any) -> Path:
    path = folder / "key.pem"
    encryption = serialization.NoEncryption()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)
    path.write_bytes(pem)
    return path


@pytest.fixture
def signer(tmp_path: Path) -> RequestSigner:
    path = key_file(tmp_path, ed25519.Ed25519PrivateKey.generate())
    return load_signer(path, lambda: NOW * 1000, GOOD_FOR * 1000)


def part(token: str, index: int) -> Any:
    text = token.split(".")[index]
    return json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))


def test_the_token_says_what_it_is_for(signer: RequestSigner) -> None:
    headers = signer.headers("/invoke/S/h", "key")
    assert headers["x-restate-signature-scheme"] == "v1"
    token = headers["x-restate-jwt-v1"]
    assert part(token, 0) == {"typ": "JWT", "alg": "EdDSA", "kid": signer.public_key}
    assert part(token, 1) == {
        "aud": "/invoke/S/h",
        "iat": NOW,
        "nbf": NOW - 60,
        "exp": NOW + GOOD_FOR,
        "sub": "key",
    }
    assert "sub" not in part(signer.headers("/discover", "")["x-restate-jwt-v1"], 1)


def test_the_check_of_the_sdk_takes_it_for_its_path_and_time(signer: RequestSigner) -> None:
    keys = IdentityKeys([signer.public_key])
    headers = signer.headers("/invoke/S/h", "")
    for now in (NOW - 59, NOW, NOW + GOOD_FOR - 1):
        keys.check(headers, "/invoke/S/h", now)
    for path, now in (("/invoke/S/x", NOW), ("/invoke/S/h", NOW - 61), ("/invoke/S/h", NOW + GOOD_FOR)):
        with pytest.raises(Unidentified):
            keys.check(headers, path, now)


def test_another_key_is_not_taken(signer: RequestSigner, tmp_path: Path) -> None:
    other = load_signer(key_file(tmp_path, ed25519.Ed25519PrivateKey.generate()), lambda: NOW * 1000, 60_000)
    with pytest.raises(Unidentified):
        IdentityKeys([signer.public_key]).check(other.headers("/discover", ""), "/discover", NOW)


@pytest.mark.parametrize("seed", [bytes(32), b"\xff" * 32, b"\x01" * 32])
def test_public_keys_are_as_sdks_write_them(seed: bytes) -> None:
    signer = RequestSigner(ed25519.Ed25519PrivateKey.from_private_bytes(seed), lambda: 0, 1000)
    IdentityKeys([signer.public_key])
    assert signer.public_key.startswith("publickeyv1_")


def test_what_is_no_key_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(BadIdentityKey, match="absent"):
        load_signer(tmp_path / "absent.pem", lambda: 0, 1)
    (tmp_path / "text.pem").write_text("not a key")
    with pytest.raises(BadIdentityKey, match=r"text\.pem"):
        load_signer(tmp_path / "text.pem", lambda: 0, 1)
    with pytest.raises(BadIdentityKey, match="Ed25519"):
        load_signer(key_file(tmp_path, ec.generate_private_key(ec.SECP256R1())), lambda: 0, 1)
