"""`odradek dev` and `odradek server`: the commands that are a node."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from odradek_engine.cli.applications import check_applications, node_runner
from odradek_engine.cli.data_directory import data_directory

if TYPE_CHECKING:
    from odradek_engine.config import Config

DEVELOPMENT_DEFAULTS: Final = {"RESTATE_BIND_IP": "127.0.0.1"}
"""A developer's node is not open to the network unless told."""

_SETTINGS: Final = {
    "base_dir": "base-dir",
    "cluster_name": "cluster-name",
    "node_name": "node-name",
    "bind_ip": "bind-ip",
    "ingress_port": "ingress.bind-port",
    "admin_port": "admin.bind-port",
    "node_port": "bind-port",
    "brokers": "kafka.brokers",
    "isolated": "worker.invoker.isolated",
}
"""Options of the command line, and the settings that they win over."""


def _setting_options(command: Callable[..., Any]) -> Callable[..., Any]:
    options = (
        click.option(
            "--config-file",
            "-c",
            type=click.Path(path_type=Path),
            envvar="RESTATE_CONFIG",
            show_envvar=True,
            help="Read settings from this file.",
        ),
        click.option("--base-dir", type=click.Path(path_type=Path), help="Keep data here."),
        click.option("--cluster-name", help="Name of the cluster, with which the topics of its log begin."),
        click.option("--node-name", help="Name of this node."),
        click.option("--bind-ip", help="Listen on this address."),
        click.option("--ingress-port", type=int, help="Port for requests to handlers."),
        click.option("--admin-port", type=int, help="Port of the admin API."),
        click.option("--node-port", type=int, help="Port for health and metrics."),
        click.option("--brokers", metavar="HOST:PORT,...", help="Keep the log on this Kafka; without it, embedded."),
        click.option(
            "--isolated",
            is_flag=True,
            default=None,
            help="Run each APP_FILE in a child process, which is started again when it ends or hangs.",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


@click.command()
@click.argument("app_files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="APP_FILE...")
@click.option("--fresh", is_flag=True, help="Remove the data directory's data first.")
@click.option("--no-reload", is_flag=True, help="Do not start anew when the code changes.")
@click.option("--parent-pipe", type=int, hidden=True)
@_setting_options
@click.pass_context
def dev(
    context: click.Context,
    /,
    app_files: tuple[Path, ...],
    fresh: bool,
    no_reload: bool,
    parent_pipe: int | None,
    config_file: Path | None,
    **flags: object,
) -> None:
    """Run a node with your handlers on this machine.

    Nothing else is needed: the log is embedded unless brokers are configured; data stays in ./restate-data; the node
    starts anew when Python files beside APP_FILE change. It listens on 127.0.0.1 unless told otherwise.

    \b
    odradek dev app.py
    odradek dev app.py --fresh
    odradek dev app.py --isolated
    odradek dev app.py --ingress-port 8081 --admin-port 9071 --node-port 5123 --base-dir /tmp/two
    """
    from odradek_engine.cli.banner import ReadinessWatch
    from odradek_engine.cli.parent_watch import leave_with_parent
    from odradek_engine.cli.supervisor import Supervisor, refuse_taken_ports

    env = os.environ if config_file else DEVELOPMENT_DEFAULTS | dict(os.environ)
    config = _load(config_file, env, flags)
    check_applications(app_files)
    if parent_pipe is not None:
        leave_with_parent(parent_pipe, signal.SIGTERM)
    else:
        refuse_taken_ports(config)
    with data_directory(config.base_dir, fresh=fresh):
        if no_reload:
            if parent_pipe is None:
                ReadinessWatch(config).start()
            context.exit(node_runner()(config, app_files))
    options = _as_arguments(config_file, flags)
    command = [sys.executable, "-m", "odradek", "dev", *map(str, app_files), "--no-reload", *options]
    folders = sorted({path.absolute().parent for path in app_files})
    context.exit(Supervisor(config, command, folders).run())


@click.command()
@click.option(
    "--app",
    "app_files",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="APP_FILE",
    help="Serve the handlers of this file; may be given several times.",
)
@click.option("--dump-config", "dump_wanted", is_flag=True, help="Print the resulting configuration and exit.")
@_setting_options
@click.pass_context
def server(
    context: click.Context,
    /,
    app_files: tuple[Path, ...],
    dump_wanted: bool,
    config_file: Path | None,
    **flags: object,
) -> None:
    """Run a node of a cluster.

    Settings come from the file, then RESTATE_* variables, then flags; the later of two wins.

    \b
    odradek server --config-file restate.toml
    odradek server --config-file restate.toml --app app.py
    odradek server --app app.py --isolated
    odradek server --brokers kafka-1:9092,kafka-2:9092 --dump-config
    """
    from odradek_engine.config import dump_config

    config = _load(config_file, os.environ, flags)
    if dump_wanted:
        click.echo(dump_config(config), nl=False)
        return
    check_applications(app_files)
    with data_directory(config.base_dir):
        context.exit(node_runner()(config, app_files))


def _load(config_file: Path | None, env: Mapping[str, str], flags: Mapping[str, object]) -> Config:
    from odradek_engine.config import ConfigError, load_config

    overrides = {_SETTINGS[flag]: value for flag, value in flags.items() if value is not None}
    try:
        return load_config(config_file, env, overrides)
    except ConfigError as error:
        raise click.ClickException(str(error)) from None


def _as_arguments(config_file: Path | None, flags: Mapping[str, object]) -> list[str]:
    """The options again, for the child that is the node."""
    given = {"config_file": config_file, **flags}
    options = ((f"--{flag.replace('_', '-')}", value) for flag, value in given.items() if value is not None)
    return [option if value is True else f"{option}={value}" for option, value in options]
