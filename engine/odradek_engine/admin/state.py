"""The state of objects and workflows: read one, replace one."""

from __future__ import annotations

import base64
from typing import Annotated, Any, Final, TypeAlias

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from odradek.protocol.manifest import ServiceType
from odradek_engine.admin.errors import AdminError, check_done, json_response
from odradek_engine.admin.operations import Operation
from odradek_engine.admin.parameters import read_json
from odradek_engine.gateway import Gateway
from odradek_engine.model.commands import EditState
from odradek_engine.model.rows import StateEdit

EDIT_BODY_BYTES: Final = 8 * 1024 * 1024
"""Of one request. A byte of state takes about four, as a number with its comma."""

_Byte: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=255)]


class WholeState(msgspec.Struct):
    """All values of an object from now on, by name. `version`: only if the state is still the one of this version."""

    object_key: str
    new_state: dict[str, list[_Byte] | str]
    version: str | None = None
    scope: str | None = None


class ObjectState:
    """The routes of it."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def routes(self) -> list[Operation]:
        """All of them."""
        return [
            Operation(
                "POST",
                "/services/{service}/state",
                self._edit,
                "Replaces an object's state",
                body=WholeState,
                statuses=(202,),
            ),
            Operation("GET", "/services/{service}/state/{key:path}", self._read, "An object's state"),
        ]

    async def _read(self, request: Request) -> Response:
        name = request.path_params["service"]
        kind = self._kind(name)
        if kind is None:
            raise AdminError(404, f"The requested service '{name}' does not exist")
        if kind is ServiceType.SERVICE:
            raise AdminError(400, f"Service '{name}' is a plain service and has no state")
        state = await self._gateway.object_state(name, request.path_params["key"])
        shown = {name.decode("utf-8", "backslashreplace"): _shown(value) for name, value in sorted(state.items())}
        return json_response(shown)

    async def _edit(self, request: Request) -> Response:
        """202 whatever becomes of it, also for a service that is not there any more: its state may have to go."""
        edit = await read_json(request, WholeState, EDIT_BODY_BYTES)
        name = request.path_params["service"]
        if self._kind(name) is ServiceType.SERVICE:
            raise AdminError(400, "Cannot modify state for service type Service")
        if edit.scope is not None:
            raise AdminError(400, "Scopes are not supported: leave out the field 'scope'")
        state = {key.encode(): _raw(value) for key, value in edit.new_state.items()}
        check_done(await self._gateway.ask(EditState(name, edit.object_key, StateEdit(state, edit.version))))
        return Response(status_code=202)

    def _kind(self, service: str) -> ServiceType | None:
        known = self._gateway.schema.services.get(service)
        return None if known is None else known.manifest.ty


def _raw(value: list[int] | str) -> bytes:
    return value.encode() if isinstance(value, str) else bytes(value)


def _shown(value: bytes) -> Any:
    """JSON as it is, other bytes as base64."""
    try:
        msgspec.json.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {"base64": base64.b64encode(value).decode()}
    return msgspec.Raw(value)
