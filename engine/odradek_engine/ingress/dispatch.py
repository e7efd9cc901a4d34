"""One request on its way: route, command, gateway, and the response when its outcome comes back.

Nothing is awaited here: the reply callback that goes with a command writes the response. A client that leaves
changes nothing of what it asked for, but nothing is kept for it any more.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final, TypeAlias

import httptools
import msgspec

from odradek_engine.gateway import Gateway, Overloaded
from odradek_engine.ingress.exchange import Exchange, Request
from odradek_engine.ingress.limits import IngressLimits
from odradek_engine.ingress.requests import (
    Head,
    HeaderReader,
    check_idempotency_key,
    check_input,
    complete_awakeable,
    invoke,
    named_result,
    read_delay,
)
from odradek_engine.ingress.responses import (
    INTERNAL_ERROR,
    RequestError,
    Response,
    attached,
    awakeable_told,
    health,
    ingress_error,
    invoked,
    looked_up,
    output,
    preflight,
    result_content_type,
)
from odradek_engine.ingress.routes import (
    AwakeableRoute,
    HandlerRoute,
    HealthRoute,
    LookupRoute,
    NamedResultRoute,
    ResultRoute,
    Route,
    check_method,
    find_route,
)
from odradek_engine.model.commands import Attach, Invoke, ReadOutput, Signal
from odradek_engine.model.outcomes import AnyOutcome, Ended
from odradek_engine.model.registry import HandlerSchema, Schema
from odradek_engine.observe.ingress import IngressCounters, RequestCounters
from odradek_engine.ulid import RANDOM_BYTES, make_ulid

_log = logging.getLogger(__name__)

_UNIQUE_BYTES: Final = 16
_REMEMBERED_ROUTES: Final = 16_384
_REMEMBERED_PATH_LENGTH: Final = 256
_CORS: Final = (
    b"vary: origin, access-control-request-method, access-control-request-headers\r\n"
    b"access-control-allow-credentials: true\r\n"
)

_Render: TypeAlias = Callable[[AnyOutcome, bytes], Response]


class _Known(msgspec.Struct, frozen=True):
    """A route, and where its requests are counted."""

    route: Route
    counters: RequestCounters


class _Awaited(msgspec.Struct):
    """A request whose outcome is still to come, and the reply to its command."""

    dispatcher: Dispatcher
    exchange: Exchange
    invocation: bytes
    render: _Render
    origin: bytes | None
    counters: RequestCounters
    handler: HandlerSchema | None
    begun: float

    def __call__(self, outcome: AnyOutcome) -> None:
        """The outcome is there."""
        self.dispatcher.reply(self, outcome)

    def left(self) -> None:
        """See `Awaited`."""
        self.dispatcher.let_go(self)


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
        """Takes a request; its response is sent now, or when the outcome is there."""
        try:
            self._take(exchange)
        except RequestError as error:
            exchange.send(ingress_error(error.status, error.message), _cors_of(exchange.request))
        except Overloaded as error:
            text = str(error) or "the node is overloaded, try again later"
            exchange.send(ingress_error(503, text), _cors_of(exchange.request))
        except Exception:
            _log.exception("the ingress failed on a request to %r", exchange.request.target[:200])
            exchange.send(INTERNAL_ERROR, _cors_of(exchange.request))

    def _take(self, exchange: Exchange) -> None:
        request = exchange.request
        if request.method == b"OPTIONS":
            exchange.send(preflight(request.headers), _cors_of(request))
            return
        target = _origin_form(request.target)
        path, _, query = target.partition("?")
        known = self._find(path, request.method)
        self._admit()
        counters = known.counters
        try:
            head = self._headers.read(target, request.headers)
            route = known.route
            if isinstance(route, HandlerRoute):
                self._invoke(exchange, route, head, query, counters)
            else:
                self._do_other(exchange, route, head, counters)
        except RequestError:
            counters.request_error += 1
            raise
        except Overloaded:
            counters.ingress_error += 1
            raise

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
        if not isinstance(route, HandlerRoute):
            return _Known(route, self._counters.of("", ""))
        known = _Known(route, self._counters.of(route.target.service, "send" if route.send else "call"))
        if len(path) <= _REMEMBERED_PATH_LENGTH:
            if len(self._known) >= _REMEMBERED_ROUTES:
                self._known.clear()
            self._known[path] = known
        return known

    def _admit(self) -> None:
        counters = self._counters
        limit = self._limits.concurrent_requests
        if limit is not None and counters.running >= limit:
            counters.throttled += 1
            raise RequestError(429, "too many requests are running, try again later")
        counters.admitted += 1

    def _invoke(
        self, exchange: Exchange, route: HandlerRoute, head: Head, query: str, counters: RequestCounters
    ) -> None:
        request = exchange.request
        body = request.body if request.method == b"POST" else b""
        delay = read_delay(query, route.send) if query else None
        check_input(route.handler, body, head.content_type)
        now_ms = self._gateway.clock.now_ms()
        key = head.idempotency_key
        unique = b""
        if route.target.of_workflow:
            check_idempotency_key(route.target, key)
            unique = self._gateway.random_bytes(_UNIQUE_BYTES)
        elif key is None:
            key = make_ulid(now_ms, self._gateway.random_bytes(RANDOM_BYTES))
        command = invoke(route, head, body, key, delay, now_ms, unique)
        self._submit(command, invoked, exchange, head, counters, route.handler)

    def _do_other(self, exchange: Exchange, route: Route, head: Head, counters: RequestCounters) -> None:
        match route:
            case ResultRoute(invocation, wait, handler):
                asked = Attach(invocation) if wait else ReadOutput(invocation)
                self._submit(asked, attached if wait else output, exchange, head, counters, handler)
            case NamedResultRoute(wait):
                named = named_result(exchange.request.body, wait, self._gateway.schema)
                self._do_other(exchange, named, head, counters)
            case LookupRoute():
                named = named_result(exchange.request.body, False, self._gateway.schema, "lookup")
                counters.completed += 1
                exchange.send(looked_up(named.invocation), _cors(head.origin))
            case AwakeableRoute():
                command = complete_awakeable(route, exchange.request.body)
                self._submit(command, awakeable_told, exchange, head, counters, None)
            case HealthRoute():
                counters.completed += 1
                exchange.send(health(sorted(self._gateway.schema.services)), _cors(head.origin))

    def _submit(
        self,
        command: Invoke | Attach | ReadOutput | Signal,
        render: _Render,
        exchange: Exchange,
        head: Head,
        counters: RequestCounters,
        handler: HandlerSchema | None,
    ) -> None:
        begun = self._gateway.clock.monotonic()
        invocation = command.invocation.id if isinstance(command, Invoke) else command.invocation
        awaited = _Awaited(self, exchange, invocation, render, head.origin, counters, handler, begun)
        self._gateway.submit(command, awaited)
        self._counters.running += 1
        exchange.awaited = awaited
        exchange.forget_request()

    def reply(self, awaited: _Awaited, outcome: AnyOutcome) -> None:
        """The outcome of a request is there."""
        exchange = awaited.exchange
        if exchange.awaited is not awaited:
            return  # the client left while its outcome was on its way
        exchange.awaited = None
        counters = awaited.counters
        self._counters.running -= 1
        counters.took(self._gateway.clock.monotonic() - awaited.begun)
        content_type = b""
        if isinstance(outcome, Ended):
            handler, target = awaited.handler, outcome.target
            if handler is None and target is not None:
                handler = self._gateway.schema.handler(target.service, target.handler)
            content_type = result_content_type(handler, outcome.result)
            if outcome.result.failure is not None:
                counters.invocation_error += 1
            else:
                counters.completed += 1
        else:
            counters.completed += 1
        exchange.send(awaited.render(outcome, content_type), _cors(awaited.origin))

    def let_go(self, awaited: _Awaited) -> None:
        """A client has left before its answer. What it asked for goes on without it."""
        self._counters.running -= 1
        awaited.counters.abandoned += 1
        self._gateway.detach(awaited.invocation, awaited)


def _cors(origin: bytes | None) -> bytes:
    return _CORS if origin is None else _CORS + b"access-control-allow-origin: %b\r\n" % origin


def _cors_of(request: Request) -> bytes:
    return _cors(dict(request.headers).get(b"origin"))


def _origin_form(target: bytes) -> str:
    """Path and query; a proxy may have sent the whole URL."""
    try:
        if not target.startswith(b"/"):
            url = httptools.parse_url(target)
            target = (url.path or b"/") + (b"?" + url.query if url.query else b"")
        return target.decode("ascii")
    except (httptools.HttpParserInvalidURLError, UnicodeDecodeError):
        raise RequestError(400, f"bad path: {target.decode('ascii', 'backslashreplace')}") from None
