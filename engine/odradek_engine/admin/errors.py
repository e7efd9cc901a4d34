"""Errors of the admin API and how they look: JSON where the engine says no, plain text where the request is broken."""

from __future__ import annotations

from typing import Final

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Match

from odradek_engine.log.port import LogError
from odradek_engine.model.outcomes import AnyOutcome, Refused

WRONG_METHOD: Final = 405
BAD_SHAPE: Final = "Failed to deserialize the JSON body into the target type"
"""How the answer 422 begins."""
BAD_SUBSCRIPTION: Final = "META0009"


class AdminError(Exception):
    """Something that was asked for and cannot be done. `code`: the documented code, if there is one."""

    def __init__(self, status: int, message: str, code: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code


class BadRequest(Exception):
    """A request that is broken in itself; answered in plain text."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text


def json_response(body: object, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A JSON answer."""
    return Response(msgspec.json.encode(body), status, headers, "application/json")


def _error_response(status: int, message: str, code: str | None = None) -> Response:
    return json_response({"message": message, "restate_code": code}, status)


async def answer_admin_error(_: Request, error: Exception) -> Response:
    """Answers `AdminError`."""
    assert isinstance(error, AdminError)
    return _error_response(error.status, error.message, error.code)


async def answer_bad_request(_: Request, error: Exception) -> Response:
    """Answers `BadRequest`."""
    assert isinstance(error, BadRequest)
    return PlainTextResponse(error.text, error.status)


async def answer_overloaded(_: Request, error: Exception) -> Response:
    """Answers `Overloaded`."""
    return _error_response(503, str(error) or "the node is overloaded, try again later")


async def answer_log_error(_: Request, error: Exception) -> Response:
    """Answers what the log could not do; the request may be made again."""
    assert isinstance(error, LogError)
    return _error_response(503, str(error))


async def answer_http_exception(request: Request, error: Exception) -> Response:
    """Unknown paths and wrong methods have no body."""
    assert isinstance(error, HTTPException)
    headers = {"allow": _allowed(request)} if error.status_code == WRONG_METHOD else error.headers
    return Response(status_code=error.status_code, headers=headers)


def _allowed(request: Request) -> str:
    """The methods of all routes that have the request's path; the framework tells those of one."""
    routes = [route for route in request.app.routes if route.matches(request.scope)[0] is not Match.NONE]
    return ",".join(sorted(set().union(*(route.methods or () for route in routes))))


async def answer_bug(_: Request, error: Exception) -> Response:
    """Anything else is our fault; the log has it."""
    return _error_response(500, f"internal error: {type(error).__name__}")


def check_done(outcome: AnyOutcome, code: str | None = None) -> None:
    """Raises where the command was refused. `code`: the documented one of such a refusal."""
    if isinstance(outcome, Refused):
        raise AdminError(outcome.code, outcome.message, code)
