import json
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest
from click.testing import CliRunner, Result
from fake_admin_server import FakeAdmin, Request, fake_admin

from odradek_engine.cli.invocation_filter import target_condition
from odradek_engine.cli.root import root

INVOCATION = "inv_1dvhzbpPLVmv1mbUTvbFQAqF8HfVnCAs3r"


@pytest.fixture
def admin() -> Iterator[FakeAdmin]:
    with fake_admin() as server:
        yield server


def run(admin: FakeAdmin, *arguments: str, answer: str | None = None) -> Result:
    return CliRunner().invoke(root, ["--admin-url", admin.url, *arguments], input=answer)


def succeed(admin: FakeAdmin, *arguments: str) -> str:
    result = run(admin, *arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


def fail(admin: FakeAdmin, *arguments: str) -> str:
    result = run(admin, *arguments)
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: ")
    assert result.stderr.count("\n") == 1
    return result.stderr


def test_topics(admin: FakeAdmin) -> None:
    admin.answers |= {
        "GET /topics": {"topics": [{"name": "payments", "id": "t1", "partitions": 4}]},
        "POST /topics": lambda request: (201, {"name": request.body["name"], "id": "t2", "partitions": 1}),
        "GET /topics/a%2Fb": {
            "name": "a/b",
            "id": "t3",
            "partitions": 2,
            "offsets": [{"partition": 0, "begin": 5, "end": 10}, {"partition": 1, "begin": 0, "end": 3}],
        },
    }
    assert succeed(admin, "topics", "list").splitlines() == ["NAME      PARTITIONS  ID", "payments           4  t1"]
    assert succeed(admin, "topics", "create", "orders") == "created orders with 1 partition\n"
    assert admin.requests[-1].body == {"name": "orders"}
    succeed(admin, "topics", "create", "orders", "--partitions", "3")
    assert admin.requests[-1].body == {"name": "orders", "partitions": 3}
    described = succeed(admin, "topics", "describe", "a/b")
    assert "records     8" in described
    assert described.splitlines()[-1].split() == ["1", "0", "3"]


def test_subscriptions(admin: FakeAdmin) -> None:
    subscription = {
        "id": "sub_1",
        "source": "kafka://local/t",
        "sink": "service://S/h",
        "options": {"a": "b"},
        "lag": 7,
        "status": "source: no broker answers",
    }
    admin.answers |= {
        "GET /subscriptions": {"subscriptions": [subscription]},
        "GET /subscriptions?sink=service%3A%2F%2FS%2Fh": {"subscriptions": []},
        "GET /subscriptions/sub_1": subscription,
        "POST /subscriptions": (201, subscription),
        "DELETE /subscriptions/sub_1": (202, None),
    }
    assert succeed(admin, "subscriptions", "list").splitlines()[1].split(maxsplit=4) == [
        "sub_1",
        "kafka://local/t",
        "service://S/h",
        "7",
        "source: no broker answers",
    ]
    assert succeed(admin, "subscriptions", "list", "--sink", "service://S/h") == "no subscriptions\n"
    arguments = ("kafka://local/t", "service://S/h", "--option", "auto.offset.reset=earliest")
    assert "created sub_1" in succeed(admin, "subscriptions", "create", *arguments)
    assert admin.requests[-1].body == {
        "source": "kafka://local/t",
        "sink": "service://S/h",
        "options": {"auto.offset.reset": "earliest"},
    }
    assert "option a  b" in succeed(admin, "subscriptions", "describe", "sub_1")
    assert succeed(admin, "subscriptions", "delete", "sub_1") == "deleted sub_1\n"
    assert run(admin, "subscriptions", "create", "x", "y", "--option", "novalue").exit_code == 2


def test_kafka_clusters(admin: FakeAdmin) -> None:
    admin.answers |= {
        "GET /kafka-clusters": {"clusters": [{"name": "shop", "properties": {"a": "b"}, "created_at": "2026"}]},
        "POST /kafka-clusters": (201, {"name": "shop"}),
        "DELETE /kafka-clusters/shop": (409, {"message": "the cluster 'shop' has subscriptions"}),
        "DELETE /kafka-clusters/shop?force=true": (202, None),
    }
    assert '{"a":"b"}' in succeed(admin, "kafka-clusters", "list")
    succeed(admin, "kafka-clusters", "create", "shop", "--brokers", "h:1", "--property", "client.id=me")
    assert admin.requests[-1].body == {"name": "shop", "properties": {"bootstrap.servers": "h:1", "client.id": "me"}}
    assert "has subscriptions" in fail(admin, "kafka-clusters", "delete", "shop")
    assert succeed(admin, "kafka-clusters", "delete", "shop", "--force") == "deleted shop\n"


def test_services_say_how_to_call_them(admin: FakeAdmin) -> None:
    handlers = [
        {"name": "add", "ty": "Exclusive", "input_description": "JSON integer", "output_description": "none"},
        {"name": "peek", "ty": "Shared", "input_description": "none", "output_description": "bytes"},
        {"name": "put", "ty": "Exclusive", "input_description": "bytes", "output_description": "none"},
    ]
    service = {"name": "Account", "ty": "VirtualObject", "revision": 2, "public": True, "handlers": handlers}
    admin.answers |= {"GET /services": {"services": [service]}, "GET /services/Account": service}
    assert succeed(admin, "services", "list").splitlines()[1].split() == [
        "Account",
        "VirtualObject",
        "2",
        "add,",
        "peek,",
        "put",
    ]
    described = succeed(admin, "--ingress-url", "http://here:1/", "services", "describe", "Account")
    assert described.splitlines()[-3:] == [
        "curl http://here:1/Account/KEY/add --json '...'",
        "curl http://here:1/Account/KEY/peek",
        "curl http://here:1/Account/KEY/put --data-binary '...'",
    ]


def test_settings_of_a_service_are_changed(admin: FakeAdmin) -> None:
    admin.answers["PATCH /services/Account"] = {"public": False, "journal_retention": "2h"}
    told = succeed(admin, "services", "configure", "Account", "--private", "--journal-retention", "2h")
    assert admin.requests[-1].body == {"public": False, "journal_retention": "2h"}
    assert "journal_retention" in told
    nothing = run(admin, "services", "configure", "Account")
    assert (nothing.exit_code, "say what to change" in nothing.output) == (2, True)


def test_state(admin: FakeAdmin) -> None:
    admin.answers["GET /services/Account/state/ad%2Fa%20%C3%A9"] = {"balance": 5, "raw": {"base64": "AA=="}}
    assert json.loads(succeed(admin, "kv", "get", "Account", "ad/a é")) == {"balance": 5, "raw": {"base64": "AA=="}}


@pytest.mark.row("L2")
def test_sql_as_table_and_json(admin: FakeAdmin) -> None:
    rows = [{"id": "a", "n": 1}, {"id": "b\x1b[2J\n", "x": [1, None]}]
    admin.answers["POST /query"] = {"rows": rows}
    table = succeed(admin, "sql", "SELECT 1").splitlines()
    assert table[0].split() == ["ID", "N", "X"]
    assert table[2] == "b\\x1b[2J\\n     [1,null]"
    assert admin.requests[-1].body == {"query": "SELECT 1"}
    assert admin.requests[-1].headers["accept"] == "application/json"
    assert admin.requests[-1].headers["content-type"] == "application/json"
    assert json.loads(succeed(admin, "sql", "SELECT 1", "--json")) == rows
    assert [json.loads(line) for line in succeed(admin, "sql", "SELECT 1", "--jsonl").splitlines()] == rows
    admin.answers["POST /query"] = {"rows": []}
    assert succeed(admin, "sql", "SELECT 1") == "(no rows)\n"


@pytest.mark.row("L7", "N13")
def test_where_the_commands_go(admin: FakeAdmin) -> None:
    admin.answers["GET /health"] = (200, None)
    admin.answers["GET /version"] = {"version": "9.9", "min_admin_api_version": 2, "max_admin_api_version": 4}
    environment = {"RESTATE_ADMIN_URL": admin.url, "RESTATE_INGRESS_URL": "http://here:1/", "RESTATE_AUTH_TOKEN": "s3"}
    told = CliRunner().invoke(root, ["whoami"], env=environment)
    assert told.exit_code == 0
    fields = dict(line.split("  ", 1) for line in told.stdout.splitlines())
    shown = {name: text.strip() for name, text in fields.items()}
    assert (shown["admin API"], shown["ingress"], shown["token"]) == (admin.url, "http://here:1", "sent")
    assert (shown["node"], shown["versions of its admin API"]) == ("healthy, odradek 9.9", "2 to 4")
    assert "s3" not in told.stdout
    assert [request.headers["authorization"] for request in admin.requests] == ["Bearer s3"] * 2


def test_no_node_where_the_commands_go() -> None:
    told = CliRunner().invoke(root, ["--admin-url", "http://127.0.0.1:1", "whoami"])
    assert told.exit_code == 1
    assert "token         none" in told.stdout
    assert "not healthy: no node answers at http://127.0.0.1:1" in told.stdout


def test_a_token_that_cannot_be_sent(admin: FakeAdmin) -> None:
    assert run(admin, "--auth-token", "a\nb", "services", "list").exit_code == 2


@pytest.mark.row("I1")
def test_list_invocations(admin: FakeAdmin) -> None:
    admin.answers["POST /query"] = {
        "rows": [{"id": INVOCATION, "target": "Account/ada/add", "status": "paused", "last_failure": "[500] no\nat 1"}]
    }
    [_, line] = succeed(admin, "invocations", "list").splitlines()
    assert line.endswith("  [500] no")
    assert "WHERE status != 'completed' ORDER BY created_at DESC, id LIMIT 100" in admin.requests[-1].body["query"]
    succeed(
        admin, "invocations", "list", "--all", "--service", "O'Hara", "--service", "B", "--oldest-first", "--limit", "1"
    )
    query = admin.requests[-1].body["query"]
    assert query.endswith("WHERE target_service_name IN ('O''Hara', 'B') ORDER BY created_at ASC, id LIMIT 1")
    succeed(admin, "invocations", "list", "--all")
    assert "WHERE" not in admin.requests[-1].body["query"]


@pytest.mark.row("I2")
def test_describe_invocation(admin: FakeAdmin) -> None:
    def answer(request: Request) -> dict[str, object]:
        query = request.body["query"]
        if "sys_journal" in query:
            return {
                "rows": [
                    {"index": 0, "entry_type": "Command: Input"},
                    {"index": 1, "entry_type": "Command: Run", "name": "pay"},
                ]
            }
        return {"rows": [{"id": INVOCATION, "status": "running"}] if INVOCATION in query else []}

    admin.answers["POST /query"] = answer
    described = succeed(admin, "invocations", "describe", INVOCATION)
    assert "status  running" in described
    assert described.splitlines()[-1].split() == ["1", "Command:", "Run", "pay"]
    assert "there is no invocation inv_other" in fail(admin, "invocations", "describe", "inv_other")


@pytest.mark.row("I13")
@pytest.mark.parametrize(
    ("target", "condition"),
    [
        ("inv_1", "id = 'inv_1'"),
        ("Account", "target_service_name = 'Account'"),
        (
            "Account/ada",
            "target_service_name = 'Account' AND ((target_service_ty = 'service' AND target_handler_name = 'ada')"
            " OR (target_service_ty != 'service' AND target_service_key = 'ada'))",
        ),
        (
            "Account/a/b'/add",
            "target_service_name = 'Account' AND target_service_key = 'a/b''' AND target_handler_name = 'add'",
        ),
    ],
)
def test_targets_of_invocations(target: str, condition: str) -> None:
    assert target_condition(target) == condition


@pytest.mark.parametrize("action", ["cancel", "kill", "pause", "resume", "purge"])
def test_act_on_one_invocation(admin: FakeAdmin, action: str) -> None:
    admin.answers[f"PATCH /invocations/{INVOCATION}/{action}"] = (202, None)
    assert succeed(admin, "invocations", action, INVOCATION) == f"{action}: {INVOCATION}\n"
    assert [request.method for request in admin.requests] == ["PATCH"]


def test_restart_says_the_new_id(admin: FakeAdmin) -> None:
    path = f"PATCH /invocations/{INVOCATION}/restart-as-new"
    admin.answers |= {
        path: {"new_invocation_id": "inv_2"},
        f"{path}?from=4&deployment=keep": {"new_invocation_id": "inv_3"},
    }
    assert succeed(admin, "invocations", "restart", INVOCATION) == f"restart-as-new: {INVOCATION} -> inv_2\n"
    told = succeed(admin, "invocations", "restart", INVOCATION, "--from", "4", "--deployment", "keep")
    assert told.endswith(" -> inv_3\n")


def test_resume_on_another_deployment(admin: FakeAdmin) -> None:
    admin.answers[f"PATCH /invocations/{INVOCATION}/resume?deployment=latest"] = (200, None)
    told = succeed(admin, "invocations", "resume", INVOCATION, "--deployment", "latest")
    assert told == f"resume: {INVOCATION}\n"


@pytest.mark.row("I13")
def test_act_on_many_invocations_asks_first(admin: FakeAdmin) -> None:
    rows = [{"id": f"inv_{n}", "target": "Account/ada/add", "status": "running"} for n in (1, 2)]
    admin.answers |= {
        "POST /query": {"rows": rows},
        "PATCH /invocations/inv_1/cancel": (202, None),
        "PATCH /invocations/inv_2/cancel": (409, {"message": "it was already completed"}),
    }
    refused = run(admin, "invocations", "cancel", "Account", answer="n\n")
    assert refused.exit_code == 1
    assert "cancel 2 invocations?" in refused.stdout
    assert [request.method for request in admin.requests] == ["POST"]

    partly = run(admin, "invocations", "cancel", "Account", answer="y\n")
    assert partly.exit_code == 1
    assert "cancel: inv_1" in partly.stdout
    assert "inv_2: it was already completed" in partly.stderr
    assert "refused for 1 of 2 invocations" in partly.stderr

    admin.answers["POST /query"] = {"rows": []}
    assert "no invocation of 'Account'" in fail(admin, "invocations", "cancel", "Account", "--yes")


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ((404, {"message": "The requested service 'X' does not exist", "restate_code": None}), "'X' does not exist"),
        ((400, b"Failed to parse the\nrequest"), "Failed to parse the request"),
        ((405, None), "/topics answered 405 Method Not Allowed"),
        ((500, b"\xff\xfe"), "Error: "),
        ((200, b"<html>"), "did not answer with JSON"),
    ],
)
def test_errors_are_one_line(admin: FakeAdmin, answer: tuple[int, object], message: str) -> None:
    admin.answers["GET /topics"] = answer
    assert message in fail(admin, "topics", "list")


def test_no_node_there() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        result = CliRunner().invoke(root, ["topics", "list"], env={"RESTATE_ADMIN_URL": url})
    assert result.exit_code == 1
    assert f"no node answers at {url}" in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("url", ["localhost:9070", "http://", "http://[", "ftp://x", "", "http://a b"])
def test_a_bad_admin_url(url: str) -> None:
    result = CliRunner().invoke(root, ["--admin-url", url, "topics", "list"])
    assert result.exit_code in (1, 2)
    assert isinstance(result.exception, SystemExit)
    assert "Error: " in result.stderr


def test_every_command_teaches_by_example() -> None:
    seen = 0

    def walk(command: object, names: tuple[str, ...]) -> None:
        nonlocal seen
        for name, child in getattr(command, "commands", {}).items():
            walk(child, (*names, name))
        if names:
            seen += 1
            assert f"odradek {' '.join(names)}" in CliRunner().invoke(root, [*names, "--help"]).stdout

    walk(root, ())
    assert seen > 20


def test_the_command_starts_light() -> None:
    script = """
import sys
from odradek_engine.cli.root import root
heavy = {"httpx", "asyncio", "confluent_kafka", "rocksdict", "datafusion", "pyarrow", "uvicorn", "watchfiles"}
print(sorted(heavy & set(sys.modules)))
"""
    printed = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert printed.stdout == "[]\n"


def test_the_process_itself() -> None:
    command = [sys.executable, "-m", "odradek"]
    version = subprocess.run([*command, "--version"], capture_output=True, text=True, check=True)
    assert version.stdout.startswith("odradek ")
    wrong = subprocess.run([*command, "topic"], capture_output=True, text=True)
    assert wrong.returncode == 2
    assert "No such command 'topic'" in wrong.stderr


def test_without_the_servers_packages_it_says_what_to_install() -> None:
    script = "import sys; sys.modules['click'] = None; from odradek.__main__ import main; main()"
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert result.returncode == 1
    assert result.stderr == "odradek: click is not installed; the command needs: pip install 'odradek[server]'\n"
