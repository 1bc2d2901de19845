"""The index of a chunk that is over is built anew, with full pages."""

from datetime import timedelta

import pytest

from collector.db import Connection, Database
from collector.db.policies import pack_chunk

pytestmark = pytest.mark.db

SERIES, TICKS = 200, 300
DAY = timedelta(days=1)

# In the order in which snapshots come: all instruments of a tick, then the next tick.
FILL = """
INSERT INTO collector_storage.open_interest
    (exchange_ts, polled_at, series_id, received_after_ms, open_interest_base)
SELECT tick, tick, series_id, 1, series_id
FROM generate_series(0, $2 - 1) AS n,
    LATERAL (SELECT $1::timestamptz + n * interval '1 minute' AS tick) AS t,
    generate_series(1, $3) AS series_id
ORDER BY tick, series_id
"""
INDEX_BYTES = """
SELECT pg_relation_size(indexrelid) FROM pg_index
WHERE indisprimary AND indrelid IN (SELECT show_chunks('collector_storage.open_interest'))
ORDER BY indrelid
"""
SUMS = "SELECT count(*), sum(open_interest_base), max(exchange_ts) FROM open_interest"


async def filled(sql: Connection, age: timedelta) -> None:
    """Store snapshots that are so old."""
    start = await sql.fetchval("SELECT date_trunc('hour', now() - $1::interval)", age)
    await sql.execute(FILL, start, TICKS, SERIES)


async def test_a_chunk_that_is_over_takes_less_room(database: Database, sql: Connection) -> None:
    """Once, by the writer, and with the same rows in it; the chunk under way stays as it is."""
    await filled(sql, 20 * DAY)
    await filled(sql, timedelta(hours=6))
    before, current = (size for (size,) in await sql.fetch(INDEX_BYTES))
    sums = await sql.fetchrow(SUMS)

    async with database.session() as connection:
        first = await pack_chunk(connection, DAY)
        second = await pack_chunk(connection, DAY)

    after, unchanged = (size for (size,) in await sql.fetch(INDEX_BYTES))
    assert first is not None
    assert first.startswith("_timescaledb_internal._hyper_")
    assert second is None
    assert after < 30 * SERIES * TICKS < before
    assert unchanged == current
    assert await sql.fetchrow(SUMS) == sums


async def test_a_late_row_finds_its_place_in_a_packed_chunk(
    database: Database, sql: Connection
) -> None:
    """And the same row again is noticed as before."""
    await filled(sql, 20 * DAY)
    async with database.session() as connection:
        assert await pack_chunk(connection, DAY) is not None

    late = FILL + " ON CONFLICT DO NOTHING"
    start = await sql.fetchval("SELECT min(exchange_ts) FROM collector_storage.open_interest")
    added = await sql.execute(late, start - timedelta(minutes=1), 2, SERIES)
    assert added == f"INSERT 0 {SERIES}"


async def test_the_newest_rows_are_found_without_a_bound_on_time(
    database: Database, sql: Connection
) -> None:
    """Older chunks are not read, although nothing in them is in the order of time any more."""
    for days in (30, 20):
        await filled(sql, days * DAY)
    await filled(sql, timedelta(hours=6))
    await sql.execute("INSERT INTO collector_storage.series (venue, symbol) VALUES ('htx', 'A')")
    async with database.session() as connection:
        while await pack_chunk(connection, DAY) is not None:
            pass
    await sql.execute("ANALYZE")

    plan = await sql.fetch(
        "EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF)"
        " SELECT * FROM open_interest ORDER BY exchange_ts DESC LIMIT 1"
    )

    lines = [line for (line,) in plan]
    assert any("Order: o.exchange_ts DESC" in line for line in lines)
    scans = [line for line in lines if "Scan" in line and "_hyper_" in line]
    assert len([line for line in scans if "never executed" not in line]) == 1


async def test_nobody_packs_the_chunk_that_is_being_written(
    database: Database, sql: Connection
) -> None:
    """Whatever the writer asks for: it would be locked, and lose the index of the newest rows."""
    await filled(sql, timedelta(hours=6))
    async with database.session() as connection:
        assert await pack_chunk(connection, -100 * DAY) is None
