"""`odradek deployments` against a node that answers as a test says."""

from collections.abc import Iterator
from typing import Any

import pytest
from click.testing import CliRunner, Result
from fake_admin_server import FakeAdmin, fake_admin

from odradek_engine.cli.root import root

OLD, NEW = "dp_1old", "dp_1new"
SERVICE: dict[str, Any] = {"name": "Greeter", "ty": "Service", "revision": 2, "handlers": [{"name": "greet"}]}


def listed(identifier: str) -> dict[str, Any]:
    return {
        "id": identifier,
        "uri": f"http://{identifier}:9080/",
        "sdk_version": "sdk/1",
        "services": [{"name": "Greeter", "revision": 1}],
    }


@pytest.fixture
def admin() -> Iterator[FakeAdmin]:
    with fake_admin() as server:
        server.answers |= {
            "GET /deployments": {"deployments": [listed(OLD)]},
            "POST /deployments": (201, {"id": NEW, "services": [SERVICE]}),
            "POST /query": {"rows": [{"id": OLD, "invocations": 3}]},
        }
        yield server


def run(admin: FakeAdmin, *arguments: str) -> Result:
    return CliRunner().invoke(root, ["--admin-url", admin.url, "deployments", *arguments])


def succeed(admin: FakeAdmin, *arguments: str) -> list[str]:
    result = run(admin, *arguments)
    assert result.exit_code == 0, result.output
    return result.stdout.splitlines()


def test_register(admin: FakeAdmin) -> None:
    lines = succeed(admin, "register", "http://h:1", "--extra-header", "a=b", "--metadata", "m=1", "--use-http1.1")
    assert lines[0] == f"registered {NEW} at http://h:1"
    assert lines[-1].split() == ["Greeter", "Service", "2", "greet"]
    assert admin.requests[-1].body == {
        "uri": "http://h:1",
        "use_http_11": True,
        "force": False,
        "breaking": False,
        "dry_run": False,
        "additional_headers": {"a": "b"},
        "metadata": {"m": "1"},
    }


@pytest.mark.parametrize(
    ("identifier", "flags", "said"),
    [
        (OLD, (), "already registered"),
        (OLD, ("--dry-run",), "already registered"),
        (OLD, ("--force",), f"replaced {OLD}"),
        (OLD, ("--force", "--dry-run"), f"would replace {OLD}"),
        (NEW, ("--dry-run",), f"would register {NEW}"),
        (NEW, ("--breaking",), f"registered {NEW}"),
    ],
)
def test_what_registering_came_to(admin: FakeAdmin, identifier: str, flags: tuple[str, ...], said: str) -> None:
    admin.answers["POST /deployments"] = {"id": identifier, "services": [SERVICE]}
    assert succeed(admin, "register", "http://h:1", *flags)[0].startswith(said)


def test_register_says_why_not(admin: FakeAdmin) -> None:
    admin.answers["POST /deployments"] = (500, {"message": "nobody there", "restate_code": "META0003"})
    result = run(admin, "register", "http://h:1")
    assert (result.exit_code, result.stderr) == (1, "Error: nobody there\n")


def test_list(admin: FakeAdmin) -> None:
    assert succeed(admin, "list")[-1].split() == [OLD, f"http://{OLD}:9080/", "sdk/1", "Greeter@1"]
    assert [request.path for request in admin.requests] == ["/deployments"]
    assert succeed(admin, "list", "--extra")[-1].split()[-1] == "3"
    admin.answers["GET /deployments"] = {"deployments": []}
    assert succeed(admin, "list")[0].startswith("no deployments")


def test_describe(admin: FakeAdmin) -> None:
    admin.answers[f"GET /deployments/{OLD}"] = {
        **listed(OLD),
        "min_protocol_version": 5,
        "max_protocol_version": 7,
        "additional_headers": {"a": "b"},
        "services": [SERVICE],
    }
    text = "\n".join(succeed(admin, "describe", OLD))
    for expected in ("5 to 7", "unfinished invocations  3", "additional_headers a  b", "greet"):
        assert expected in text


def test_a_deployment_in_use_is_not_removed(admin: FakeAdmin) -> None:
    admin.answers |= {f"GET /deployments/{OLD}": listed(OLD), f"DELETE /deployments/{OLD}?force=true": (202, None)}
    result = run(admin, "remove", OLD)
    assert result.exit_code == 1
    assert "3 unfinished invocations" in result.stderr
    assert not any(request.method == "DELETE" for request in admin.requests)
    assert succeed(admin, "remove", OLD, "--force") == [f"removed {OLD}"]
    admin.answers["POST /query"] = {"rows": []}
    assert succeed(admin, "remove", OLD) == [f"removed {OLD}"]
