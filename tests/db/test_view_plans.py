"""The views read the chunks that a question is about, and no others."""

from datetime import timedelta

import pytest

from collector.db import Connection, Database
from tests.db.measured import Filled
from tests.rows import instrument

pytestmark = pytest.mark.db

WEEKS = 12

# One way or another: the name of a chunk that is read appears in the plan.
CHUNKS = """
SELECT format('%I.%I', chunk_schema, chunk_name) AS chunk, chunk_name, range_start, range_end
FROM timescaledb_information.chunks
WHERE (hypertable_schema, hypertable_name) = ('collector_storage', 'open_interest')
"""


@pytest.fixture
async def weeks(database: Database, sql: Connection) -> Filled:
    """Instruments of two venues with a snapshot a week for twelve weeks, and some of today."""
    filled = Filled(database)
    await filled.rules()
    for venue in ("bitget", "htx"):
        await filled.listed(venue, instrument("A"), instrument("B", base="ETH"))
        for symbol in "AB":
            await filled.reported(
                venue,
                *(filled.ago(symbol, "5", weeks=week, minutes=1) for week in range(WEEKS)),
                filled.ago(symbol, "6", minutes=0),
            )
    assert await sql.fetchval(f"SELECT count(*) FROM ({CHUNKS}) AS c") >= WEEKS
    return filled


async def read_by(sql: Connection, query: str) -> set[str]:
    """Return the chunks that the plan of a query reads when it is executed."""
    plan = "\n".join(
        line
        for (line,) in await sql.fetch(f"EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) {query}")
        if "never executed" not in line
    )
    return {row["chunk_name"] for row in await sql.fetch(CHUNKS) if row["chunk_name"] in plan}


async def between(sql: Connection, filled: Filled, *spans: tuple[float, float]) -> set[str]:
    """Return the chunks that hold anything of the spans, which are in days before now."""
    names: set[str] = set()
    for since, until in spans:
        rows = await sql.fetch(
            f"{CHUNKS} AND range_end > $1 AND range_start <= $2",
            filled.now - timedelta(days=since),
            filled.now - timedelta(days=until),
        )
        names |= {row["chunk_name"] for row in rows}
    return names


async def test_a_comparable_series_is_read_like_the_raw_one(weeks: Filled, sql: Connection) -> None:
    """Venue, symbol and time reach the storage: the chunks of the fortnight, by its key."""
    where = "WHERE venue = 'htx' AND symbol = 'A' AND exchange_ts > now() - INTERVAL '15 days'"
    comparable = f"SELECT * FROM comparable_open_interest {where}"

    assert await between(sql, weeks, (15, -1)) == await read_by(sql, comparable)
    assert await read_by(sql, f"SELECT * FROM open_interest {where}") == await read_by(
        sql, comparable
    )


async def test_what_asks_for_no_name_reads_no_names(weeks: Filled, sql: Connection) -> None:
    """The first thing that somebody asks of a table: how many, and up to when?"""
    del weeks
    for query, names in (
        ("SELECT count(*) FROM open_interest", False),
        ("SELECT max(exchange_ts) FROM open_interest", False),
        ("SELECT count(*) FROM open_interest WHERE venue = 'htx'", True),
    ):
        plan = await sql.fetch(f"EXPLAIN (COSTS OFF) {query}")
        assert names == any(" on series" in line for (line,) in plan), query


async def test_the_latest_are_read_from_no_chunk(weeks: Filled, sql: Connection) -> None:
    """However old the table is."""
    del weeks
    assert await read_by(sql, "SELECT * FROM latest_open_interest") == set()
    assert await read_by(sql, "SELECT * FROM implied_price") == set()


async def test_changes_are_read_where_the_moments_are(weeks: Filled, sql: Connection) -> None:
    """Now, an hour ago, a day ago, a week ago: three or four chunks, not twelve."""
    hour, day, week = (1 / 24 + 1 / 144, 1 / 24), (25 / 24, 1.0), (7.25, 7.0)
    found = await read_by(sql, "SELECT * FROM open_interest_change")

    assert found <= await between(sql, weeks, hour, day, week)
    assert await between(sql, weeks, (7 + 1 / 1440, 7 + 1 / 1440)) <= found


async def test_movers_look_up_the_span_that_is_asked_for(weeks: Filled, sql: Connection) -> None:
    """The other two are not in the plan, so that a short span costs nothing of a long one."""
    hour = await read_by(sql, "SELECT * FROM top_movers('1h', 5, 0)")
    week = await read_by(sql, "SELECT * FROM top_movers('7d', 5, 0)")

    assert hour <= await between(sql, weeks, (1 / 24 + 1 / 144, 1 / 24))
    assert week <= await between(sql, weeks, (7.25, 7.0))
    plan = await sql.fetch("EXPLAIN SELECT * FROM top_movers('1h', 5, 0)")
    assert not any("168:00:00" in line or "24:00:00" in line for (line,) in plan)


async def test_an_asset_is_read_by_its_own_instruments_and_days(
    weeks: Filled, sql: Connection
) -> None:
    """Of what is finished no snapshot is read, and other assets are not even looked at."""
    await sql.execute(
        "UPDATE collector_storage.rollup_state"
        " SET finished_before = date_trunc('hour', now() - INTERVAL '1 hour', 'UTC')"
    )
    query = (
        "SELECT * FROM open_interest_of_asset_1h"
        " WHERE asset = 'ETH' AND bucket > now() - INTERVAL '15 days'"
    )
    plan = "\n".join(line for (line,) in await sql.fetch(f"EXPLAIN (ANALYZE, COSTS OFF) {query}"))

    assert await read_by(sql, query) <= await between(sql, weeks, (2 / 24, -1))
    assert "asset = 'ETH'" in plan
