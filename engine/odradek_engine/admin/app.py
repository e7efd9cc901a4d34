"""The admin API as one ASGI application."""

from __future__ import annotations

import re
from typing import Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from odradek_engine.admin.clusters import Clusters
from odradek_engine.admin.deployments import API_VERSION, Deployments
from odradek_engine.admin.document import Document
from odradek_engine.admin.errors import (
    AdminError,
    BadRequest,
    answer_admin_error,
    answer_bad_request,
    answer_bug,
    answer_http_exception,
    answer_log_error,
    answer_overloaded,
)
from odradek_engine.admin.information import MAX_API_VERSION, MIN_API_VERSION, Information, NodeInformation
from odradek_engine.admin.invocation_batches import InvocationBatches
from odradek_engine.admin.invocations import Invocations
from odradek_engine.admin.query import ArrowQuery, Queries
from odradek_engine.admin.registration import Discovery
from odradek_engine.admin.services import Services
from odradek_engine.admin.state import ObjectState
from odradek_engine.admin.subscriptions import SourceResolver, Subscriptions
from odradek_engine.admin.topics import Topics
from odradek_engine.config import Config
from odradek_engine.gateway import Gateway, Overloaded
from odradek_engine.log.port import LogError
from odradek_engine.topics import TopicProducers

_VERSION: Final = re.compile(r"/v([1-9][0-9]{0,3})(?=/|$)")


class VersionPrefix:
    """Takes `/v2` to `/v4` off the paths: all versions of the API are one."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers older versions itself; newer ones are unknown paths."""
        match = _VERSION.match(scope.get("path", ""))
        if match is not None:
            version = int(match[1])
            if version < MIN_API_VERSION:
                text = (
                    f"Unsupported Admin API version V{version}. This server supports versions between "
                    f"V{MIN_API_VERSION} and V{MAX_API_VERSION}."
                )
                await PlainTextResponse(text, 400)(scope, receive, send)
                return
            if version <= MAX_API_VERSION:
                scope = {**scope, "path": scope["path"][match.end() :] or "/", API_VERSION: version}
        await self._app(scope, receive, send)


def make_admin_app(
    gateway: Gateway,
    config: Config,
    node: NodeInformation,
    resolver: SourceResolver,
    discovery: Discovery,
    arrow_query: ArrowQuery | None = None,
) -> ASGIApp:
    """The whole API over a gateway. `resolver` finds topics of foreign Kafka clusters, `discovery` asks endpoints."""
    subscriptions = Subscriptions(gateway, resolver, config.cluster_name)
    producers = TopicProducers(gateway.log, gateway.clock)
    parts = (
        Information(node),
        Deployments(gateway, config, discovery),
        Services(gateway, config, node.ingress_url),
        ObjectState(gateway),
        Invocations(gateway),
        InvocationBatches(gateway),
        subscriptions,
        Clusters(gateway, subscriptions),
        Topics(gateway, producers, config.cluster_name),
        Queries(gateway, arrow_query),
    )
    operations = [operation for part in parts for operation in part.routes()]
    document = Document(operations, node.version)
    app = Starlette(
        routes=[*operations, *document.routes()],
        middleware=[Middleware(VersionPrefix)],
        exception_handlers={
            AdminError: answer_admin_error,
            BadRequest: answer_bad_request,
            Overloaded: answer_overloaded,
            LogError: answer_log_error,
            HTTPException: answer_http_exception,
            Exception: answer_bug,
        },
    )
    app.router.redirect_slashes = False
    return app
