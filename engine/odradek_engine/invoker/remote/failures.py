"""Why an attempt over the network failed, as users see it: texts and documented codes.

The codes are those of Restate's service protocol: RT0010 unreachable, RT0012 protocol violation, RT0015 version
refused, RT0019 too large for the handler's side, RT0023 rate limited, RT0003 too large for ours, RT0007 anything else.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

from odradek.protocol.framing import FrameTooLarge
from odradek_engine.model.rows import AttemptFailure

INTERNAL: Final = 500
PROTOCOL_VIOLATION: Final = 571
RETRY_AFTER_MAX_MS: Final = 24 * 60 * 60 * 1000
"""A longer wish is cut down to it."""

_RATE_LIMITED: Final = (429, 503)
_UNAVAILABLE: Final = (502, 504)
_TOO_LARGE: Final = 413
_UNSUPPORTED_MEDIA_TYPE: Final = 415


def unreachable(reason: str) -> AttemptFailure:
    """There is no connection, or it broke."""
    return AttemptFailure(INTERNAL, f"the service is temporarily unavailable: {reason}", "RT0010")


def bad_status(status: int, address: str) -> AttemptFailure:
    """A response that is not 200."""
    if status in _RATE_LIMITED:
        text, code = f"the deployment is rate limited or overloaded: it answered {status}", "RT0023"
    elif status in _UNAVAILABLE:
        text, code = f"the service is temporarily unavailable: a gateway answered {status}", "RT0010"
    elif status == _UNSUPPORTED_MEDIA_TYPE:
        text, code = "the deployment refuses the negotiated version of the service protocol", "RT0015"
    elif status == _TOO_LARGE:
        text, code = "the journal and the state are too large for what the deployment accepts", "RT0019"
    else:
        text, code = f"unexpected http status code: {status}", "RT0012"
    return AttemptFailure(INTERNAL, f"{text} ({address})", code)


def retry_after_ms(status: int, headers: Mapping[str, str], now_ms: int) -> int | None:
    """How long a rate-limited deployment wants to be left alone: seconds or an HTTP date; None if it does not say."""
    text = headers.get("retry-after", "").strip()
    if status not in _RATE_LIMITED or not text:
        return None
    if text.isascii() and text.isdigit():
        delay = int(text[:12]) * 1000
    else:
        try:
            moment = parsedate_to_datetime(text)
        except ValueError:
            return None
        delay = int(_aware(moment).timestamp() * 1000) - now_ms
    return min(max(delay, 0), RETRY_AFTER_MAX_MS)


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def bad_content_type(expected: str, found: str | None) -> AttemptFailure:
    """A response of something else than the service protocol."""
    return AttemptFailure(INTERNAL, f"expected a response of type {expected}, the deployment sent {found}", "RT0012")


def too_large(error: FrameTooLarge) -> AttemptFailure:
    """A message of the handler beyond the limit."""
    return AttemptFailure(INTERNAL, f"the handler sent {error} (worker.invoker.message-size-limit)", "RT0003")


def too_deep(error: Exception) -> AttemptFailure:
    """A wait that nobody can work out."""
    return AttemptFailure(INTERNAL, str(error), "RT0025")


def violation(reason: str) -> AttemptFailure:
    """The handler's side does not keep to the protocol."""
    return AttemptFailure(PROTOCOL_VIOLATION, reason, "RT0012")


def ended_early() -> AttemptFailure:
    """The stream ended without a last word."""
    return AttemptFailure(INTERNAL, "the stream ended without the attempt's last word", "RT0007")
