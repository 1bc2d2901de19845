"""A bucket of a rollup says how much of what was to be had is in it; and what that costs."""

from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from collector.db import Connection, Database
from tests.db.stories import NOON, Story, at, eventful_afternoon

pytestmark = pytest.mark.db

WEEKS = 6
MONDAY = "'2026-03-02', '2026-03-03'"


async def carried(sql: Connection, view: str) -> list[tuple[object, ...]]:
    """Return how much there is of Bitcoin in each bucket of a view."""
    found = await sql.fetch(
        f"SELECT bucket, snapshots, expected, coverage FROM {view}"
        " WHERE symbol = 'BTC-USDT' ORDER BY bucket"
    )
    return [tuple(row) for row in found]


async def plan(sql: Connection, query: str) -> str:
    """Return how a query is executed, without what is left out when it starts."""
    lines = await sql.fetch(f"EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) {query}")
    return "\n".join(line for (line,) in lines if "never executed" not in line)


@pytest.fixture
async def weeks(database: Database, sql: Connection) -> list[tuple[datetime, str]]:
    """A snapshot a week; returns each chunk with when it begins."""
    story = Story(database)
    story.listing(0, "A", "B")
    for week in range(WEEKS):
        story.poll(week * 7 * 1440, {"A": "1", "B": "1"})
    await story.store()
    found = await sql.fetch(
        "SELECT range_start, chunk_name FROM timescaledb_information.chunks"
        " WHERE hypertable_name = 'open_interest' ORDER BY 1"
    )
    return [(start, name) for start, name in found]


async def test_buckets_carry_their_coverage(database: Database, sql: Connection) -> None:
    """Of the afternoon, by hand: five minutes, hours and the day, what is missing included."""
    await eventful_afternoon(database)

    assert await carried(sql, "open_interest_5m") == [
        (at(0), 2, 5, Decimal("0.4")),
        (at(5), 3, 5, Decimal("0.6")),
        (at(130), 1, 2, Decimal("0.5")),
    ]
    assert await carried(sql, "open_interest_1h") == [
        (at(0), 5, 60, Decimal("0.0833")),
        (at(120), 1, 12, Decimal("0.0833")),
    ]
    assert await carried(sql, "open_interest_1d") == [
        (NOON - timedelta(hours=12), 6, 132, Decimal("0.0455"))
    ]


async def test_coverage_is_at_most_one(database: Database, sql: Connection) -> None:
    """A tick that was polled twice has two snapshots."""
    story = Story(database)
    story.poll(0, {"BTC-USDT": "1"})
    story.poll(0, {"BTC-USDT": "2"}, stamp=0.5)
    await story.store()

    assert await carried(sql, "open_interest_1h") == [(NOON, 2, 1, Decimal(1))]


@pytest.mark.parametrize("view", ["open_interest_5m", "open_interest_1h", "open_interest_1d"])
async def test_coverage_is_null_where_nobody_knows_the_ticks(
    database: Database, sql: Connection, view: str
) -> None:
    """Of rows from before polls were kept, say: it is not taken for complete."""
    story = Story(database)
    story.poll(0, {"BTC-USDT": "1"})
    await story.store()
    await sql.execute("DELETE FROM collector_storage.ticks")

    assert [row[1:] for row in await carried(sql, view)] == [(1, None, None)]


@pytest.mark.parametrize("view", ["open_interest_5m", "open_interest_1h", "open_interest_1d"])
async def test_coverage_costs_nothing_where_it_is_not_asked_for(
    database: Database, sql: Connection, view: str
) -> None:
    """The plan does not know the table, until one of its columns is selected."""
    await eventful_afternoon(database)
    question = f"FROM {view} WHERE venue = 'htx' AND symbol = 'BTC-USDT'"

    assert "on ticks" not in await plan(sql, f"SELECT bucket, high, snapshots {question}")
    assert "on ticks" in await plan(sql, f"SELECT bucket, high, coverage {question}")


@pytest.mark.parametrize(
    "query",
    [
        f"SELECT * FROM open_interest_ticks('htx', 'A', {MONDAY})",
        f"SELECT * FROM open_interest_coverage({MONDAY}, 'htx', 'A')",
        f"SELECT * FROM open_interest_coverage({MONDAY})",
        f"SELECT * FROM open_interest_gaps({MONDAY})",
    ],
)
async def test_a_question_about_a_day_reads_the_chunk_of_the_day(
    sql: Connection, weeks: list[tuple[datetime, str]], query: str
) -> None:
    """Functions are taken apart by the planner: none is a black box that reads everything."""
    how = await plan(sql, query)

    wanted = max(chunk for chunk in weeks if chunk[0] <= NOON)[1]
    assert {wanted} == {name for _, name in weeks if name in how}
    assert "Function Scan on open_interest" not in how
    assert len(weeks) >= WEEKS


async def test_everything_is_explained(sql: Connection) -> None:
    """Each view, type and function of coverage, and each of their columns."""
    silent = await sql.fetch(
        "SELECT c.relname, attname FROM pg_class AS c JOIN pg_attribute AS a ON attrelid = c.oid"
        " WHERE attnum > 0 AND col_description(c.oid, attnum) IS NULL AND relname = ANY ($1)"
        " UNION ALL"
        " SELECT proname, NULL FROM pg_proc AS p WHERE proname = ANY ($1)"
        " AND obj_description(p.oid, 'pg_proc') IS NULL"
        " UNION ALL"
        " SELECT relname, NULL FROM pg_class AS c WHERE relname = ANY ($1) AND relkind <> 'c'"
        " AND obj_description(c.oid, 'pg_class') IS NULL",
        [
            *("venue_ticks", "venue_coverage", "instrument_spans", "ticks", "silences"),
            *("venue_pauses", "pauses"),
            *("open_interest_tick", "open_interest_covered", "open_interest_gap"),
            *("open_interest_ticks", "open_interest_coverage", "open_interest_gaps"),
            *("open_interest_5m", "open_interest_1h", "open_interest_1d", "count_ticks"),
        ],
    )

    assert silent == []
