"""One request on its way: route, command, gateway, and the response when its outcome comes back.

Nothing is awaited here: the reply callback that goes with a command writes the response.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import Final

import httptools
import msgspec

from odradek_engine.gateway import Gateway, Overloaded
from odradek_engine.ingress.limits import IngressLimits
from odradek_engine.ingress.protocol import Exchange, Request
from odradek_engine.ingress.requests import (
    Head,
    HeaderReader,
    check_input,
    complete_awakeable,
    invoke,
    named_result,
    read_delay,
)
from odradek_engine.ingress.responses import (
    ACCEPTED_EMPTY,
    INTERNAL_ERROR,
    PREFLIGHT,
    TOO_MANY_REQUESTS,
    RequestError,
    Response,
    attached,
    health,
    ingress_error,
    invoked,
    output,
    result_content_type,
)
from odradek_engine.ingress.routes import (
    AwakeableRoute,
    HandlerRoute,
    HealthRoute,
    NamedResultRoute,
    ResultRoute,
    Route,
    check_method,
    find_route,
)
from odradek_engine.model.outcomes import AnyOutcome, Ended
from odradek_engine.model.registry import HandlerSchema, Schema
from odradek_engine.observe.ingress import IngressCounters, RequestCounters
from odradek_engine.ulid import RANDOM_BYTES, make_ulid

_log = logging.getLogger(__name__)

_REMEMBERED_ROUTES: Final = 16_384
_REMEMBERED_PATH_LENGTH: Final = 256
_CORS: Final = (
    b"vary: origin, access-control-request-method, access-control-request-headers\r\n"
    b"access-control-allow-credentials: true\r\n"
)


class _Known(msgspec.Struct, gc=False):
    """A route found before, and what goes with it."""

    route: Route
    counters: RequestCounters


class _Pending(msgspec.Struct, gc=False):
    """What a response needs to know of its request."""

    exchange: Exchange
    cors: bytes
    counters: RequestCounters
    handler: HandlerSchema | None


class Dispatcher:
    """Answers all requests of an ingress; one for all of its connections."""

    def __init__(self, gateway: Gateway, limits: IngressLimits, counters: IngressCounters) -> None:
        self._gateway = gateway
        self._limits = limits
        self._counters = counters
        self._headers = HeaderReader()
        self._schema: Schema | None = None
        self._known: dict[str, _Known] = {}

    def __call__(self, exchange: Exchange) -> None:
        """Takes a request; its response is sent now or when the outcome is there."""
        request = exchange.request
        cors = _CORS
        counters = None
        try:
            target = _origin_form(request.target)
            head = self._headers.read(target, request.headers)
            if head.origin is not None:
                cors = _CORS + b"access-control-allow-origin: %b\r\n" % head.origin
            if request.method == b"OPTIONS":
                exchange.send(_preflight(request, cors))
                return
            path, _, query = target.partition("?")
            known = self._find(path, request.method)
            counters = known.counters
            self._admit()
            self._act(exchange, known, head, query, cors)
        except RequestError as error:
            if counters is not None:
                counters.request_error += 1
            _send(exchange, ingress_error(error.status, error.message), cors)
        except Overloaded as error:
            (counters or self._counters.of("", "")).ingress_error += 1
            _send(exchange, ingress_error(503, str(error) or "the node is overloaded, try again later"), cors)
        except Exception:
            _log.exception("a request to %r failed in the ingress", request.target[:200])
            _send(exchange, INTERNAL_ERROR, cors)

    def _find(self, path: str, method: bytes) -> _Known:
        schema = self._gateway.schema
        if schema is not self._schema:
            self._known.clear()
            self._schema = schema
        known = self._known.get(path)
        if known is not None:
            check_method(known.route, method)
            return known
        route = find_route(path, method, schema)
        if isinstance(route, HandlerRoute):
            counters = self._counters.of(route.target.service, "send" if route.send else "call")
            known = _Known(route, counters)
            if len(path) <= _REMEMBERED_PATH_LENGTH:
                if len(self._known) >= _REMEMBERED_ROUTES:
                    self._known.clear()
                self._known[path] = known
            return known
        return _Known(route, self._counters.of("", ""))

    def _admit(self) -> None:
        limit = self._limits.concurrent_requests
        if limit is not None and self._counters.running >= limit:
            self._counters.throttled += 1
            raise RequestError(429, "too many requests are running, try again later")
        self._counters.admitted += 1
