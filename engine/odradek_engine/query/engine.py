"""Runs SQL: each query in a worker thread over one moment of the tables, within bounds of time, memory and rows.

Only reads: statements that define, change or set anything are refused before they are planned.
"""

from __future__ import annotations

import asyncio
import io
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec

from odradek_engine.gateway import QueryError
from odradek_engine.query.complexity import OPERATORS_MAX, operators_in
from odradek_engine.query.flow_tables import FLOW_TABLES
from odradek_engine.query.invocation_tables import INVOCATION, INVOCATION_STATE, INVOCATION_STATUS
from odradek_engine.query.journal_tables import JOURNAL, JOURNAL_EVENTS
from odradek_engine.query.object_tables import INBOX, KEYED_SERVICE_STATUS, LOCKS, PROMISE, STATE
from odradek_engine.query.registry_tables import DEPLOYMENT, SERVICE
from odradek_engine.query.source import RowSource

if TYPE_CHECKING:
    import pyarrow  # type: ignore[import-untyped]

T = TypeVar("T")

TABLES: Final = (
    INVOCATION,
    INVOCATION_STATUS,
    INVOCATION_STATE,
    JOURNAL,
    JOURNAL_EVENTS,
    STATE,
    PROMISE,
    INBOX,
    KEYED_SERVICE_STATUS,
    LOCKS,
    SERVICE,
    DEPLOYMENT,
    *FLOW_TABLES,
)
_TEXT_MAX: Final = 100_000
_NO_TABLE: Final = "not found"
_NO_COERCION: Final = "Cannot coerce"
_NO_QUERY: Final = ("SQL error:", "Error during planning:")


class QueryLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds of queries; what is beyond one ends in a `QueryError`."""

    concurrent: int = 4
    """Queries that run at once; a further one is told to come again (429)."""
    seconds: float = 60.0
    rows: int = 100_000
    """Of an answer."""
    answer_bytes: int = 256 * 1024 * 1024
    """Of an answer, as Arrow."""
    memory_bytes: int = 256 * 1024 * 1024
    """For sorting, grouping and joining, of one query."""


class QueryEngine:
    """SQL over a node's tables. `open_source` is called on the loop's thread, once for each query."""

    def __init__(self, open_source: Callable[[], RowSource], version: str, limits: QueryLimits | None = None) -> None:
        self._open_source = open_source
        self._version = version
        self._limits = limits or QueryLimits()
        self._threads = ThreadPoolExecutor(self._limits.concurrent, thread_name_prefix="odradek-query")
        self._running: set[threading.Event] = set()

    async def rows(self, sql: str) -> list[dict[str, Any]]:
        """The rows, ready for JSON; null columns are left out."""
        return await self._run(sql, _as_rows)

    async def arrow_stream(self, sql: str) -> bytes:
        """The rows as an Arrow IPC stream."""
        return await self._run(sql, _as_stream)

    def close(self) -> None:
        """Ends what runs, soon; takes nothing new."""
        for cancelled in self._running:
            cancelled.set()
        self._threads.shutdown(wait=True, cancel_futures=True)

    async def _run(self, sql: str, shape: Callable[[pyarrow.Schema, Iterator[pyarrow.RecordBatch]], T]) -> T:
        limits = self._limits
        if len(sql) > _TEXT_MAX:
            raise QueryError(f"the query has {len(sql)} characters: at most {_TEXT_MAX} are taken")
        if (operators := operators_in(sql)) > OPERATORS_MAX:
            raise QueryError(f"the query has {operators} operators: at most {OPERATORS_MAX} are taken")
        if len(self._running) >= limits.concurrent:
            raise QueryError(f"{limits.concurrent} queries are running already, try again later", 429)
        source = self._open_source()
        cancelled = threading.Event()
        self._running.add(cancelled)
        loop = asyncio.get_running_loop()
        timer = loop.call_later(limits.seconds, cancelled.set)

        def work() -> T:
            try:
                return _execute(sql, source, self._version, limits, cancelled, shape)
            finally:
                source.close()
                loop.call_soon_threadsafe(self._running.discard, cancelled)

        try:
            return await loop.run_in_executor(self._threads, work)
        finally:
            timer.cancel()
            cancelled.set()  # also where nobody waits for the answer any more


def _execute(
    sql: str,
    source: RowSource,
    version: str,
    limits: QueryLimits,
    cancelled: threading.Event,
    shape: Callable[[pyarrow.Schema, Iterator[pyarrow.RecordBatch]], T],
) -> T:
    """In the worker thread: plans, runs, shapes."""
    from datafusion import SQLOptions

    from odradek_engine.query.arrow import Reading

    options = SQLOptions().with_allow_ddl(False).with_allow_dml(False).with_allow_statements(False)
    try:
        context = _session(Reading(source, version, cancelled), limits)
        frame = context.sql_with_options(sql, options)
        batches = (batch.to_pyarrow() for batch in frame.execute_stream())
        return shape(frame.schema(), _bounded(batches, limits))
    except QueryError:
        raise
    except Exception as error:
        if cancelled.is_set():
            raise QueryError(f"the query took longer than {limits.seconds:g} s: narrow it down") from None
        text = str(error).removeprefix("DataFusion error: ")
        raise QueryError(f"Datafusion error: {text}", _status_of(text)) from None


def _status_of(complaint: str) -> int:
    """400 for what is no query, 500 for one that cannot be answered: that is how the real server tells them apart."""
    unanswerable = _NO_COERCION in complaint or ("table '" in complaint and complaint.endswith(_NO_TABLE))
    return 400 if complaint.startswith(_NO_QUERY) and not unanswerable else 500


def _session(reading: Any, limits: QueryLimits) -> Any:
    from datafusion import RuntimeEnvBuilder, SessionConfig, SessionContext
    from datafusion.catalog import Catalog

    from odradek_engine.query.arrow import Tables
    from odradek_engine.query.json_functions import register_json_functions

    config = (
        SessionConfig()
        .with_information_schema(True)
        .with_create_default_catalog_and_schema(False)
        .with_default_catalog_and_schema("restate", "public")
        .with_target_partitions(1)
    )
    runtime = RuntimeEnvBuilder().with_disk_manager_disabled().with_greedy_memory_pool(limits.memory_bytes)
    context = SessionContext(config, runtime)
    register_json_functions(context)
    catalog = Catalog.memory_catalog(context)
    catalog.register_schema("public", Tables(TABLES, reading))
    context.register_catalog_provider("restate", catalog)
    return context


def _bounded(batches: Iterator[pyarrow.RecordBatch], limits: QueryLimits) -> Iterator[pyarrow.RecordBatch]:
    rows = 0
    size = 0
    for batch in batches:
        rows += batch.num_rows
        size += batch.nbytes
        if rows > limits.rows:
            raise QueryError(f"the answer has more than {limits.rows} rows: narrow it down, or add a LIMIT")
        if size > limits.answer_bytes:
            raise QueryError(f"the answer has more than {limits.answer_bytes} bytes: narrow it down, or add a LIMIT")
        yield batch


def _as_rows(_: pyarrow.Schema, batches: Iterator[pyarrow.RecordBatch]) -> list[dict[str, Any]]:
    from odradek_engine.query.json_rows import batch_rows

    return [row for batch in batches for row in batch_rows(batch)]


def _as_stream(schema: pyarrow.Schema, batches: Iterator[pyarrow.RecordBatch]) -> bytes:
    import pyarrow

    sink = io.BytesIO()
    with pyarrow.ipc.new_stream(sink, schema) as writer:
        for batch in batches:
            writer.write_batch(batch)
    return sink.getvalue()
