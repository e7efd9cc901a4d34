"""What a client's or an operator's request says to a node, as a command of the engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from odradek.json_codec import encode
from odradek.protocol.messages import Header, SignalNotification
from odradek_engine.gateway import Overloaded
from odradek_engine.ingress.requests import Head, invoke
from odradek_engine.ingress.routes import HandlerRoute
from odradek_engine.model import commands as c
from odradek_engine.model.registry import ServiceSettings
from odradek_engine.model.rows import KafkaCluster, StateEdit
from odradek_engine.model.target import Target, TargetKind
from odradek_engine.partition.decide.edit_state import state_version
from simulation.plan import Request
from simulation.remote.deployments import deployment_of

if TYPE_CHECKING:
    from simulation.machine import Machine

INVOKING: Final = ("call", "send", "again")
OF_THE_REGISTRY: Final = ("configure", "register", "move", "drain", "add cluster", "drop cluster")
OF_NO_INVOCATION: Final = ("state", "edit", *OF_THE_REGISTRY)
NO_STATE: Final = state_version({})
_SIMPLE: Final[dict[str, type[Any]]] = {
    "attach": c.Attach,
    "output": c.ReadOutput,
    "cancel": c.Cancel,
    "kill": c.Kill,
    "pause": c.Pause,
    "purge": c.Purge,
    "purge journal": c.PurgeJournal,
}


def command_of(request: Request, invocation: bytes, machine: Machine) -> c.AnyCommand:
    """What the node is asked. Raises `Overloaded` where it does not know the handler yet."""
    body = request.body
    match request.kind:
        case "call" | "send" | "again":
            return _invoke(request, machine)
        case "signal":
            return c.Signal(invocation, SignalNotification(body[0], encode(body[1])))
        case "resume":
            return c.Resume(invocation, c.KEEP if body is None else body)
        case "restart":
            return c.RestartAsNew(invocation, body["last index"], body["deployment"])
        case "edit":
            return c.EditState(request.service, request.key, edit_of(request, machine))
        case "configure":
            return c.ConfigureService(request.service, ServiceSettings(**body))
        case "register":
            return c.RegisterDeployment(deployment_of(body, machine.clock.now_ms()), overwrite=body["overwrite"])
        case "move":
            return c.UpdateDeployment(deployment_of(body, machine.clock.now_ms()), overwrite=body["overwrite"])
        case "add cluster":
            properties = {"bootstrap.servers": "nowhere:9092"}
            return c.CreateKafkaCluster(KafkaCluster(body["name"], properties, machine.clock.now_ms()))
        case "drop cluster":
            return c.DeleteKafkaCluster(body["name"], body["force"])
        case "drain":
            return c.RemoveDeployment(body["id"])
    command: c.AnyCommand = _SIMPLE[request.kind](invocation)
    return command


def edit_of(request: Request, machine: Machine) -> StateEdit:
    """The edit that a request asks for: of any state, of the one that there is now, or of none."""
    values = {name.encode(): encode(value) for name, value in request.body["state"].items()}
    match request.body["of"]:
        case "now":
            return StateEdit(values, state_version(machine.state_now(request.service, request.key)))
        case "none":
            return StateEdit(values, NO_STATE)
    return StateEdit(values)


def _invoke(request: Request, machine: Machine) -> c.Invoke:
    handler = machine.node.schema.handler(request.service, request.handler)
    if handler is None:
        raise Overloaded("the handler is not known here yet")
    route = HandlerRoute(handler, target_of(request, handler.kind), request.kind == "send")
    head = Head([Header("x-request", str(request.number))])
    body = b"" if request.body is None else encode(request.body)
    now = machine.clock.now_ms()
    return invoke(route, head, body, idempotency_key(request, handler.kind), request.delay_ms, now, bytes(16))


def target_of(request: Request, kind: TargetKind) -> Target:
    """What a request is for."""
    return Target(kind, request.service, request.handler, request.key)


def idempotency_key(request: Request, kind: TargetKind) -> str | None:
    """A client that asks `again` uses the key of the request before it."""
    if kind is TargetKind.WORKFLOW_RUN:
        return None
    return f"request {request.subject if request.kind == 'again' else request.number}"
