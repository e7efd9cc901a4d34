"""Request identity: who may discover and invoke an application with identity keys."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from identity_keys import public_text
from scripted_stream import request, run, scope_of

import odradek
from live_node import PACKAGES

KEY, OTHER_KEY, UNKNOWN_KEY = (Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32) for number in (1, 2, 3))
PUBLIC = public_text(KEY)

service = odradek.Service("Svc")


@service.handler()
async def greet(ctx: odradek.Context, name: str) -> str:
    return f"Hello {name}"


app = odradek.app([service], identity_keys=[public_text(OTHER_KEY), PUBLIC])


def part(document: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(document).encode()).decode().rstrip("=")


def token(
    key: Ed25519PrivateKey = KEY, header: dict[str, Any] | None = None, claims: dict[str, Any] | None = None
) -> str:
    """A token as engines make them, but for the given differences; None leaves a field out."""
    fields = {"typ": "JWT", "alg": "EdDSA", "kid": PUBLIC} | (header or {})
    now = int(time.time())
    said = {"aud": "/discover", "iat": now, "nbf": now - 60, "exp": now + 60} | (claims or {})
    signed = ".".join(part({k: v for k, v in each.items() if v is not None}) for each in (fields, said))
    signature = base64.urlsafe_b64encode(key.sign(signed.encode())).decode().rstrip("=")
    return f"{signed}.{signature}"


def ask(path: str = "/discover", scheme: str | None = "v1", jwt: str | None = None, method: str = "GET") -> int:
    headers = {"x-restate-signature-scheme": scheme, "x-restate-jwt-v1": jwt}
    given = {name: value for name, value in headers.items() if value is not None}
    return run(lambda: request(app, scope_of(method, path, headers=given)))[0]


def test_signed_requests_are_answered() -> None:
    assert ask(jwt=token()) == 200
    assert ask("/pre/fix/discover", jwt=token()) == 200
    invoke = token(claims={"aud": "/invoke/Svc/greet"})
    assert ask("/pre/invoke/Svc/greet", jwt=invoke, method="POST") == 415, "past the door, without a content type"


@pytest.mark.parametrize(
    "method_and_path", [("GET", "/discover"), ("POST", "/invoke/Svc/greet"), ("POST", "/invoke/No/no")]
)
def test_unsigned_requests_are_refused_without_a_word(method_and_path: tuple[str, str]) -> None:
    for scheme in (None, "unsigned"):
        headers = {} if scheme is None else {"x-restate-signature-scheme": scheme}
        status, _, body = run(lambda h=headers: request(app, scope_of(*method_and_path, headers=h)))
        assert (status, body) == (401, b"")


def test_health_is_open_to_all() -> None:
    assert ask("/health", scheme=None) == 200


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: "", "well-formed"),
        (lambda: "a.b", "well-formed"),
        (lambda: "....", "well-formed"),
        (lambda: f"{token()}{'x' * 10_000}", "well-formed"),
        (lambda: "a.b.c", "cannot be read"),
        (lambda: "e30.e30.e30", "cannot be read"),
        (lambda: "\xe9.\xe9.\xe9", "cannot be read"),
        (lambda: f"{token().rpartition('.')[0]}.", "signature is wrong"),
        (lambda: f"{token()[:-8]}AAAAAAAA", "signature is wrong"),
        (lambda: token(OTHER_KEY), "signature is wrong"),
        (lambda: token(UNKNOWN_KEY, header={"kid": public_text(UNKNOWN_KEY)}), "not accepted here"),
        (lambda: token(header={"alg": "none"}), "not accepted here"),
        (lambda: token(header={"alg": "HS256"}), "not accepted here"),
        (lambda: token(header={"kid": None}), "cannot be read"),
        (lambda: token(claims={"aud": "/invoke/Svc/greet"}), "not for '/discover'"),
        (lambda: token(claims={"aud": None}), "cannot be read"),
        (lambda: token(claims={"exp": None}), "cannot be read"),
        (lambda: token(claims={"nbf": None}), "cannot be read"),
        (lambda: token(claims={"exp": "never"}), "cannot be read"),
        (lambda: token(claims={"exp": time.time() - 1}), "not valid at this time"),
        (lambda: token(claims={"nbf": time.time() + 30}), "not valid at this time"),
    ],
)
def test_wrong_tokens_are_refused(make: Callable[[], str], reason: str, caplog: pytest.LogCaptureFixture) -> None:
    assert ask(jwt=make()) == 401
    assert reason in caplog.text


def test_claims_of_another_token_do_not_fit_the_signature() -> None:
    header, _, signature = token().split(".")
    forged = token(claims={"exp": time.time() + 10_000}).split(".")[1]
    assert ask(jwt=f"{header}.{forged}.{signature}") == 401


@pytest.mark.parametrize(
    "key", ["", "publickeyv1_", "publickeyv1_0OIl", "privatekeyv1_" + PUBLIC[12:], PUBLIC + "11", 7]
)
def test_what_is_no_key_is_refused_at_once(key: Any) -> None:
    with pytest.raises(ValueError, match="identity key"):
        odradek.app([service], identity_keys=[key])


def test_without_the_library_the_extra_is_named() -> None:
    code = f"""
import sys
sys.path[:0] = {list(PACKAGES)!r}
sys.modules["cryptography"] = None
import odradek
odradek.app([])
odradek.app([], identity_keys=[{PUBLIC!r}])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert done.stderr.strip().splitlines()[-1].endswith("pip install 'odradek[identity]'")
