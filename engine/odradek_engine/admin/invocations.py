"""A hand on invocations: cancel, kill, pause, resume, purge."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from odradek_engine.admin.errors import AdminError, BadRequest
from odradek_engine.admin.parameters import read_invocation_id
from odradek_engine.gateway import Gateway
from odradek_engine.model.commands import AnyCommand, Cancel, Kill, Pause, Purge, PurgeJournal, Resume
from odradek_engine.model.outcomes import (
    AlreadyCompleted,
    AnyOutcome,
    Appended,
    Done,
    NotCompleted,
    NotFound,
    NotRunning,
    NotStarted,
    Refused,
)

_ACTIONS: Final[dict[str, Callable[[bytes], AnyCommand]]] = {
    "cancel": Cancel,
    "kill": Kill,
    "pause": Pause,
    "resume": Resume,
    "purge": Purge,
    "purge-journal": PurgeJournal,
}
_DELETE_MODES: Final = ("Cancel", "cancel", "Kill", "kill", "Purge", "purge")
_SAME_DEPLOYMENT: Final = ("keep", "latest")


class Invocations:
    """The routes of it."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def routes(self) -> list[Route]:
        """All of them."""
        acting = [
            Route(f"/invocations/{{invocation}}/{action}", self._act, methods=["PATCH"], name=action)
            for action in _ACTIONS
        ]
        return [*acting, Route("/invocations/{invocation}", self._delete, methods=["DELETE"])]

    async def _act(self, request: Request) -> Response:
        action = request.url.path.rpartition("/")[2]
        text, invocation = read_invocation_id(request)
        if action == "resume":
            _check_deployment(request)
        outcome = await self._gateway.ask(_ACTIONS[action](invocation))
        return Response(status_code=_status(outcome, action, text))

    async def _delete(self, request: Request) -> Response:
        _, invocation = read_invocation_id(request)
        mode = request.query_params.get("mode", "cancel")
        if mode not in _DELETE_MODES:
            expected = ", ".join(f"`{each}`" for each in _DELETE_MODES)
            raise BadRequest(
                400, f"Failed to deserialize query string: mode: unknown variant `{mode}`, expected one of {expected}"
            )
        await self._gateway.ask(_ACTIONS[mode.lower()](invocation))
        return Response(status_code=202)


def _check_deployment(request: Request) -> None:
    """A service in the node's own process has one deployment: there is no other to resume on."""
    deployment = request.query_params.get("deployment", "keep")
    if deployment not in _SAME_DEPLOYMENT:
        raise AdminError(
            400, "The query parameter 'deployment' is invalid. Reason: only 'keep' and 'latest' can be resumed on"
        )


def _status(outcome: AnyOutcome, action: str, invocation: str) -> int:
    match outcome:
        case Done():
            return 200
        case Appended():
            return 202
        case NotFound():
            raise AdminError(404, f"The requested invocation '{invocation}' does not exist")
        case AlreadyCompleted() if action == "resume":
            raise AdminError(409, f"The invocation '{invocation}' is completed, cannot be resumed.")
        case AlreadyCompleted():
            raise AdminError(409, f"The invocation '{invocation}' was already completed.")
        case NotCompleted():
            raise AdminError(409, f"The invocation '{invocation}' is not yet completed.")
        case NotStarted():
            raise AdminError(425, f"The invocation '{invocation}' is either inboxed or scheduled, cannot be resumed.")
        case NotRunning():
            raise AdminError(409, f"The invocation '{invocation}' is not running, cannot be paused.")
        case Refused(code, message):
            raise AdminError(code, message)
        case _:
            raise AssertionError(f"{action} answered {outcome!r}")
