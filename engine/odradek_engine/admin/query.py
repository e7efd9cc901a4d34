"""`POST /query`: SQL over everything that is durable, as JSON or as an Arrow stream."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from odradek_engine.admin.errors import json_response
from odradek_engine.admin.operations import Operation
from odradek_engine.admin.parameters import read_json
from odradek_engine.gateway import Gateway, QueryError

ARROW_STREAM: Final = "application/vnd.apache.arrow.stream"

ArrowQuery: TypeAlias = Callable[[str], Awaitable[bytes]]
"""Runs SQL and returns an Arrow IPC stream; raises `QueryError`."""


class Query(msgspec.Struct, frozen=True):
    """An SQL statement that reads."""

    query: str


class Queries:
    """The route of it."""

    def __init__(self, gateway: Gateway, arrow: ArrowQuery | None) -> None:
        self._gateway = gateway
        self._arrow = arrow

    def routes(self) -> list[Operation]:
        """All of them."""
        return [Operation("POST", "/query", self._query, "Answers an SQL query, as JSON or Arrow", body=Query)]

    async def _query(self, request: Request) -> Response:
        sql = (await read_json(request, Query)).query
        try:
            if self._arrow is not None and request.headers.get("accept") != "application/json":
                return Response(await self._arrow(sql), media_type=ARROW_STREAM)
            rows = await self._gateway.query(sql)
        except QueryError as error:
            return json_response({"message": str(error)}, error.status)
        return Response(await asyncio.to_thread(msgspec.json.encode, {"rows": rows}), media_type="application/json")
