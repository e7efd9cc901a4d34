"""`odradek produce`: lines of a file or of the console into a topic."""

from __future__ import annotations

import os
import secrets
import stat
import sys
import time
from pathlib import Path
from typing import BinaryIO, Final, cast

import click

from odradek_engine.cli.admin_client import REQUEST_TIMEOUT_S, RequestRefused, connect
from odradek_engine.cli.output import counted
from odradek_engine.cli.pairs import read_pairs
from odradek_engine.cli.progress import Progress
from odradek_engine.cli.record_batches import ByteStream, read_batches
from odradek_engine.cli.record_lines import BadLine, LineReader, json_lines, separated
from odradek_engine.cli.record_producer import GaveUp, RecordProducer
from odradek_engine.ulid import RANDOM_BYTES, MalformedUlid, make_ulid, ulid_time_ms

DEFAULT_SEPARATOR: Final = "\t"
DEFAULT_PATIENCE: Final = "5m"
LEAST_REQUEST_TIMEOUT_S: Final = 5.0
"""A busy node gets that long for one answer, however short the patience is."""


def _read_patience(_context: click.Context, _option: click.Parameter, text: str) -> float:
    from odradek_engine.durations import MalformedDuration, parse_duration

    try:
        return parse_duration(text) / 1_000
    except MalformedDuration as error:
        raise click.BadParameter(str(error)) from None


def _read_separator(_context: click.Context, _option: click.Parameter, text: str | None) -> str | None:
    if text == "":
        raise click.BadParameter("a separator has at least one character")
    return text.replace("\\t", "\t") if text else text


def _read_producer_id(_context: click.Context, _option: click.Parameter, text: str | None) -> str:
    if text is None:
        return make_ulid(time.time_ns() // 1_000_000, secrets.token_bytes(RANDOM_BYTES))
    try:
        ulid_time_ms(text)
    except MalformedUlid as error:
        raise click.BadParameter(str(error)) from None
    return text


@click.command()
@click.argument("topic")
@click.option(
    "--file", "-f", "source", type=click.Path(path_type=Path), help="Read this file; without it, the console."
)
@click.option(
    "--separator",
    "--key-separator",
    callback=_read_separator,
    help="What stands between key and value, then required in each line. Without it a tab, where there is one.",
)
@click.option(
    "--json-lines", "as_json_lines", is_flag=True, help="Each line is a JSON object with key, value, headers."
)
@click.option(
    "--header", "headers", multiple=True, callback=read_pairs, metavar="NAME=VALUE", help="Header of each record."
)
@click.option(
    "--timeout",
    "patience_s",
    default=DEFAULT_PATIENCE,
    show_default=True,
    callback=_read_patience,
    help="Give up when the node has not acknowledged anything for so long.",
)
@click.option(
    "--producer-id", callback=_read_producer_id, help="Go on with a run that gave up: what it produced is not doubled."
)
@click.pass_context
def produce(
    context: click.Context,
    topic: str,
    source: Path | None,
    separator: str | None,
    as_json_lines: bool,
    headers: dict[str, str],
    patience_s: float,
    producer_id: str,
) -> None:
    """Produce lines as records into a topic.

    Each line gets into TOPIC exactly once, also when the node restarts meanwhile.

    \b
    printf 'ada:10\\nbob:20\\n' | odradek produce payments --separator :
    odradek produce payments --file payments.tsv
    odradek produce payments --json-lines --file events.jsonl --header origin=import

    A line of --json-lines has any of key, value, headers, partition, timestamp (ms), key_base64, value_base64:

    \b
    {"key": "ada", "value": {"amount": 10}, "headers": {"trace": "7"}}
    """
    if as_json_lines and separator is not None:
        raise click.UsageError("--json-lines and --separator do not go together: JSON lines name their keys")
    read_line: LineReader = (
        json_lines(headers)
        if as_json_lines
        else separated(separator or DEFAULT_SEPARATOR, required=separator is not None, headers=headers)
    )
    with (
        _open(source) as stream,
        connect(context, timeout_s=min(max(patience_s, LEAST_REQUEST_TIMEOUT_S), REQUEST_TIMEOUT_S)) as client,
    ):
        if stream.isatty():
            click.echo("one record a line, Ctrl-D ends", err=True)
        progress = Progress(topic, _size_of(stream), sys.stderr, time.monotonic)
        producer = RecordProducer(
            client, topic, producer_id, patience_s, clock=time.monotonic, sleep=time.sleep, note=progress.note
        )
        _run(producer, progress, stream, read_line)
    there = f", {producer.repeated:,} of them were there already" if producer.repeated else ""
    click.echo(
        f"produced {counted(progress.records, 'record')} to {topic} "
        f"in {progress.elapsed_s:.1f} s ({progress.rate:,.0f}/s){there}"
    )


def _run(producer: RecordProducer, progress: Progress, stream: BinaryIO, read_line: LineReader) -> None:
    """Sends all there is; whatever ends it early says how far it came and how to go on."""

    def stopped(reason: str) -> click.ClickException:
        return click.ClickException(
            f"{reason} ({counted(progress.records, 'record')} produced; "
            f"run it again with --producer-id {producer.producer_id} to go on from there)"
        )

    try:
        for batch in read_batches(cast(ByteStream, stream), read_line):
            producer.send(batch)
            progress.advance(len(batch.records), batch.size_bytes)
    except BadLine as error:
        raise stopped(str(error)) from None
    except GaveUp as error:
        raise stopped(f"gave up: {error.message}") from None
    except RequestRefused as error:
        raise stopped(error.message) if progress.records else error from None
    except KeyboardInterrupt:
        raise stopped("interrupted") from None
    finally:
        progress.finish()


def _open(source: Path | None) -> BinaryIO:
    if source is None or str(source) == "-":
        return click.get_binary_stream("stdin")
    try:
        return source.open("rb")
    except OSError as error:
        raise click.ClickException(f"{source} cannot be read: {error.strerror}") from None


def _size_of(stream: BinaryIO) -> int | None:
    """The bytes of a file, None where there is no telling."""
    try:
        status = os.fstat(stream.fileno())
    except OSError:
        return None
    return status.st_size if stat.S_ISREG(status.st_mode) else None
