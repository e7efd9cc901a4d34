"""What the one set of tests runs against: an SDK, the way in which a server speaks with it, and the server."""

from __future__ import annotations

import os
from typing import NamedTuple

import pytest
from languages import lacking

ODRADEK = "odradek"
RESTATE = "restate"
VERSION_MAX = 7


class Variant(NamedTuple):
    """An SDK, how it is spoken to, in which version of the protocol, and by which server."""

    sdk: str
    """A folder beside this file; `odradek` is ours."""
    mode: str
    """`in-process`, `duplex`, `request-response` (both over HTTP/2) or `http1`, which is request-response, too."""
    version: int
    server: str = ODRADEK
    """`odradek`, or `restate`: the real Restate server."""

    def __str__(self) -> str:
        under = f"{self.server}-" if self.server != ODRADEK else ""
        return f"{under}{self.sdk}-{self.mode}-v{self.version}"

    @property
    def settings(self) -> dict[str, str]:
        """Environment variables with which either server chooses the version."""
        return {"RESTATE_EXPERIMENTAL_ENABLE_PROTOCOL_V7": str(self.version == VERSION_MAX).lower()}


OURS = (
    Variant("odradek", "in-process", 7),
    Variant("odradek", "duplex", 5),
    Variant("odradek", "duplex", 6),
    Variant("odradek", "duplex", 7),
    Variant("odradek", "http1", 6),
    Variant("odradek", "http1", 7),
)
UNDER_THE_REAL_SERVER = (
    Variant("python", "duplex", 6, RESTATE),  # nothing of ours: shows that the tests say what the real ones do
    *(variant._replace(server=RESTATE) for variant in OURS if variant.mode != "in-process"),
)
OFFICIAL = (
    Variant("python", "duplex", 5),
    Variant("python", "duplex", 6),
    Variant("python", "duplex", 7),
    Variant("python", "http1", 6),
    Variant("python", "http1", 7),
    Variant("typescript", "duplex", 6),
    Variant("typescript", "duplex", 7),
    Variant("typescript", "request-response", 6),
    Variant("typescript", "http1", 7),
    Variant("go", "duplex", 6),
    Variant("go", "duplex", 7),
    Variant("go", "request-response", 6),
    Variant("go", "http1", 7),
    Variant("rust", "duplex", 6),
    Variant("rust", "duplex", 7),
    Variant("java", "duplex", 6),
    Variant("java", "http1", 6),
    Variant("kotlin", "duplex", 6),
)


def require(variant: Variant) -> None:
    """Skips the test where the SDK is not installed, and fails it where it must be."""
    reason = lacking(variant.sdk)
    if reason is not None:
        assert os.environ.get("ODRADEK_REQUIRE_SDKS") != "1", reason
        pytest.skip(reason)
