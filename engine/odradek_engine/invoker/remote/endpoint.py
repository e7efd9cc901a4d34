"""A deployment as something that runs handlers: attempts of it are requests to its address."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

from odradek.protocol.attempt import HandlerSide
from odradek.protocol.codec import content_type
from odradek.protocol.messages import Entry, Start
from odradek_engine.invoker.port import AttemptSide
from odradek_engine.invoker.remote.attempt import RemoteAttempt, Terms
from odradek_engine.invoker.remote.signing import RequestSigner
from odradek_engine.invoker.remote.transport import RequestHead, Requests


class RemoteEndpoint:
    """Implements `HandlerHost` for one deployment and one version of the protocol.

    `headers`: sent with every request, by lower-case name. `signer`: signs each, if there is one.
    """

    def __init__(
        self, terms: Terms, requests: Requests, headers: dict[str, str], signer: RequestSigner | None = None
    ) -> None:
        media_type = content_type(terms.codec.version)
        self._terms = terms
        self._requests = requests
        self._signer = signer
        self._headers = headers | {"content-type": media_type, "accept": media_type}

    def start(
        self, service: str, handler: str, start: Start, journal: Sequence[Entry], engine: AttemptSide
    ) -> HandlerSide:
        """See `HandlerHost`."""
        headers = self._headers | {"x-restate-invocation-id": start.debug_id}
        if start.key:
            headers["x-restate-service-key"] = quote(start.key, safe="")
        path = f"/invoke/{service}/{handler}"
        if self._signer is not None:
            headers |= self._signer.headers(path, start.key)
        head = RequestHead("POST", path, headers)
        attempt = RemoteAttempt(self._terms, self._requests, head, (start, journal), engine)
        attempt.begin()
        return attempt
