"""Rows that come late, into a chunk that is compressed already: each exactly once, by count."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta

import asyncpg
import pytest

from collector.db import Connection, Database
from collector.db.batch import Tally
from collector.db.store import store
from collector.models import DecimalText, Snapshot
from tests.rows import MOMENT, TICK, entries, reply, snapshot

pytestmark = pytest.mark.community

SYMBOLS = ("BTCUSDT", "ETHUSDT")
MINUTES = 300
MINUTE = timedelta(minutes=1)


@pytest.fixture
async def database(community_dsn: str) -> AsyncIterator[Database]:
    """The collector's own access to the database of the module."""
    database = Database(community_dsn)
    yield database
    await database.close()


async def compress(sql: Connection) -> int:
    """Compress every chunk of snapshots; return how many there are."""
    await sql.execute(
        "ALTER TABLE collector_storage.open_interest SET (timescaledb.compress,"
        " timescaledb.compress_segmentby = 'series_id', timescaledb.compress_orderby ="
        " 'exchange_ts')"
    )
    return len(
        await sql.fetch(
            "SELECT compress_chunk(c) FROM show_chunks('collector_storage.open_interest') AS c"
        )
    )


def rows(symbols: Sequence[str], minutes: range, *, first: datetime) -> list[Snapshot]:
    """Return a snapshot of each symbol for each minute, with an amount that says which it is."""
    return [
        snapshot(symbol, f"{number}.{minute:04}0", exchange_ts=first + minute * MINUTE)
        for minute in minutes
        for number, symbol in enumerate(symbols)
    ]


def counted(tally: Tally) -> tuple[int, int, int, int]:
    """Return what became of rows."""
    return tally.fetched, tally.stored, tally.duplicate, tally.rejected


async def test_late_rows_arrive_once_and_repeated_ones_not_again(
    database: Database, community_sql: Connection
) -> None:
    """Half of a replay is in the compressed chunk, half is new between and behind it."""
    venue, first = "late", MOMENT - timedelta(weeks=20)
    even = rows(SYMBOLS, range(0, MINUTES, 2), first=first)
    await store(database, entries(reply(*even, venue=venue), session="1" * 32))
    assert await compress(community_sql) > 0

    every = rows(SYMBOLS, range(MINUTES), first=first)
    late = await store(database, entries(reply(*every, venue=venue), session="2" * 32))
    again = await store(database, entries(reply(*every, venue=venue), session="3" * 32))

    assert (600, 300, 300, 0) == counted(late)
    assert (600, 0, 600, 0) == counted(again)
    found = await community_sql.fetch(
        "SELECT symbol, exchange_ts, open_interest_base::text FROM open_interest"
        " WHERE venue = $1 ORDER BY 2, 1",
        venue,
    )
    assert [(s.symbol, s.exchange_ts, s.open_interest_base) for s in every] == [
        tuple(row) for row in found
    ]
    newest = await community_sql.fetch(
        "SELECT symbol, exchange_ts FROM collector_storage.latest"
        " JOIN collector_storage.series USING (series_id) WHERE venue = $1 ORDER BY 1",
        venue,
    )
    last = first + (MINUTES - 1) * MINUTE
    assert [tuple(row) for row in newest] == [(symbol, last) for symbol in SYMBOLS]


async def test_a_late_row_that_contradicts_a_compressed_one_is_set_aside(
    database: Database, community_sql: Connection
) -> None:
    """The first stays, the second is kept for inspection, its neighbours are stored."""
    venue, first = "doubt", MOMENT - timedelta(weeks=30)
    old = rows(SYMBOLS, range(10), first=first)
    await store(database, entries(reply(*old, venue=venue), session="4" * 32))
    await compress(community_sql)
    wrong = snapshot("BTCUSDT", "999", exchange_ts=first + 4 * MINUTE)
    new = rows(SYMBOLS, range(10, 12), first=first)

    tally = await store(
        database, entries(reply(*old[:4], wrong, *new, venue=venue), session="5" * 32)
    )

    assert (9, 4, 4, 1) == counted(tally)
    assert "0.00040" == await community_sql.fetchval(
        "SELECT open_interest_base::text FROM open_interest WHERE venue = $1 AND symbol = $2"
        " AND exchange_ts = $3",
        venue,
        "BTCUSDT",
        first + 4 * MINUTE,
    )
    assert ["contradicts the row stored for the same exchange_ts"] == [
        row["reason"]
        for row in await community_sql.fetch("SELECT reason FROM rejects WHERE venue = $1", venue)
    ]


async def test_a_replay_may_be_larger_than_what_a_statement_may_decompress(
    database: Database, community_sql: Connection
) -> None:
    """A row that is there is found without decompressing others, so their limit is not met."""
    venue, first = "many", MOMENT - timedelta(weeks=40)
    symbols = [f"S{number}" for number in range(20)]
    base = DecimalText("1.5")
    old = [
        snapshot(symbol, base, exchange_ts=first + minute * MINUTE)
        for minute in range(0, 400, 2)
        for symbol in symbols
    ]
    await store(database, entries(reply(*old, venue=venue, tick=TICK), session="6" * 32))
    await compress(community_sql)
    async with database.session() as connection:
        await connection.execute(
            "SET timescaledb.max_tuples_decompressed_per_dml_transaction = 1000"
        )

    both = [
        snapshot(symbol, base, exchange_ts=first + minute * MINUTE)
        for minute in range(400)
        for symbol in symbols
    ]
    with pytest.raises(asyncpg.PostgresError, match="tuple decompression limit"):
        await community_sql.execute("UPDATE collector_storage.open_interest SET long_base = 1")
    tally = await store(database, entries(reply(*both, venue=venue), session="7" * 32))

    assert (8_000, 4_000, 4_000, 0) == counted(tally)
