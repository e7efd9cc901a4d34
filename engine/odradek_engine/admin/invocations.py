"""A hand on invocations, one by one: cancel, kill, pause, resume, restart, purge."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from odradek.protocol.ids import MalformedId, format_invocation_id, parse_resource_id
from odradek_engine.admin.errors import AdminError, BadRequest, json_response
from odradek_engine.admin.invocation_answers import RESTART, RESUME, status_of
from odradek_engine.admin.operations import INDEX, TEXT, Operation, QueryParameter
from odradek_engine.admin.parameters import read_index, read_invocation_id
from odradek_engine.gateway import Gateway
from odradek_engine.model.commands import (
    KEEP,
    LATEST,
    AnyCommand,
    Cancel,
    Kill,
    Pause,
    Purge,
    PurgeJournal,
    RestartAsNew,
    Resume,
)
from odradek_engine.model.outcomes import Accepted

ACTIONS: Final[dict[str, Callable[..., AnyCommand]]] = {
    "cancel": Cancel,
    "kill": Kill,
    "pause": Pause,
    RESUME: Resume,
    RESTART: RestartAsNew,
    "purge": Purge,
    "purge-journal": PurgeJournal,
}
"""Each makes its command of a raw id; those that are done on a deployment take a `deployment`, too."""
ON_DEPLOYMENT: Final = (RESUME, RESTART)

_FROM: Final = QueryParameter("from", INDEX, "The last entry of the journal that is kept.")
_DEPLOYMENT: Final = QueryParameter("deployment", TEXT, "Where it goes on: `latest`, `keep`, or a deployment's id.")
_TAKEN: Final = {RESUME: (_DEPLOYMENT,), RESTART: (_FROM, _DEPLOYMENT)}
_MODE: Final = QueryParameter("mode", TEXT, "`cancel`, `kill` or `purge`; `cancel` if it is not given.")
_DELETE_MODES: Final = ("Cancel", "cancel", "Kill", "kill", "Purge", "purge")


class Invocations:
    """The routes of it."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def routes(self) -> list[Operation]:
        """All of them."""
        one = "/invocations/{invocation_id}"
        acting = [
            Operation(
                "PATCH",
                f"{one}/{action}",
                self._act,
                f"{action} for an invocation",
                query=((_FROM, _DEPLOYMENT) if action == RESTART else (_DEPLOYMENT,))
                if action in ON_DEPLOYMENT
                else (),
                statuses=(200, 202),
            )
            for action in ACTIONS
        ]
        ending = Operation(
            "DELETE", one, self._delete, "cancel, kill or purge for an invocation", query=(_MODE,), statuses=(202,)
        )
        return [*acting, ending]

    async def _act(self, request: Request) -> Response:
        action = request.url.path.rpartition("/")[2]
        text, invocation = read_invocation_id(request)
        settings: dict[str, Any] = {}
        if action == RESTART:
            settings["last_index"] = read_index(request, "from")
        deployment = request.query_params.get("deployment")
        if action in ON_DEPLOYMENT and deployment is not None:
            settings["deployment"] = parse_deployment(deployment, "query parameter")
        outcome = await self._gateway.ask(ACTIONS[action](invocation, **settings))
        status = status_of(action, outcome, text)
        if isinstance(outcome, Accepted):
            return json_response({"new_invocation_id": format_invocation_id(outcome.invocation)}, status)
        return Response(status_code=status)

    async def _delete(self, request: Request) -> Response:
        _, invocation = read_invocation_id(request)
        mode = request.query_params.get("mode", "cancel")
        if mode not in _DELETE_MODES:
            expected = ", ".join(f"`{each}`" for each in _DELETE_MODES)
            raise BadRequest(
                400, f"Failed to deserialize query string: mode: unknown variant `{mode}`, expected one of {expected}"
            )
        await self._gateway.ask(ACTIONS[mode.lower()](invocation))
        return Response(status_code=202)


def parse_deployment(text: str, where: str) -> str:
    """`keep`, `latest` or a deployment's id; 400 if it is none. `where`: what the request calls it."""
    if text.lower() in (KEEP, LATEST):
        return text.lower()
    try:
        parse_resource_id("dp", text)
    except MalformedId as error:
        raise AdminError(400, f"The {where} 'deployment' is invalid. Reason: {error}") from None
    return text
