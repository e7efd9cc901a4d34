"""Configuration: the TOML file, and variables of the environment."""

from __future__ import annotations

import tempfile
from pathlib import Path

from fuzz_target import FuzzTarget, check

from odradek_engine.config import ConfigError, dump_config, load_config

SHIPPED = (Path(__file__).parents[2] / "restate.toml").read_bytes()
NODE = {"RESTATE_NODE_NAME": "n"}


def read_file(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "restate.toml"
        path.write_bytes(data)
        try:
            config = load_config(path, NODE)
        except ConfigError as error:
            check(len(str(error).splitlines()) == 1)
            return
    dump_config(config)


def read_variables(data: bytes) -> None:
    """One variable a line, as the environment holds them: no zero bytes, any others."""
    lines = data.replace(b"\0", b"").decode("utf-8", "surrogateescape").split("\n")
    environment = dict(line.partition("=")[::2] for line in lines)
    try:
        config = load_config(None, NODE | environment)
    except ConfigError as error:
        check(len(str(error).splitlines()) == 1)
        return
    dump_config(config)


TARGETS = (
    FuzzTarget(
        "configuration files",
        read_file,
        (
            SHIPPED,
            b"[ingress]\nbind-port = 8081\nrequest-size-limit = '1MiB'\n[worker.invoker]\ninactivity-timeout = '1m'",
            b'[[ingress.kafka-clusters]]\nname = "a"\nbrokers = ["b:1"]\nx.y = true\n[kafka.properties]\nq = 1.5',
            b"default-journal-retention = '1d'\nnum-partitions = 4\n[default-retry-policy]\nmax-attempts = 7",
        ),
    ),
    FuzzTarget(
        "configuration variables",
        read_variables,
        (
            b"RESTATE_INGRESS__BIND_PORT=8081\nRESTATE_WORKER__INVOKER__INACTIVITY_TIMEOUT=1m",
            b'RESTATE_INGRESS__KAFKA_CLUSTERS=[{name="a",brokers=["b:1"]}]',
            b"RESTATE_KAFKA__PROPERTIES__SASL_USERNAME=x\nRESTATE_NUM_PARTITIONS=4\nRESTATE_LOG_FILTER=info",
        ),
    ),
)
