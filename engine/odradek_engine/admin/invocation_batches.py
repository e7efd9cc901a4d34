"""A hand on many invocations at once, by their ids: each is done or refused by itself."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from odradek.protocol.ids import MalformedId, format_invocation_id, parse_invocation_id
from odradek_engine.admin.errors import AdminError, BadRequest, json_response
from odradek_engine.admin.invocation_answers import complaint_of
from odradek_engine.admin.invocations import ACTIONS, ON_DEPLOYMENT, parse_deployment
from odradek_engine.admin.operations import Operation
from odradek_engine.admin.parameters import read_json
from odradek_engine.gateway import Gateway, Overloaded
from odradek_engine.model.commands import AnyCommand
from odradek_engine.model.outcomes import Accepted, AnyOutcome, Refused

BATCH_MAX: Final = 1_000
_AT_ONCE: Final = 100
"""So many of a batch are asked for before the first of them has to be answered."""


class InvocationBatch(msgspec.Struct):
    """Ids of invocations. `deployment`: where those go on that are resumed or restarted."""

    invocation_ids: list[str]
    deployment: str | None = None


class InvocationBatches:
    """The routes of it."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def routes(self) -> list[Operation]:
        """All of them."""
        path = "/internal/invocations_batch_operations"
        return [
            Operation("POST", f"{path}/{action}", self._act, f"{action} for each of these", body=InvocationBatch)
            for action in ACTIONS
        ]

    async def _act(self, request: Request) -> Response:
        action = request.url.path.rpartition("/")[2]
        batch = await read_json(request, InvocationBatch)
        invocations = _parse_ids(batch.invocation_ids)
        settings: dict[str, Any] = {}
        if action in ON_DEPLOYMENT and batch.deployment is not None:
            settings["deployment"] = parse_deployment(batch.deployment, "request field")
        outcomes = await self._ask_all([ACTIONS[action](invocation, **settings) for invocation in invocations])
        succeeded: list[object] = []
        failed: list[object] = []
        for text, outcome in zip(batch.invocation_ids, outcomes, strict=True):
            complaint = complaint_of(action, outcome, text)
            if complaint is not None:
                failed.append({"invocation_id": text, "error": complaint})
            elif isinstance(outcome, Accepted):
                new = format_invocation_id(outcome.invocation)
                succeeded.append({"old_invocation_id": text, "new_invocation_id": new})
            else:
                succeeded.append(text)
        return json_response({"succeeded": succeeded, "failed": failed})

    async def _ask_all(self, commands: Sequence[AnyCommand]) -> list[AnyOutcome]:
        outcomes: list[AnyOutcome] = []
        for start in range(0, len(commands), _AT_ONCE):
            outcomes += await asyncio.gather(*map(self._ask, commands[start : start + _AT_ONCE]))
        return outcomes

    async def _ask(self, command: AnyCommand) -> AnyOutcome:
        try:
            return await self._gateway.ask(command)
        except Overloaded as error:
            return Refused(503, str(error))


def _parse_ids(texts: Sequence[str]) -> list[bytes]:
    parsed = []
    for position, text in enumerate(texts):
        try:
            parsed.append(parse_invocation_id(text))
        except MalformedId as error:
            where = f"invocation_ids[{position}]: {error}"
            raise BadRequest(422, f"Failed to deserialize the JSON body into the target type: {where}") from None
    if len(parsed) > BATCH_MAX:
        raise AdminError(400, f"Batch size {len(parsed)} exceeds maximum allowed size of {BATCH_MAX}")
    return parsed
