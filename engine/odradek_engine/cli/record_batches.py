"""Cuts a stream of bytes into batches of records, each at most so large, without waiting for more than is there.

A terminal's or a pipe's lines go on their way as they come; a file's in full batches.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Protocol

from odradek_engine.cli.record_lines import BadLine, LineReader, Record

READ_BYTES: Final = 256 * 1024
MAX_BATCH_RECORDS: Final = 1_000
MAX_BATCH_BYTES: Final = 1024 * 1024
"""A single longer line still is a batch of its own."""
MAX_LINE_BYTES: Final = 33 * 1024 * 1024


class ByteStream(Protocol):
    """What is read from."""

    def read1(self, size: int = -1, /) -> bytes:
        """What is there, at most `size` bytes, waiting only where nothing is; empty at the end."""


@dataclass(frozen=True)
class Batch:
    """Records that go to the node together. `size_bytes` counts what was read for them."""

    first_sequence: int
    records: list[Record]
    size_bytes: int


def read_batches(stream: ByteStream, read_line: LineReader) -> Iterator[Batch]:
    """The stream's records in order, numbered from 0; empty lines are left out. `BadLine` names the line."""
    records: list[Record] = []
    size_bytes = 0
    sequence = 0
    for number, line, more_at_hand in _lines(stream):
        size_bytes += len(line) + 1
        content = line.removesuffix(b"\r")
        if content:
            try:
                records.append(read_line(content))
            except BadLine as error:
                raise BadLine(f"line {number} {error}") from None
        if records and (not more_at_hand or len(records) == MAX_BATCH_RECORDS or size_bytes >= MAX_BATCH_BYTES):
            yield Batch(sequence, records, size_bytes)
            sequence += len(records)
            records = []
            size_bytes = 0


def _lines(stream: ByteStream) -> Iterator[tuple[int, bytes, bool]]:
    """(line number from 1, line, whether more lines were read along with it)."""
    rest = b""
    number = 0
    while chunk := stream.read1(READ_BYTES):
        *lines, rest = (rest + chunk).split(b"\n")
        for position, line in enumerate(lines, start=1):
            number += 1
            yield number, line, position < len(lines)
        if len(rest) > MAX_LINE_BYTES:
            raise BadLine(f"line {number + 1} is longer than {MAX_LINE_BYTES} bytes")
    if rest:
        yield number + 1, rest, False
