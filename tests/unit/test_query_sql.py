"""SQL: the dialect, the rules of JSON, what is refused, and the bounds."""

from __future__ import annotations

import asyncio
import io
import subprocess
import sys
import threading
from collections.abc import Collection, Iterator

import pyarrow  # type: ignore[import-untyped]
import pytest
from fakes_query import PARTITIONS, SCHEMA, Shelf, add, full_shelf, make_engine, query
from hypothesis import given
from hypothesis import strategies as st

from odradek_engine.gateway import QueryError
from odradek_engine.model.rows import Phase, Status
from odradek_engine.query.complexity import OPERATORS_MAX, operators_in
from odradek_engine.query.engine import TABLES, QueryEngine, QueryLimits
from odradek_engine.query.pushdown import mentioned_columns, wanted_values
from odradek_engine.query.source import InvocationRow
from odradek_engine.query.store_rows import StoreRows

SHELF = full_shelf()


def test_the_dialect() -> None:
    count = "SELECT COUNT(1) AS n FROM"
    assert query(SHELF, f"{count} (SELECT * FROM sys_invocation inv LIMIT 50000) WHERE inv.status = 'paused'") == [
        {"n": 1}
    ]
    assert query(SHELF, f"{count} sys_invocation_status WHERE status == 'invoked'") == [{"n": 3}]
    assert query(SHELF, f"{count} sys_invocation WHERE target LIKE 'Obj/k/%'") == [{"n": 2}]
    assert query(SHELF, f"{count} sys_invocation WHERE created_at > now() - interval '1 day'") != []
    assert query(
        SHELF,
        "SELECT inv.status, dp.id IS NOT NULL AS known FROM sys_invocation inv LEFT JOIN sys_deployment dp "
        "ON dp.id = inv.pinned_deployment_id WHERE inv.status IN ('scheduled', 'paused') ORDER BY inv.status",
    ) == [{"status": "paused", "known": True}, {"status": "scheduled", "known": False}]
    assert query(
        SHELF,
        "SELECT target_service_name AS s, FIRST_VALUE(idempotency_key ORDER BY idempotency_key ASC) AS first, "
        "COUNT(1) AS n FROM sys_invocation GROUP BY target_service_name ORDER BY s",
    ) == [{"s": "Obj", "first": "failed", "n": 2}, {"s": "Svc", "first": "backing", "n": 7}]
    assert query(
        SHELF,
        f"{count} sys_invocation WHERE target_service_name IN "
        "(SELECT name FROM sys_service WHERE ty = 'virtual_object')",
    ) == [{"n": 2}]
    assert query(SHELF, "SELECT CASE WHEN 1 = 1 THEN 'a' ELSE 'b' END AS c") == [{"c": "a"}]


def test_what_tables_and_columns_there_are() -> None:
    shown = {row["table_name"] for row in query(SHELF, "SHOW TABLES") if row["table_schema"] == "public"}
    assert shown == {table.name for table in TABLES}
    columns = query(
        SHELF,
        "SELECT column_name, data_type FROM information_schema.columns WHERE table_name = 'sys_journal' "
        "AND column_name IN ('version', 'entry_json', 'appended_at') ORDER BY column_name",
    )
    assert [row["column_name"] for row in columns] == ["appended_at", "entry_json", "version"]
    assert [row["data_type"] for row in columns] == ['Timestamp(ms, "+00:00")', "LargeUtf8", "UInt32"]


@pytest.mark.parametrize(
    ("table", "columns"),
    [
        ("sys_invocation", 51),
        ("sys_invocation_status", 38),
        ("sys_journal", 16),
        ("sys_journal_events", 6),
        ("state", 9),
        ("sys_inbox", 6),
        ("sys_keyed_service_status", 4),
        ("sys_service", 5),
        ("sys_deployment", 7),
    ],
)
def test_every_column_of_every_table_can_be_read(table: str, columns: int) -> None:
    (found,) = [each for each in TABLES if each.name == table]
    assert len(found.columns) == columns
    assert query(SHELF, f"SELECT * FROM {table}")


def test_json_rules() -> None:
    (row,) = query(
        SHELF,
        "SELECT NULL AS nothing, arrow_cast(1795357391533, 'Timestamp(Millisecond, Some(\"+00:00\"))') AS ms, "
        "arrow_cast(1, 'Timestamp(Second, None)') AS naive, "
        "arrow_cast(1795357391533000001, 'Timestamp(Nanosecond, Some(\"+00:00\"))') AS ns, "
        "arrow_cast(2, 'Duration(Millisecond)') AS short, arrow_cast(0, 'Duration(Millisecond)') AS none, "
        "arrow_cast(86400000, 'Duration(Millisecond)') AS day, arrow_cast(-1500, 'Duration(Millisecond)') AS minus, "
        "X'ff00' AS bytes, [1, 2] AS list, arrow_cast(18446744073709551615, 'UInt64') AS big, "
        "1.5 AS half, CAST('NaN' AS DOUBLE) AS nan, named_struct('a', 1, 'b', NULL) AS struct, "
        "CAST('2026-11-22' AS DATE) AS day_of, CAST(1.25 AS DECIMAL(5, 2)) AS decimal, true AS yes",
    )
    assert row == {
        "ms": "2026-11-22T14:23:11.533Z",
        "naive": "1970-01-01T00:00:01",
        "ns": "2026-11-22T14:23:11.533000001Z",
        "short": "PT0.002S",
        "none": "P0D",
        "day": "PT86400S",
        "minus": "-PT1.5S",
        "bytes": "ff00",
        "list": [1, 2],
        "big": 18446744073709551615,
        "half": 1.5,
        "struct": {"a": 1},
        "day_of": "2026-11-22",
        "decimal": "1.25",
        "yes": True,
    }


@pytest.mark.parametrize(
    "sql",
    [
        "SELEC",
        "",
        "CREATE TABLE t AS SELECT 1",
        "DROP TABLE state",
        "INSERT INTO state SELECT * FROM state",
        "DELETE FROM state",
        "UPDATE state SET key = 'x'",
        "COPY (SELECT 1) TO '/tmp/never.csv'",
        "CREATE EXTERNAL TABLE t STORED AS CSV LOCATION '/etc/passwd'",
        "SET datafusion.execution.batch_size = 1",
    ],
)
def test_what_cannot_be_run(sql: str) -> None:
    with pytest.raises(QueryError, match="Datafusion error: ") as refused:
        query(SHELF, sql)
    assert refused.value.status == 400


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("SELECT 1/0", "Arrow error: Divide by zero"),
        ("SELECT nope FROM state", "Schema error: No field named nope"),
        ("SELECT * FROM state LIMIT x", "Schema error: No field named x"),
        ("SELECT 'a' + 1", "Error during planning: Cannot coerce"),
        ("SELECT 1; SELECT 2", "This feature is not implemented"),
    ],
)
def test_what_cannot_be_answered(sql: str, reason: str) -> None:
    with pytest.raises(QueryError, match=f"Datafusion error: {reason}") as refused:
        query(SHELF, sql)
    assert refused.value.status == 500


@pytest.mark.parametrize("table", ["nope", "'/etc/passwd'", '"/etc/passwd"', "other.public.state"])
def test_an_unknown_table(table: str) -> None:
    with pytest.raises(QueryError, match="not found") as refused:
        query(SHELF, f"SELECT * FROM {table}")
    assert refused.value.status == 500


def test_the_table_that_was_not_found_is_named() -> None:
    with pytest.raises(QueryError) as refused:
        query(SHELF, "SELECT * FROM x")
    assert str(refused.value) == "Datafusion error: Error during planning: table 'restate.public.x' not found"


def test_an_arrow_stream() -> None:
    engine = make_engine(SHELF)
    raw = asyncio.run(engine.arrow_stream("SELECT service_key, value FROM state WHERE service_name = 'Object'"))
    engine.close()
    with pyarrow.ipc.open_stream(io.BytesIO(raw)) as stream:
        assert stream.read_all().to_pylist() == [{"service_key": "k", "value": b"1"}]


def test_an_empty_arrow_stream_has_its_schema() -> None:
    engine = make_engine(SHELF)
    raw = asyncio.run(engine.arrow_stream("SELECT id FROM sys_inbox WHERE id = 'x'"))
    engine.close()
    with pyarrow.ipc.open_stream(io.BytesIO(raw)) as stream:
        assert stream.read_all().schema.names == ["id"]


# --- bounds ---


@pytest.mark.parametrize(("rows", "fits"), [(9, True), (8, False)])
def test_the_rows_of_an_answer_are_bounded(rows: int, fits: bool) -> None:
    limits = QueryLimits(rows=rows)
    if fits:
        assert len(query(SHELF, "SELECT id FROM sys_invocation", limits)) == 9
        return
    with pytest.raises(QueryError, match=r"more than 8 rows.*LIMIT"):
        query(SHELF, "SELECT id FROM sys_invocation", limits)


def test_the_bytes_of_an_answer_are_bounded() -> None:
    with pytest.raises(QueryError, match=r"more than 100 bytes.*LIMIT"):
        query(SHELF, "SELECT * FROM sys_invocation", QueryLimits(answer_bytes=100))


def test_the_memory_of_a_query_is_bounded() -> None:
    with pytest.raises(QueryError, match="Resources exhausted"):
        query(SHELF, "SELECT id FROM sys_invocation ORDER BY target, id", QueryLimits(memory_bytes=1000))


class EndlessRows(StoreRows):
    """Invocations without end."""

    def __init__(self) -> None:
        super().__init__(Shelf().store, PARTITIONS, SCHEMA)
        self.begun = threading.Event()
        self.closed = threading.Event()

    def invocations(self, ids: Collection[bytes] | None) -> Iterator[InvocationRow]:
        shelf = Shelf()
        shelf.invocation("x", add("k"), Status(Phase.PAUSED, 1))
        (row,) = StoreRows(shelf.store, PARTITIONS, SCHEMA).invocations(None)
        self.begun.set()
        while True:
            yield row

    def close(self) -> None:
        self.closed.set()


def test_a_query_that_takes_too_long_is_ended() -> None:
    rows = EndlessRows()
    engine = QueryEngine(lambda: rows, "0.1.0", QueryLimits(seconds=0.2))
    with pytest.raises(QueryError, match=r"longer than 0\.2 s"):
        asyncio.run(engine.rows("SELECT COUNT(1) FROM sys_invocation"))
    assert rows.closed.is_set()
    engine.close()


def test_closing_ends_what_runs_and_too_many_queries_are_refused() -> None:
    async def scenario() -> None:
        rows = EndlessRows()
        engine = QueryEngine(lambda: rows, "0.1.0", QueryLimits(concurrent=1))
        running = asyncio.ensure_future(engine.rows("SELECT COUNT(1) FROM sys_invocation"))
        await asyncio.to_thread(rows.begun.wait, 10)
        with pytest.raises(QueryError, match="try again later") as refused:
            await engine.rows("SELECT 1")
        assert refused.value.status == 429
        await asyncio.to_thread(engine.close)
        with pytest.raises(QueryError):
            await running

    asyncio.run(scenario())


def test_a_query_that_nobody_waits_for_is_ended() -> None:
    async def scenario() -> None:
        rows = EndlessRows()
        engine = QueryEngine(lambda: rows, "0.1.0")
        running = asyncio.ensure_future(engine.rows("SELECT COUNT(1) FROM sys_invocation"))
        await asyncio.to_thread(rows.begun.wait, 10)
        running.cancel()
        assert await asyncio.to_thread(rows.closed.wait, 10)
        await asyncio.to_thread(engine.close)

    asyncio.run(scenario())


def test_nothing_heavy_is_imported_before_the_first_query() -> None:
    code = "import sys, odradek_engine.query.engine; sys.exit(bool({'pyarrow', 'datafusion'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# --- which rows can be wanted ---


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", {}),
        ('(id == "x")', {"id": {"x"}}),
        ('((id == "x") and (n > 0))', {"id": {"x"}}),
        ('(((id == "x") or (id == "y")) and (s == "a"))', {"id": {"x", "y"}, "s": {"a"}}),
        ('((((a == "1") and (b == "2")) and (c == "3")) and (n == 4))', {"a": {"1"}, "b": {"2"}, "c": {"3"}}),
        ('((id == "x") and (id == "y"))', {"id": set()}),
        ('((id == "x") or (n > 0))', {}),
        ('((id == "x") or (s == "y"))', {}),
        ('invert((id == "x"))', {}),
        ('(id != "x")', {}),
        (r'(id == "a\"b\\c")', {"id": {'a"b\\c'}}),
        (r'(id == "x\") or (id == \"y")', {"id": {'x") or (id == "y'}}),
        ('((key == "(") and (s == " and "))', {"key": {"("}, "s": {" and "}}),
        (r'(id == "line\nbreak")', {}),
    ],
)
def test_wanted_values(text: str, wanted: dict[str, set[str]]) -> None:
    assert wanted_values(text) == wanted


def test_mentioned_columns() -> None:
    text = '((id == "service_key") and (n > 0))'
    assert mentioned_columns(text, iter(("id", "n", "service_key", "i"))) == {"id", "n"}


@pytest.mark.parametrize(
    "link", [" UNION ALL SELECT 1", "+1", " OR 1=2", "||'a'", " -- x\n+1", " /* ' */ * 2", ", state"]
)
def test_a_chain_that_the_planner_would_not_survive_is_refused(link: str) -> None:
    for links in (OPERATORS_MAX + 1, 4000):
        with pytest.raises(QueryError, match="operators: at most 500 are taken"):
            query(SHELF, "SELECT 1 FROM state" + link * links)


def test_values_and_texts_are_no_operators() -> None:
    listed = ", ".join(f"'a+b - {number} OR'" for number in range(2000))
    sql = f"SELECT COUNT(1) AS n FROM state WHERE key IN ({listed}) -- and or not\n/* + + + */"
    assert operators_in(sql) == 2
    assert query(SHELF, sql) == [{"n": 0}]
    assert operators_in("SELECT \"a-b\" + c::int FROM x UNION SELECT 'it''s - b'") == 5


@given(st.text(max_size=8), st.text(max_size=8))
def test_a_lookup_never_misses_a_row(key: str, other: str) -> None:
    import pyarrow.compute as pc  # type: ignore[import-untyped]

    one = wanted_values(str(pc.field("a") == key)).get("a")
    assert one is None or one == {key}
    both = wanted_values(str((pc.field("a") == key) | (pc.field("a") == other))).get("a")
    assert both is None or both == {key, other}


def test_a_lookup_by_id_reads_nothing_else() -> None:
    class OnlyLookups(StoreRows):
        def invocations(self, ids: Collection[bytes] | None) -> Iterator[InvocationRow]:
            assert ids is not None
            return super().invocations(ids)

    engine = QueryEngine(lambda: OnlyLookups(SHELF.store, PARTITIONS, SCHEMA), "0.1.0")
    wanted = [SHELF.text_id("done"), SHELF.text_id("paused"), "inv_malformed"]
    listed = ", ".join(f"'{each}'" for each in wanted)
    rows = asyncio.run(engine.rows(f"SELECT id FROM sys_invocation WHERE id IN ({listed}) AND status = 'paused'"))
    assert rows == [{"id": SHELF.text_id("paused")}]
    engine.close()
