import re
import tomllib
from pathlib import Path

import msgspec
import pytest

from odradek_engine.config import Config, ConfigError, KafkaCluster, dump_config, hide_secrets, load_config
from odradek_engine.config.loading import setting_kinds
from odradek_engine.config.values import format_size, parse_size

REPOSITORY = Path(__file__).resolve().parents[2]
NODE = {"RESTATE_NODE_NAME": "test-node"}


def load(tmp_path: Path, text: str, env: dict[str, str] | None = None, **overrides: object) -> Config:
    path = tmp_path / "restate.toml"
    path.write_text(text, encoding="utf-8")
    return load_config(path, NODE | (env or {}), overrides)


def error_of(tmp_path: Path, text: str = "", env: dict[str, str] | None = None, **overrides: object) -> str:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text, env, **overrides)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_nothing_configured_gives_the_defaults() -> None:
    config = load_config(None, {})
    assert msgspec.structs.replace(config, node_name="") == Config()
    assert config.node_name
    assert config.embedded
    assert config.num_partitions == 4
    assert (config.bind_port, config.ingress.bind_port, config.admin.bind_port) == (5122, 8080, 9070)
    assert config.worker.invoker.inactivity_timeout_ms == 60_000
    assert config.ingress.request_size_limit_bytes == 32 * 1024 * 1024
    assert config.default_idempotency_retention_ms == 86_400_000


def test_every_default_is_within_its_bounds() -> None:
    assert load_config(None, NODE) == load_text_of(dump_config(load_config(None, NODE)))


def load_text_of(text: str) -> Config:
    flat: dict[str, object] = {}

    def walk(table: dict[str, object], prefix: str) -> None:
        for key, value in table.items():
            if isinstance(value, dict):
                walk(value, f"{prefix}{key}.")
            else:
                flat[prefix + key] = value

    walk(tomllib.loads(text), "")
    return load_config(None, NODE, flat)


@pytest.mark.row("N6")
def test_file_then_variables_then_flags(tmp_path: Path) -> None:
    text = '[ingress]\nbind-port = 1001\n[admin]\nbind-port = 1002\n[worker]\ncleanup-interval = "2h"\n'
    env = {"RESTATE_INGRESS__BIND_PORT": "2001", "RESTATE_ADMIN__BIND_PORT": "2002"}
    config = load(tmp_path, text, env, **{"admin.bind-port": 3002})
    assert config.worker.cleanup_interval_ms == 7_200_000
    assert config.ingress.bind_port == 2001
    assert config.admin.bind_port == 3002


def test_variables_reach_every_section() -> None:
    config = load_config(
        None,
        {
            "RESTATE_BASE_DIR": "/data",
            "RESTATE_CLUSTER_NAME": "shop",
            "RESTATE_WORKER__INVOKER__ABORT_TIMEOUT": "PT2M",
            "RESTATE_DEFAULT_RETRY_POLICY__MAX_ATTEMPTS": "unlimited",
            "RESTATE_DEFAULT_RETRY_POLICY__ON_MAX_ATTEMPTS": "kill",
            "RESTATE_KAFKA__BROKERS": "one:9092, two:9092",
            "RESTATE_KAFKA__PROPERTIES__SECURITY_PROTOCOL": "SSL",
            "RESTATE_INGRESS__KAFKA_CLUSTERS": '[{name = "other", brokers = ["three:9092"], "client.id" = "me"}]',
        },
    )
    assert config.base_dir == Path("/data")
    assert config.cluster_name == "shop"
    assert config.worker.invoker.abort_timeout_ms == 120_000
    assert config.default_retry_policy.max_attempts is None
    assert config.default_retry_policy.on_max_attempts == "kill"
    assert config.kafka.brokers == ("one:9092", "two:9092")
    assert config.kafka.properties == {"security.protocol": "SSL"}
    assert config.ingress.kafka_clusters == (
        KafkaCluster(name="other", brokers=("three:9092",), properties={"client.id": "me"}),
    )
    assert not config.embedded
    assert config.num_partitions == 8


def test_complaints_are_one_line_whatever_a_name_holds() -> None:
    clusters = '[{name="a", brokers=["b:1"], "x\\u001ey\\n"=["not text"]}]'
    with pytest.raises(ConfigError) as raised:
        load_config(None, NODE | {"RESTATE_INGRESS__KAFKA_CLUSTERS": clusters})
    assert len(str(raised.value).splitlines()) == 1
    assert "the property 'x\\x1ey\\n' must be text" in str(raised.value)


def test_unknown_variables_are_left_alone() -> None:
    env = NODE | {
        "RESTATE_ADMIN_URL": "http://x",
        "RESTATE_INGRESS": "y",
        "RESTATE_LOG_SERVER__ROCKSDB": "1",
        "PATH": "/",
    }
    assert load_config(None, env) == load_config(None, NODE)


@pytest.mark.row("K2")
def test_kafka_clusters_and_properties_from_the_file(tmp_path: Path) -> None:
    text = """
[[ingress.kafka-clusters]]
name = "shop"
brokers = ["a:9092"]
security.protocol = "SSL"
"enable.ssl.certificate.verification" = false

[kafka]
brokers = ["b:9092"]
[kafka.properties]
sasl.username = "me"
"socket.timeout.ms" = 5000
"""
    config = load(tmp_path, text)
    assert config.ingress.kafka_clusters[0].properties == {
        "security.protocol": "SSL",
        "enable.ssl.certificate.verification": "false",
    }
    assert config.kafka.properties == {"sasl.username": "me", "socket.timeout.ms": "5000"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("bind-prt = 1", "there is no setting 'bind-prt' at the top level: did you mean 'bind-port' at the top level?"),
        ("[ingres]\nx = 1", "there is no setting 'ingres' at the top level: did you mean [ingress]?"),
        (
            "[kafka]\nbind-port = 1",
            "there is no setting 'bind-port' in [kafka]: did you mean 'bind-port' at the top level?",
        ),
        ("[worker]\nabort-timeout = '1m'", "in [worker]: did you mean [worker.invoker] 'abort-timeout'?"),
        ("zzz = 1", "there is no setting 'zzz' at the top level: 'odradek server --dump-config' shows all settings"),
        ("ingress = 3", "'ingress' is a section: write [ingress] and its settings below"),
        ("[ingress]\nbind-port = 70000", "[ingress] 'bind-port': 70000 is out of range: 0 to 65535"),
        ("bind-port = true", "'bind-port': expected a whole number, found True"),
        ("bind-port = 1.5", "'bind-port': expected a whole number, found 1.5"),
        ("shutdown-timeout = 5", "'shutdown-timeout': 5 has no unit: write for example '5s' or '5ms'"),
        ("shutdown-timeout = '5'", "'5' has no unit"),
        ("[storage]\nflush-interval = '1m'", "[storage] 'flush-interval': 1m is out of range: 1ms to 10s"),
        ("[storage]\ncache-size = '3 apples'", "'3 apples' is not a size: write for example '32 MiB'"),
        ("[storage]\ncache-size = 5", "5 B is out of range: 1 MiB"),
        ("bind-ip = 'localhost'", "'localhost' is not an IP address: write for example '127.0.0.1'"),
        ("cluster-name = 'a b'", "'cluster-name': 'a b' may only have letters"),
        ("log-format = 'loud'", "'loud' is not one of pretty, compact, json"),
        ("[kafka]\nbrokers = ['nohost']", "'nohost' is not a broker: write host:port"),
        ("[kafka]\nbrokers = 5", "expected a list such as"),
        ("[default-retry-policy]\nexponentiation-factor = 0.5", "0.5 is out of range: 1 to 100"),
        ("[default-retry-policy]\nexponentiation-factor = nan", "nan is out of range"),
        ("[default-retry-policy]\nmax-interval = '1ms'", "'max-interval' is shorter than 'initial-interval'"),
        (
            "[ingress]\nbind-port = 9070",
            "[ingress] bind-port and [admin] bind-port are both 9070: give each its own port",
        ),
        ("[[ingress.kafka-clusters]]\nname = 'x'", "[[ingress.kafka-clusters]] number 1 has no 'brokers'"),
        (
            "[ingress.kafka-clusters]\nname = 'x'",
            "Kafka clusters are a list: write [[ingress.kafka-clusters]] above each",
        ),
        ("[kafka]\nproperties = 1", "[kafka] 'properties': expected a table of client properties"),
        ("[kafka.properties]\nx = []", "the property 'x' must be text, a number, true or false"),
        ("a =", "is not valid TOML"),
    ],
)
def test_a_bad_file_is_refused_in_one_line(tmp_path: Path, text: str, expected: str) -> None:
    message = error_of(tmp_path, text)
    assert expected in message
    assert "restate.toml" in message or "are both" in message or "shorter" in message


def test_two_clusters_of_one_name(tmp_path: Path) -> None:
    block = "[[ingress.kafka-clusters]]\nname = 'x'\nbrokers = ['a:1']\n"
    assert "two Kafka clusters are called 'x'" in error_of(tmp_path, block * 2)


def test_a_bad_variable_or_flag_is_named(tmp_path: Path) -> None:
    message = error_of(tmp_path, env={"RESTATE_WORKER__INVOKER__ABORT_TIMEOUT": "soon"})
    assert message.startswith("RESTATE_WORKER__INVOKER__ABORT_TIMEOUT: 'soon' is not a duration")
    message = error_of(tmp_path, **{"ingress.bind-port": "many"})
    assert message.startswith("the command line: [ingress] 'bind-port': expected a whole number")
    assert "did you mean" in error_of(tmp_path, **{"ingress.bindport": 1})
    assert "cannot be read as a TOML value" in error_of(tmp_path, env={"RESTATE_INGRESS__KAFKA_CLUSTERS": "{"})


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    for path, expected in (
        (tmp_path / "absent.toml", "there is no configuration file"),
        (tmp_path, "cannot be read: Is a directory"),
        (tmp_path / "binary.toml", "is not UTF-8 text"),
    ):
        (tmp_path / "binary.toml").write_bytes(b"\xff\xfe")
        with pytest.raises(ConfigError, match=expected):
            load_config(path, {})


def test_a_dump_reads_back_as_it_was(tmp_path: Path) -> None:
    text = """
log-filter = 'a "quoted" \\ line'
[worker.invoker]
inactivity-timeout = "1m 30s"
message-size-limit = 1000
[[ingress.kafka-clusters]]
name = "shop"
brokers = ["a:9092", "b:9092"]
"client.id" = "me"
[kafka.properties]
"client.id" = "me too"
"""
    config = load(tmp_path, text.replace("1000", "2000"))
    assert load(tmp_path, dump_config(config)) == config


def test_a_dump_hides_secrets(tmp_path: Path) -> None:
    dumped = dump_config(load(tmp_path, "[kafka.properties]\nsasl.password = 'sesame'\nsasl.username = 'me'"))
    assert "sesame" not in dumped
    assert '"sasl.username" = "me"' in dumped
    assert hide_secrets({"ssl.key.pem": "k", "ssl.key.password": "p", "client.id": "c"}) == {
        "ssl.key.pem": "***",
        "ssl.key.password": "***",
        "client.id": "c",
    }


def test_restate_toml_lists_every_setting_with_its_default() -> None:
    path = REPOSITORY / "restate.toml"
    assert load_config(path, NODE) == load_config(None, NODE)
    listed: set[tuple[str, ...]] = set()
    section: tuple[str, ...] = ()
    for line in path.read_text(encoding="utf-8").splitlines():
        if header := re.fullmatch(r"(?:# )?\[+([a-z.-]+)\]+", line):
            section = tuple(header[1].split("."))
        elif setting := re.match(r"(?:# )?([a-z][a-z0-9-]*) = ", line):
            listed.add((*section, setting[1]))
    assert set(setting_kinds()) <= listed
    assert listed - set(setting_kinds()) == {("ingress", "kafka-clusters", key) for key in ("name", "brokers")}


def test_a_setting_without_default_is_the_only_kind_in_a_comment() -> None:
    dumped = dump_config(load_config(None, NODE))
    commented = re.findall(r"^# ([a-z0-9-]+) =", dumped, re.MULTILINE)
    assert commented == [
        "default-num-partitions",
        "aws-assume-role-external-id",
        "request-identity-private-key-pem-file",
        "tls-ca-file",
        "tls-client-certificate-file",
        "tls-client-key-file",
        "bind-ip",
        "bind-ip",
        "concurrent-api-requests-limit",
    ]


@pytest.mark.parametrize(
    ("text", "size"), [("32 MiB", 32 << 20), ("1KB", 1000), ("4096", 4096), ("2 gib", 2 << 30), ("7 B", 7)]
)
def test_sizes(text: str, size: int) -> None:
    assert parse_size(text) == size
    assert parse_size(format_size(size)) == size
