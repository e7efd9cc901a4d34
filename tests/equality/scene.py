"""Where a script is played: a server with an example's handlers, and all that is said and done there written down."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

import httpx
from transcript import Transcript

from example_node import OutsideWorld
from live_node import HttpNode, wait_until

REQUEST_SECONDS_MAX = 60.0
UNDER_WAY = ("pending", "ready", "running", "backing-off", "suspended")
INVOCATION = "target, status, completion_result, completion_failure, invoked_by, invoked_by_target, idempotency_key, id"

CANCEL = {"Index": 1}


class Scene:
    """Whatever a script asks for goes into the transcript with its answer, but for what it only waits for."""

    def __init__(self, node: HttpNode, world: OutsideWorld) -> None:
        self.world = world
        self.transcript = Transcript()
        self.sorts_diary = False
        """Whether the diary is written down sorted: what is done in parallel has no order of its own."""
        self._node = node
        self._ingress = httpx.Client(base_url=node.ingress_url, timeout=REQUEST_SECONDS_MAX, trust_env=False)

    def call(self, *path: Any, headers: Mapping[str, str] | None = None) -> Any:
        """`call("Service", ["key",] "handler", argument)`: the answer, be it an error. None is sent as no body."""
        *segments, argument = path
        return self._say("POST", segments, argument, headers=headers)

    def send(self, *path: Any, delay: str | None = None, headers: Mapping[str, str] | None = None) -> str:
        """As `call`, without waiting for the answer: the invocation's id."""
        *segments, argument = path
        params = {} if delay is None else {"delay": delay}
        return str(self._say("POST", [*segments, "send"], argument, headers=headers, params=params)["invocationId"])

    def get(self, *segments: Any) -> Any:
        """Any GET of the ingress: attach to an invocation, its output so far."""
        return self._say("GET", segments, None)

    def attach(self, invocation: str) -> Any:
        """Waits for an invocation: its answer."""
        return self.get("restate", "invocation", invocation, "attach")

    def resolve_awakeable(self, awakeable: str, value: Any) -> None:
        self._say("POST", ["restate", "awakeables", awakeable, "resolve"], value)

    def reject_awakeable(self, awakeable: str, reason: str) -> None:
        self._say("POST", ["restate", "awakeables", awakeable, "reject"], None, text=reason)

    def cancel(self, invocation: str) -> None:
        """Asks an invocation to end."""
        self._node.cancel(invocation)
        self.transcript.add("cancelled", invocation)

    def until_done(self, service: str, action: str, times: int = 1) -> list[dict[str, Any]]:
        """Waits until a service outside did something so often: its diary of that."""
        what = f"{service} did {action} {times} times"
        return wait_until(lambda: self._done(service, action, times), what, REQUEST_SECONDS_MAX)

    def until_it_fails(self, target: str) -> None:
        """Waits until an attempt of this target has failed, and the next one is to come."""
        self.until(f"SELECT id FROM sys_invocation WHERE target = '{target}' AND status = 'backing-off'")

    def until(self, query: str) -> None:
        """Waits until a query gives rows."""
        wait_until(lambda: self._node.sql(query), query, REQUEST_SECONDS_MAX)

    def until_idle(self) -> None:
        """Waits until nothing is under way; what is scheduled may be."""
        self._until_none(UNDER_WAY)

    def until_none_scheduled(self) -> None:
        """Waits until all that was scheduled has happened."""
        self._until_none(("scheduled", *UNDER_WAY))

    def close(self) -> list[str]:
        """Writes down what is there at the end: state, services, invocations with journals, and the diary."""
        self.until_idle()
        for row in self._node.sql("SELECT service_name, service_key, key, value_utf8 FROM state ORDER BY 1, 2, 3"):
            self.transcript.add("state", row | {"value_utf8": _parsed(row["value_utf8"])})
        self._add_services()
        self._add_invocations()
        done = [{name: value for name, value in entry.items() if name != "at"} for entry in self.world.entries()]
        for entry in sorted(done, key=json.dumps) if self.sorts_diary else done:
            self.transcript.add("done", entry)
        self._ingress.close()
        return self.transcript.lines

    def _add_services(self) -> None:
        """As they are registered, but for schemas: ours say more, of enums for instance."""
        services = self._node.request("GET", f"{self._node.admin_url}/services").json()["services"]
        for service in sorted(services, key=lambda each: str(each["name"])):
            handlers = service.pop("handlers")
            self.transcript.add("service", {name: value for name, value in service.items() if name != "deployment_id"})
            for handler in sorted(handlers, key=lambda each: str(each["name"])):
                known = {name: value for name, value in handler.items() if not name.endswith("_json_schema")}
                self.transcript.add("  ", known)

    def _add_invocations(self) -> None:
        """In the order in which the script, or the journal of another invocation, names them first."""
        left = {row["id"]: row for row in self._node.sql(f"SELECT {INVOCATION} FROM sys_invocation")}
        while left:
            named = next(name for name in self.transcript.ids() if name in left)
            self.transcript.add("invocation", left.pop(named))
            for command in self._commands(named):
                self.transcript.add("  ", command)

    def _commands(self, invocation: str) -> list[Any]:
        where = f"id = '{invocation}' AND entry_type LIKE 'Command%'"
        rows = self._node.sql(f"SELECT entry_lite_json AS entry FROM sys_journal WHERE {where} ORDER BY index")
        commands = [json.loads(row["entry"])["Command"] for row in rows]
        return [_without_completion_ids(command) for command in commands if not _cancels(command)]

    def _until_none(self, statuses: tuple[str, ...]) -> None:
        query = f"SELECT target, status FROM sys_invocation WHERE status IN {statuses}"
        wait_until(lambda: self._node.sql(query) == [], f"no invocation is any of {statuses}", REQUEST_SECONDS_MAX)

    def _done(self, service: str, action: str, times: int) -> list[dict[str, Any]]:
        done = self.world.done(service, action)
        return done if len(done) >= times else []

    def _say(self, method: str, segments: Any, argument: Any, *, text: str | None = None, **options: Any) -> Any:
        path = "".join("/" + quote(str(each), safe="") for each in segments)
        if argument is not None:
            options["json"] = argument
        if text is not None:
            options["content"] = text
        response = self._ingress.request(method, path, **options)
        answer = _parsed(response.text)
        about = [response.headers.get(name) for name in ("x-restate-id", "content-type")]
        self.transcript.add(method, path, text if argument is None else argument)
        self.transcript.add("  ->", response.status_code, *about, answer)
        return answer


def _parsed(text: str) -> Any:
    """JSON says the same with other spaces."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _without_completion_ids(command: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """How an SDK numbers what it waits for is its own affair."""
    return {
        kind: {name: value for name, value in fields.items() if not name.endswith("completion_id")}
        for kind, fields in command.items()
    }


def _cancels(command: dict[str, Any]) -> bool:
    """The official SDK also tells callees that have ended, ours does not. What comes of it shows at the callees."""
    return bool(command.get("SendSignal", {}).get("signal_id") == CANCEL)


Script = Callable[[Scene], None]
