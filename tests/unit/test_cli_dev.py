import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from free_ports import free_ports
from odradek_engine.cli.banner import node_endpoints
from odradek_engine.cli.data_directory import MARKER_NAME, data_directory
from odradek_engine.cli.root import root
from odradek_engine.config import load_config

DEADLINE_S = 30


def run(*arguments: str, **env: str) -> Result:
    return CliRunner().invoke(root, arguments, env=env)


def test_a_data_directory_is_created_marked_and_kept(tmp_path: Path) -> None:
    directory = tmp_path / "a" / "data"
    with data_directory(directory):
        (directory / "rows").write_text("1")
    with data_directory(directory):
        assert (directory / "rows").read_text() == "1"
    assert (directory / MARKER_NAME).read_text().startswith("The data of an Odradek node.")


def test_fresh_empties_only_what_is_ours(tmp_path: Path) -> None:
    ours, foreign, outside = tmp_path / "ours", tmp_path / "foreign", tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").touch()
    with data_directory(ours):
        (ours / "db").mkdir()
        (ours / "db" / "1.sst").touch()
        (ours / "rows").touch()
        (ours / "link").symlink_to(outside)
    with data_directory(ours, fresh=True):
        assert [entry.name for entry in ours.iterdir()] == [MARKER_NAME]
    assert (outside / "kept").exists()
    foreign.mkdir()
    (foreign / "thesis.txt").touch()
    with (
        pytest.raises(click.ClickException, match="holds files that are not Odradek's"),
        data_directory(foreign, fresh=True),
    ):
        pass
    assert [entry.name for entry in foreign.iterdir()] == ["thesis.txt"]


def test_two_nodes_cannot_hold_one_directory(tmp_path: Path) -> None:
    with data_directory(tmp_path / "data"):
        (tmp_path / "data" / "rows").touch()
        with (
            pytest.raises(click.ClickException, match="in use by another process"),
            data_directory(tmp_path / "data", fresh=True),
        ):
            pass
        assert (tmp_path / "data" / "rows").exists()
    with data_directory(tmp_path / "data"):
        pass


def test_a_file_is_no_data_directory(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(click.ClickException, match="cannot be used: File exists"), data_directory(tmp_path / "file"):
        pass


def test_an_error_of_the_node_is_not_taken_for_one_of_the_directory(tmp_path: Path) -> None:
    with pytest.raises(BrokenPipeError), data_directory(tmp_path / "data"):
        raise BrokenPipeError


def test_applications_are_checked_before_anything_starts(tmp_path: Path) -> None:
    (tmp_path / "app.txt").touch()
    base = ("--base-dir", str(tmp_path / "data"))
    for name, message in (
        ("absent.py", "there is no application file"),
        ("app.txt", "is not a Python file"),
        ("", "is not a Python file"),
    ):
        for command in (("dev", str(tmp_path / name)), ("server", "--app", str(tmp_path / name))):
            result = run(*command, *base)
            assert result.exit_code == 1
            assert message in result.stderr
    assert not (tmp_path / "data").exists()


def test_a_bad_configuration_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "restate.toml").write_text("[ingress]\nport = 1\n")
    result = run("server", "--config-file", str(tmp_path / "restate.toml"))
    assert result.exit_code == 1
    assert result.stderr.count("\n") == 1
    assert "there is no setting 'port' in [ingress]" in result.stderr
    assert "no configuration file" in run("server", RESTATE_CONFIG=str(tmp_path / "absent.toml")).stderr
    assert "70000 is out of range" in run("server", "--ingress-port", "70000").stderr


def test_dump_config_shows_what_flags_and_variables_make_of_it(tmp_path: Path) -> None:
    (tmp_path / "restate.toml").write_text('cluster-name = "shop"\n')
    result = run(
        "server", "-c", str(tmp_path / "restate.toml"), "--admin-port", "1", "--brokers", "a:1,b:2", "--dump-config",
        RESTATE_INGRESS__BIND_PORT="2",
    )  # fmt: skip
    assert result.exit_code == 0
    for line in ('cluster-name = "shop"', "bind-port = 1", "bind-port = 2", 'brokers = ["a:1", "b:2"]'):
        assert line in result.stdout.splitlines()


def test_a_port_in_use_is_said_at_once(tmp_path: Path) -> None:
    (tmp_path / "app.py").touch()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        others = ("--ingress-port", "0", "--node-port", "0", "--base-dir", str(tmp_path / "data"))
        result = run("dev", str(tmp_path / "app.py"), "--admin-port", str(port), *others)
    assert result.exit_code == 1
    assert f"the admin port 127.0.0.1:{port} cannot be used" in result.stderr
    assert "--admin-port" in result.stderr
    assert not (tmp_path / "data").exists()


def test_where_the_node_is_met() -> None:
    config = load_config(
        None, {"RESTATE_ADMIN__BIND_IP": "10.0.0.1", "RESTATE_BIND_IP": "::", "RESTATE_INGRESS__BIND_PORT": "1"}
    )
    endpoints = node_endpoints(config)
    assert (endpoints.admin_url, endpoints.ingress_url) == ("http://10.0.0.1:9070", "http://localhost:1")


NODE = """
import http.server, json, pathlib, signal, sys, threading, time
from odradek_engine.cli.parent_watch import leave_with_parent

folder, ingress_port, admin_port, _, pipe = sys.argv[1:]
folder = pathlib.Path(folder)
leave_with_parent(int(pipe), signal.SIGTERM)
with (folder / "starts").open("a") as starts:
    starts.write("start\\n")
if "crash" in (folder / "app.py").read_text():
    sys.exit(7)

class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        service = {"name": "Greeter", "ty": "Service", "handlers": [{"name": "greet"}]}
        body = json.dumps({"services": [service]}).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass

for port in (ingress_port, admin_port):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", int(port)), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
threading.Event().wait()
"""

PARENT = """
import pathlib, sys
from odradek_engine.cli.supervisor import Supervisor
from odradek_engine.config import load_config

folder, ingress_port, admin_port = sys.argv[1:]
config = load_config(None, {}, {
    "ingress.bind-port": int(ingress_port), "admin.bind-port": int(admin_port), "base-dir": folder + "/data",
})
command = [sys.executable, folder + "/node.txt", folder, ingress_port, admin_port]
sys.exit(Supervisor(config, command, [pathlib.Path(folder)]).run())
"""


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, "it did not come to pass in time"
        time.sleep(0.02)


class Supervised:
    def __init__(self, folder: Path, code: str) -> None:
        self.folder = folder
        self.ports = [str(port) for port in free_ports(2)]
        self.log = folder / "log.txt"
        (folder / "node.txt").write_text(NODE)
        (folder / "app.py").write_text(code)
        with self.log.open("wb") as log:
            self.process = subprocess.Popen([sys.executable, "-c", PARENT, str(folder), *self.ports], stderr=log)

    def starts(self) -> int:
        path = self.folder / "starts"
        return len(path.read_text().splitlines()) if path.exists() else 0

    def said(self, text: str, times: int = 1) -> bool:
        return self.log.read_text().count(text) >= times

    def node_is_gone(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", int(self.ports[0]))) != 0


@contextmanager
def supervised(folder: Path, code: str = "") -> Iterator[Supervised]:
    parent = Supervised(folder, code)
    try:
        yield parent
    finally:
        parent.process.kill()
        parent.process.wait()


@pytest.mark.row("N7")
def test_the_node_starts_anew_when_code_changes_and_leaves_with_its_parent(tmp_path: Path) -> None:
    with supervised(tmp_path) as parent:
        wait_until(lambda: parent.said("Odradek is ready on the embedded log"))
        assert parent.said(f"curl http://localhost:{parent.ports[0]}/Greeter/greet")
        (tmp_path / "notes.md").write_text("not code")
        (tmp_path / "app.py").write_text("# changed")
        wait_until(lambda: parent.said("Odradek is ready", times=2))
        assert parent.said("app.py changed: the node starts anew")
        assert parent.starts() == 2

        (tmp_path / "app.py").write_text("crash")
        wait_until(lambda: parent.said("the node stopped with exit code 7: change the code to go on"))
        (tmp_path / "app.py").write_text("# mended")
        wait_until(lambda: parent.said("Odradek is ready", times=3))

        parent.process.send_signal(signal.SIGTERM)
        assert parent.process.wait(DEADLINE_S) == 0
        assert parent.node_is_gone()


def test_the_node_leaves_also_when_its_parent_is_killed(tmp_path: Path) -> None:
    with supervised(tmp_path) as parent:
        wait_until(lambda: parent.said("Odradek is ready"))
        os.kill(parent.process.pid, signal.SIGKILL)
        wait_until(parent.node_is_gone)


def test_a_node_that_never_was_ready_ends_the_command(tmp_path: Path) -> None:
    with supervised(tmp_path, "crash") as parent:
        assert parent.process.wait(DEADLINE_S) == 7
        assert parent.starts() == 1
