"""A real node process for tests: on free ports, with a data directory that outlives its kills, driven over HTTP.

    with live_node(tmp_path, app_files) as node:
        node.call("Account", "ada", "deposit", 5)
        node.kill()
        node.start()

The process never outlives the test's own process.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import httpx

from free_ports import free_ports
from odradek_engine.ulid import RANDOM_BYTES, make_ulid
from parent_death import die_with_parent

T = TypeVar("T")

START_SECONDS_MAX = 30.0
START_ATTEMPTS = 3
STOP_SECONDS_MAX = 15.0
REQUEST_SECONDS_MAX = 60.0
POLL_SECONDS = 0.02
SHOWN_LOG_CHARACTERS = 4000

REPOSITORY = Path(__file__).resolve().parent.parent
PACKAGES = tuple(str(REPOSITORY / folder) for folder in ("sdk", "engine", "connectors"))


class NodeDidNotStart(Exception):
    """The node ended or did not become ready in time; the text ends with what it said last."""


class Refused(Exception):
    """The node answered a request with an error. `body` is its JSON, or its text where it is none."""

    def __init__(self, response: httpx.Response) -> None:
        self.status = response.status_code
        self.body: Any = _content(response)
        super().__init__(f"{response.request.method} {response.request.url}: {self.status} {self.body}")


def wait_until(condition: Callable[[], T], what: str, seconds: float = 30.0) -> T:
    """The first true value that `condition` gives; fails with `what` after so many seconds."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds:g} s: {what} (at last: {value!r})")
        time.sleep(POLL_SECONDS)


@contextlib.contextmanager
def live_node(
    directory: Path,
    app_files: Sequence[Path] = (),
    *,
    environment: Mapping[str, str] | None = None,
    options: Sequence[str] = (),
) -> Iterator[LiveNode]:
    """A running node; killed at the end. `options` are further ones of `odradek server`."""
    node = LiveNode(directory, app_files, environment or {}, options)
    try:
        node.start()
        yield node
    finally:
        node.close()


class HttpNode:
    """A node's HTTP APIs, or those of the real server, which has the same ones."""

    def __init__(self, ingress_url: str = "", admin_url: str = "") -> None:
        self.ingress_url = ingress_url
        self.admin_url = admin_url
        self._http = httpx.Client(timeout=REQUEST_SECONDS_MAX, trust_env=False)

    def call(self, *path: str | Any, headers: Mapping[str, str] | None = None) -> Any:
        """`call("Service", ["key",] "handler", argument)`: the handler's answer. Raises `Refused`.

        An argument of None is sent as no body.
        """
        *segments, argument = path
        return _content(self.request("POST", self._target(segments), argument, headers=headers))

    def send(self, *path: str | Any, delay: str | None = None, headers: Mapping[str, str] | None = None) -> str:
        """As `call`, without waiting for the answer: the invocation's id."""
        *segments, argument = path
        query = {} if delay is None else {"delay": delay}
        url = self._target([*segments, "send"])
        accepted = self.request("POST", url, argument, headers=headers, params=query).json()
        return str(accepted["invocationId"])

    def attach(self, invocation_id: str) -> Any:
        """Waits for an invocation and gives its answer. Raises `Refused`."""
        return _content(self.request("GET", f"{self.ingress_url}/restate/invocation/{invocation_id}/attach"))

    def resolve_awakeable(self, awakeable_id: str, value: Any = None) -> None:
        """Completes an awakeable."""
        self.request("POST", f"{self.ingress_url}/restate/awakeables/{awakeable_id}/resolve", value)

    def reject_awakeable(self, awakeable_id: str, reason: str) -> None:
        """Fails an awakeable."""
        url = f"{self.ingress_url}/restate/awakeables/{awakeable_id}/reject"
        _checked(self._http.post(url, content=reason.encode(), headers={"content-type": "text/plain"}))

    def cancel(self, invocation_id: str) -> None:
        """Asks an invocation to end."""
        self.request("PATCH", f"{self.admin_url}/invocations/{invocation_id}/cancel")

    def sql(self, query: str) -> list[dict[str, Any]]:
        """The rows of a query."""
        url = f"{self.admin_url}/query"
        answer = self.request("POST", url, {"query": query}, headers={"accept": "application/json"})
        rows: list[dict[str, Any]] = answer.json()["rows"]
        return rows

    def request(
        self,
        method: str,
        url: str,
        body: Any = None,
        *,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """One request, `body` as JSON, and its answer. Raises `Refused` for an error, `httpx.TransportError` where
        the node is not there."""
        sent = dict(headers or {})
        content = None
        if body is not None:
            content = _json(body).encode()
            sent.setdefault("content-type", "application/json")
        return _checked(self._http.request(method, url, content=content, headers=sent, params=params))

    def _target(self, segments: Sequence[Any]) -> str:
        return "/".join([self.ingress_url, *(quote(str(segment), safe="") for segment in segments)])


class LiveNode(HttpNode):
    """One node, which can be killed and started again on the same data and ports. Its URLs are known once it runs."""

    def __init__(
        self, directory: Path, app_files: Sequence[Path], environment: Mapping[str, str], options: Sequence[str]
    ) -> None:
        super().__init__()
        self.node_url = ""
        self.data = directory / "data"
        self.log = directory / "node.log"
        self._app_files = app_files
        self._environment = dict(environment)
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None
        self._ports: list[int] | None = None

    @property
    def process_id(self) -> int:
        """The running process."""
        assert self._process is not None, "the node is not running"
        return self._process.pid

    def start(self) -> None:
        """Starts the node and waits until it is ready. The first start finds free ports; later ones keep them."""
        assert self._process is None, "the node is running already"
        if self._ports is not None:
            self._start_once(self._ports)
            return
        for attempt in range(START_ATTEMPTS):
            ports = free_ports(3)
            try:
                self._start_once(ports)
            except NodeDidNotStart as error:
                port_was_taken = "in use" in str(error)
                if not port_was_taken or attempt == START_ATTEMPTS - 1:
                    raise
            else:
                return

    def kill(self) -> None:
        """SIGKILL: the node has no chance to finish anything."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """SIGTERM, and waits; the exit code."""
        return self._end(signal.SIGTERM)

    def restart(self) -> None:
        """Kills the node and starts it again."""
        self.kill()
        self.start()

    def close(self) -> None:
        """Ends the process, if it runs."""
        self._http.close()
        if self._process is not None:
            self.kill()

    def said(self) -> str:
        """All that the node has written to its output, over all starts."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    # Topics and subscriptions

    def create_topic(self, name: str, partitions: int | None = None) -> None:
        """Creates a topic of the node's own log."""
        body: dict[str, object] = {"name": name}
        if partitions is not None:
            body["partitions"] = partitions
        self.request("POST", f"{self.admin_url}/topics", body)

    def subscribe(self, topic: str, handler: str, *, cluster: str = "local", **options: str) -> str:
        """Feeds a topic to a handler (`Service/handler`): the subscription's id. An option's `_` stands for a dot."""
        body = {
            "source": f"kafka://{cluster}/{topic}",
            "sink": f"service://{handler}",
            "options": {name.replace("_", "."): value for name, value in options.items()},
        }
        return str(self.request("POST", f"{self.admin_url}/subscriptions", body).json()["id"])

    def produce(
        self,
        topic: str,
        records: Iterable[tuple[str | None, Any]],
        *,
        producer_id: str | None = None,
        first_sequence: int = 0,
    ) -> None:
        """Appends (key, JSON value) records to a topic of the node's own log, as a new producer unless one is named."""
        values = [{"key": key, "value": _json(value)} for key, value in records]
        body = {
            "producer_id": producer_id or make_ulid(time.time_ns() // 1_000_000, secrets.token_bytes(RANDOM_BYTES)),
            "first_sequence": first_sequence,
            "records": values,
        }
        self.request("POST", f"{self.admin_url}/topics/{quote(topic, safe='')}/records", body)

    def lag(self, subscription_id: str) -> int | None:
        """Records that a subscription has still to take; None while unknown."""
        lag: int | None = self.request("GET", f"{self.admin_url}/subscriptions/{subscription_id}").json().get("lag")
        return lag

    # State and tables

    def state(self, service: str, key: str) -> dict[str, Any]:
        """The state of an object."""
        path = "/".join(quote(part, safe="") for part in (service, "state", key))
        state: dict[str, Any] = self.request("GET", f"{self.admin_url}/services/{path}").json()
        return state

    def metrics(self) -> str:
        """Prometheus' text."""
        return self.request("GET", f"{self.node_url}/metrics").text

    # The process

    def _command(self, ports: list[int]) -> list[str]:
        command = [sys.executable, "-m", "odradek", "server", "--base-dir", str(self.data), "--bind-ip", "127.0.0.1"]
        for name, port in zip(("ingress", "admin", "node"), ports, strict=True):
            command += [f"--{name}-port", str(port)]
        for path in self._app_files:
            command += ["--app", str(path)]
        return [*command, *self._options]

    def _start_once(self, ports: list[int]) -> None:
        self._ports = ports
        self.ingress_url, self.admin_url, self.node_url = (f"http://127.0.0.1:{port}" for port in ports)
        environment = {name: value for name, value in os.environ.items() if not name.startswith("RESTATE_")}
        environment |= {"PYTHONPATH": os.pathsep.join(PACKAGES), "PYTHONUNBUFFERED": "1"} | self._environment
        self.log.parent.mkdir(parents=True, exist_ok=True)
        said_before = len(self.said())
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command(ports),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment,
                preexec_fn=die_with_parent,
            )
        deadline = time.monotonic() + START_SECONDS_MAX
        while not self._is_ready():
            code = self._process.poll()
            if code is None and time.monotonic() < deadline:
                time.sleep(POLL_SECONDS)
                continue
            self.kill()
            ended = "did not become ready" if code is None else f"ended with exit code {code}"
            raise NodeDidNotStart(f"the node {ended}:\n{self.said()[said_before:][-SHOWN_LOG_CHARACTERS:]}")

    def _is_ready(self) -> bool:
        try:
            urls = (f"{self.ingress_url}/restate/health", f"{self.admin_url}/health")
            return all(self._http.get(url).is_success for url in urls)
        except httpx.TransportError:
            return False

    def _end(self, number: signal.Signals) -> int:
        process, self._process = self._process, None
        assert process is not None, "the node is not running"
        process.send_signal(number)
        try:
            return process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _content(response: httpx.Response) -> Any:
    if not response.content:
        return None
    try:
        return response.json()
    except ValueError:
        return response.text


def _checked(response: httpx.Response) -> httpx.Response:
    if not response.is_success:
        raise Refused(response)
    return response
