"""SQL of the admin API."""

from __future__ import annotations

import asyncio
import json

from fuzz_target import FuzzTarget, check

from machine_world import World, add, service
from odradek_engine.gateway import QueryError
from odradek_engine.query.engine import QueryEngine, QueryLimits
from odradek_engine.query.store_rows import StoreRows

LIMITS = QueryLimits(seconds=0.5, rows=1000, answer_bytes=1_000_000, memory_bytes=16_000_000)
WORLD = World()
WORLD.invoke(service())
WORLD.invoke(add())
WORLD.acknowledge()
WORLD.flush()


def read_query(data: bytes) -> None:
    engine = QueryEngine(lambda: StoreRows(WORLD.store.snapshot(), 1, WORLD.schema), "0.1.0", LIMITS)
    before = WORLD.rows()
    try:
        json.dumps(asyncio.run(engine.rows(data.decode("utf-8", "surrogateescape"))))
    except QueryError as error:
        check(400 <= error.status < 600)
    finally:
        engine.close()
    assert WORLD.rows() == before


TARGETS = (
    FuzzTarget(
        "SQL",
        read_query,
        (
            b"SELECT id, target FROM sys_invocation WHERE status = 'running' ORDER BY created_at DESC LIMIT 10",
            b"SELECT s.name, COUNT(*) FROM sys_invocation JOIN sys_service s ON name = target_service_name GROUP BY 1",
            b"SELECT * FROM state WHERE service_key IN ('a', 'b') AND value_utf8 LIKE '%x%'",
            b"WITH x AS (SELECT 1 AS n UNION ALL SELECT 2) SELECT CASE WHEN n > 1 THEN X'ff' ELSE NULL END FROM x",
            b"SHOW TABLES",
            b"INSERT INTO state SELECT * FROM state",
        ),
    ),
)
