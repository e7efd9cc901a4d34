"""Routes that say what they are for; the OpenAPI document of the API is made of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final, NamedTuple

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route


class QueryParameter(NamedTuple):
    """One that an operation takes behind the `?`, always optional."""

    name: str
    schema: dict[str, Any]
    description: str


FLAG: Final = {"type": "boolean", "default": False}
TEXT: Final = {"type": "string"}
INDEX: Final = {"type": "integer", "minimum": 0, "default": 0}


class Operation(Route):
    """A route of one method. `body`: the shape of what comes with the request."""

    def __init__(
        self,
        method: str,
        path: str,
        endpoint: Callable[[Request], Awaitable[Response]],
        summary: str,
        *,
        body: type[msgspec.Struct] | None = None,
        query: tuple[QueryParameter, ...] = (),
        statuses: tuple[int, ...] = (200,),
    ) -> None:
        super().__init__(path, endpoint, methods=[method])
        self.method = method
        self.summary = summary
        self.body = body
        self.query = query
        self.statuses = statuses
