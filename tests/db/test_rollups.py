"""Rollups on the Apache edition: exact at any moment, whatever comes late."""

import asyncio
import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from collector.db import Connection, Database
from collector.models import DecimalText, Snapshot
from tests.db.rolled import Writer, check, expected, finish, rolled_up, snapshots, yesterday

pytestmark = pytest.mark.db


@pytest.mark.parametrize("seed", [1, 2])
async def test_the_rollups_are_what_the_snapshots_say(
    database: Database, sql: Connection, seed: int
) -> None:
    """With nulls, noughts and duplicates, before, while and after hours are finished."""
    chance = random.Random(seed)
    rows = snapshots(chance, 1500, yesterday(), yesterday() + timedelta(hours=24))
    writer = Writer(database)
    for start in range(0, 1500, 300):
        batch = rows[start : start + 300]
        assert await writer.write(*batch) > 0
        assert await writer.write(*batch[:50]) == 0
        await finish(sql, chance.choice([1, 5, 9]))
        await check(sql, rows[: start + 300])
    await finish(sql)
    await check(sql, rows)


async def test_what_is_finished_is_read_and_not_worked_out_again(
    database: Database, sql: Connection
) -> None:
    """A finished hour stands in its table: a figure that is changed there is what is shown."""
    since = yesterday()
    await Writer(database).write(
        *snapshots(random.Random(1), 100, since, since + timedelta(days=1))
    )
    assert await finish(sql) >= 24
    await sql.execute("UPDATE collector_storage.rollup_finished SET high = 7 WHERE hours = 1")
    await sql.execute("UPDATE collector_storage.rollup_finished SET high = 8 WHERE hours = 24")

    assert {7} == {row[4] for row in await rolled_up(sql, "1h")}
    assert {8} == {row[4] for row in await rolled_up(sql, "1d")}


async def test_the_hour_under_way_is_there_at_once(database: Database, sql: Connection) -> None:
    """Nothing has to be refreshed for the newest snapshot to be the close of its buckets."""
    now = datetime.now(UTC).replace(microsecond=0)
    writer = Writer(database)
    await writer.write(
        Snapshot(
            symbol="S0", exchange_ts=now - timedelta(hours=2), open_interest_base=DecimalText("1")
        )
    )
    await finish(sql)
    await writer.write(
        Snapshot(symbol="S0", exchange_ts=now, open_interest_base=DecimalText("2.5"))
    )

    for level in ("5m", "1h", "1d"):
        newest = await sql.fetchrow(
            f"SELECT close, last_ts FROM open_interest_{level} ORDER BY bucket DESC LIMIT 1"
        )
        assert newest is not None
        assert (Decimal("2.5"), now) == (newest["close"], newest["last_ts"])


async def test_weeks_without_a_snapshot_are_left_out(database: Database, sql: Connection) -> None:
    """After a long pause it does not take thousands of empty hours to be up to date."""
    chance = random.Random(3)
    long_ago = yesterday() - timedelta(weeks=30)
    rows = [
        *snapshots(chance, 50, long_ago, long_ago + timedelta(hours=30)),
        *snapshots(chance, 50, yesterday(), yesterday() + timedelta(hours=24)),
    ]
    await Writer(database).write(*rows)

    assert await finish(sql) < 24 * 28
    await check(sql, rows)


async def test_an_hour_is_finished_once(database: Database, sql: Connection) -> None:
    """Neither a second call nor a second collector does it again, nor before it is over."""
    since = yesterday()
    rows = snapshots(random.Random(4), 100, since, since + timedelta(hours=24))
    await Writer(database).write(*rows)
    while await sql.fetchval("SELECT collector_storage.finish_hour($1)", since) is not None:
        pass
    assert since == await sql.fetchval("SELECT collector_storage.finished_before()")
    future = await sql.fetchval("SELECT collector_storage.finish_hour('infinity')")

    assert future == since + timedelta(hours=1)
    await finish(sql)
    assert await sql.fetchval("SELECT collector_storage.finish_hour('infinity')") is None
    await check(sql, rows)


async def waits(sql: Connection) -> None:
    """Wait until somebody waits for a lock."""
    while not await sql.fetchval(  # noqa: ASYNC110 - the server sets no event of ours
        "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND database ="
        " (SELECT oid FROM pg_database WHERE datname = current_database()))"
    ):
        await asyncio.sleep(0.01)


async def test_an_hour_waits_for_rows_that_are_being_stored(
    database: Database, sql: Connection, dsn: str
) -> None:
    """A transaction that commits after the hour was asked for is in it, and counted once."""
    since = yesterday()
    rows = snapshots(random.Random(5), 60, since, since + timedelta(minutes=59))
    writer = Writer(database)
    await writer.write(*rows[:30])
    other = Database(dsn)
    async with other.session() as held:
        transaction = held.transaction()
        await transaction.start()
        # As the sink's transaction, in the middle.
        await held.execute(
            "SELECT collector_storage.hold_finished();"
            " INSERT INTO collector_storage.open_interest SELECT exchange_ts + interval '1 ms',"
            " polled_at, series_id, 0, 1, 1 FROM collector_storage.open_interest LIMIT 1"
        )
        finishing = asyncio.create_task(finish_until(dsn, since + timedelta(hours=1)))
        await waits(sql)
        await transaction.commit()
        await finishing
    await other.close()

    counted = await sql.fetchval("SELECT sum(snapshots) FROM open_interest_1h")
    assert 31 == counted == await sql.fetchval("SELECT count(*) FROM open_interest")
    assert 31 == await sql.fetchval("SELECT sum(snapshots) FROM collector_storage.rollup_finished")


async def finish_until(dsn: str, moment: datetime) -> None:
    """Finish what is over at a moment, on a connection of its own."""
    database = Database(dsn)
    async with database.session() as connection:
        while await connection.fetchval("SELECT collector_storage.finish_hour($1)", moment):
            pass
    await database.close()


async def test_rows_wait_for_the_hour_that_is_being_finished_and_are_late(
    database: Database, sql: Connection
) -> None:
    """The sink that has to wait finds the hour finished, and adds its rows to it."""
    since = yesterday()
    rows = snapshots(random.Random(6), 90, since, since + timedelta(minutes=59))
    writer = Writer(database)
    await writer.write(*rows[:40])
    finishing = sql.transaction()
    await finishing.start()
    while await sql.fetchval(
        "SELECT collector_storage.finish_hour($1)", since + timedelta(hours=1)
    ):
        pass
    storing = asyncio.create_task(writer.write(*rows[40:]))
    await waits(sql)
    assert not storing.done()
    await finishing.commit()
    await storing

    await check(sql, rows)
    assert len(expected(rows, timedelta(hours=1))) == await sql.fetchval(
        "SELECT count(*) FROM collector_storage.rollup_finished WHERE hours = 1"
    )


async def test_a_plan_that_is_kept_stays_right(database: Database, sql: Connection) -> None:
    """The moment that is a constant in it has moved on since, and its chunk has been dropped."""
    since = yesterday() - timedelta(days=40)
    rows = snapshots(random.Random(7), 200, since, yesterday())
    writer = Writer(database)
    await writer.write(*rows)
    await finish(sql, 100)
    await sql.execute("SET plan_cache_mode = force_generic_plan")
    kept = await sql.prepare("SELECT sum(snapshots), sum(high) FROM open_interest_1h")
    before = tuple(*await kept.fetch())
    await finish(sql)
    assert before == tuple(*await kept.fetch())
    await sql.execute(
        "SELECT drop_chunks('collector_storage.open_interest', now() - '20 d'::interval)"
    )

    assert before == tuple(*await kept.fetch())
    assert before[0] == len({(row.symbol, row.exchange_ts) for row in rows})


async def test_a_month_by_the_hour_reads_one_instrument_in_few_chunks(
    database: Database, sql: Connection
) -> None:
    """The plan goes by index, leaves out what is older, and names one chunk of snapshots."""
    writer = Writer(database)
    since = yesterday() - timedelta(days=200)
    for week in range(28):
        start = since + timedelta(weeks=week)
        await writer.write(*snapshots(random.Random(week), 30, start, start + timedelta(weeks=1)))
    await finish(sql)
    await sql.execute("ANALYZE; SET enable_seqscan = off")
    plan = "\n".join(
        line
        for (line,) in await sql.fetch(
            "EXPLAIN (ANALYZE) SELECT * FROM open_interest_1h WHERE venue = 'v' AND symbol = 'S1'"
            " AND bucket >= now() - interval '30 days'"
        )
    )
    chunks = {word for word in plan.split() if word.startswith("_hyper") and "_chunk" in word}
    snapshots_id = await sql.fetchval(
        "SELECT id FROM _timescaledb_catalog.hypertable WHERE table_name = 'open_interest'"
    )

    tables = {chunk for chunk in chunks if chunk.endswith("_chunk")}
    assert len({chunk for chunk in tables if chunk.startswith(f"_hyper_{snapshots_id}_")}) <= 1
    assert len(tables) <= 4
    assert "Seq Scan on _hyper" not in plan
    assert "series_id = s" in plan
