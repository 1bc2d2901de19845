"""Coverage on the Community edition: the same figures, over aggregates and the columnstore."""

from collections.abc import AsyncIterator
from decimal import Decimal

import asyncpg
import pytest

from collector.db import Connection, Database
from collector.db.migrate import migrate
from tests.db.stories import NOON, at, eventful_afternoon
from tests.db.test_coverage_instruments import COVERAGE, DAY, GAPS
from tests.db.test_coverage_rollups import carried, plan

pytestmark = pytest.mark.community

COMPRESS = """
ALTER TABLE collector_storage.open_interest SET (
    timescaledb.compress, timescaledb.compress_segmentby = 'series_id',
    timescaledb.compress_orderby = 'exchange_ts'
);
SELECT compress_chunk(c) FROM show_chunks('collector_storage.open_interest') AS c
"""


@pytest.fixture
async def sql(empty_community_dsn: str) -> AsyncIterator[Connection]:
    """A connection to a database with the story of the afternoon, compressed."""
    database = Database(empty_community_dsn)
    assert (await migrate(database)).problem is None
    await eventful_afternoon(database)
    await database.close()
    connection = await asyncpg.connect(empty_community_dsn)
    for statement in COMPRESS.split(";"):
        await connection.execute(statement)
    for level in ("5m", "1h", "1d"):
        await connection.execute(
            f"CALL refresh_continuous_aggregate('collector_storage.aggregate_{level}', NULL, NULL)"
        )
    yield connection
    await connection.close()


async def test_the_figures_are_those_of_the_other_edition(sql: Connection) -> None:
    """Ticks, gaps and buckets, as they were counted by hand."""
    covered = await sql.fetch(COVERAGE, *DAY, "ETH-USDT")
    gaps = await sql.fetch(GAPS, *DAY, "BTC-USDT")

    assert tuple(covered[0]) == (
        *(NOON, 60, 3, 0, 51, 3, 2, 1, 3, 3, 0),
        Decimal("0.05"),
    )
    assert [(at(2), at(6)), (at(7), at(8)), (at(11), at(131))] == [
        (row["started_at"], row["ended_at"]) for row in gaps
    ]
    assert await carried(sql, "open_interest_5m") == [
        (at(0), 2, 5, Decimal("0.4")),
        (at(5), 3, 5, Decimal("0.6")),
        (at(130), 1, 2, Decimal("0.5")),
    ]
    assert await carried(sql, "open_interest_1h") == [
        (at(0), 5, 60, Decimal("0.0833")),
        (at(120), 1, 12, Decimal("0.0833")),
    ]
    assert [row[1:] for row in await carried(sql, "open_interest_1d")] == [
        (6, 132, Decimal("0.0455"))
    ]


async def test_coverage_costs_nothing_where_it_is_not_asked_for(sql: Connection) -> None:
    """The join is left out of the plan here, too."""
    question = "FROM open_interest_1h WHERE venue = 'htx' AND symbol = 'BTC-USDT'"

    assert "on ticks" not in await plan(sql, f"SELECT bucket, high {question}")
    assert "on ticks" in await plan(sql, f"SELECT bucket, coverage {question}")
