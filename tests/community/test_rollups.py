"""Rollups and policies on the Community edition, where the server keeps them up."""

import random
from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta

import asyncpg
import pytest

from collector.db import Connection, Database
from collector.db.migrate import migrate, shipped
from collector.db.policies import Policies, plan, reconcile
from collector.models import Snapshot
from tests.db.rolled import Row, Writer, check, finish, rolled_up, snapshots, yesterday

# The engine is many times slower than a server, and slower still when tests run side by side.
pytestmark = [pytest.mark.community, pytest.mark.timeout(240)]

DAY = timedelta(days=1)
FOR_EVER = Policies(None, None, None)


@pytest.fixture
async def database(empty_community_dsn: str) -> AsyncIterator[Database]:
    """The collector's access to a database that has nothing in it yet."""
    database = Database(empty_community_dsn)
    yield database
    await database.close()


@pytest.fixture
async def sql(empty_community_dsn: str) -> AsyncIterator[Connection]:
    """A connection to look at it, which takes turns with the other."""
    connection = await asyncpg.connect(empty_community_dsn, statement_cache_size=0)
    yield connection
    await connection.close()


async def run_policies(sql: Connection, name: str) -> int:
    """Run the policies of a kind as the server does, the finest rollup first."""
    jobs = await sql.fetch(
        "SELECT job_id FROM timescaledb_information.jobs WHERE proc_name = $1 ORDER BY"
        " schedule_interval, job_id",
        f"policy_{name}",
    )
    for (job,) in jobs:
        await sql.execute(f"CALL run_job({job})")
    return len(jobs)


async def refresh(sql: Connection) -> None:
    """Bring the aggregates up to date, as far as their policies go.

    Each at once: the server's batches of ten buckets take this engine ten times as long.
    """
    await sql.execute(
        "SELECT alter_job(job_id, config => config || '{\"buckets_per_batch\": 0}')"
        " FROM timescaledb_information.jobs"
        " WHERE proc_name = 'policy_refresh_continuous_aggregate'"
    )
    assert await run_policies(sql, "refresh_continuous_aggregate") == 3


async def all_levels(sql: Connection) -> Sequence[set[Row]]:
    """Return all that the rollups hold."""
    return [await rolled_up(sql, level) for level in ("5m", "1h", "1d")]


async def fill(
    database: Database, days: int, only: Sequence[int] = ()
) -> tuple[Writer, list[Snapshot]]:
    """Store snapshots of the last days before today, or some of them, in random order."""
    chance = random.Random(days)
    writer, rows = Writer(database), list[Snapshot]()
    for day in chance.sample(only or range(days), len(only) or days):
        since = yesterday() - day * DAY
        batch = snapshots(chance, 15, since, since + DAY)
        await writer.write(*batch)
        rows += batch
    return writer, rows


async def test_the_rollups_are_what_the_snapshots_say(database: Database, sql: Connection) -> None:
    """Before anything is refreshed, after it, and when rows have come late and it ran again."""
    await migrate(database, wanted_policies=FOR_EVER)
    writer, rows = await fill(database, 12)
    await check(sql, rows)
    await refresh(sql)
    await check(sql, rows)
    newest = snapshots(random.Random(1), 20, yesterday() + DAY, datetime.now(yesterday().tzinfo))
    await writer.write(*newest)
    await check(sql, rows + newest)
    late = snapshots(random.Random(2), 60, yesterday() - 9 * DAY, yesterday())
    await writer.write(*late)
    await writer.write(*rows[:40])
    await refresh(sql)

    await check(sql, rows + newest + late)


async def test_the_aggregates_hold_what_is_older_than_a_day(
    database: Database, sql: Connection
) -> None:
    """A query does not work out again what the policies have worked out: a changed row shows it."""
    await migrate(database, wanted_policies=FOR_EVER)
    await fill(database, 10)
    await refresh(sql)
    for level in ("5m", "1h", "1d"):
        table = await sql.fetchval(
            "SELECT format('%I.%I', materialization_hypertable_schema,"
            " materialization_hypertable_name) FROM timescaledb_information.continuous_aggregates"
            " WHERE view_name = $1",
            f"aggregate_{level}",
        )
        await sql.execute(f"UPDATE {table} SET high = 7 WHERE bucket < now() - interval '3 days'")
        highs = await sql.fetch(
            f"SELECT DISTINCT high FROM open_interest_{level}"
            " WHERE bucket < now() - interval '3 days'"
        )
        assert [7] == [high for (high,) in highs], level


async def apache_days(database: Database, sql: Connection, days: int) -> None:
    """Make what the Apache edition leaves: finished hours, the oldest without their snapshots."""
    for migration in shipped():
        await sql.execute(migration.sql)
    await fill(database, days)
    await finish(sql)


async def test_moving_from_apache_keeps_every_rollup(database: Database, sql: Connection) -> None:
    """Those without snapshots as well: at once, after a refresh, and when rows come late."""
    await apache_days(database, sql, 14)
    before_drop = await all_levels(sql)
    gone = yesterday() - 6 * DAY
    gone_before = await sql.fetchval(
        "SELECT max(range_end) FROM timescaledb_information.chunks"
        " WHERE hypertable_name = 'open_interest' AND range_end <= $1",
        gone,
    )
    await sql.execute(
        "SELECT drop_chunks('collector_storage.open_interest', $1::timestamptz)", gone
    )
    await sql.execute("UPDATE collector_storage.rollup_state SET raw_from = $1", gone_before)
    before = await all_levels(sql)
    assert before[1:] == before_drop[1:]

    await sql.execute(
        "CREATE TABLE schema_migrations (version integer PRIMARY KEY, name text NOT NULL,"
        " checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())"
    )
    await sql.executemany(
        "INSERT INTO schema_migrations (version, name, checksum) VALUES ($1, $2, $3)",
        [(each.version, each.name, each.checksum) for each in shipped()],
    )
    done = await migrate(database, wanted_policies=FOR_EVER)
    assert "the rollups are continuous aggregates now" in done.changes
    assert before == await all_levels(sql)
    await refresh(sql)
    assert before == await all_levels(sql)

    late = yesterday() - 14 * DAY
    await Writer(database, 1000).write(*snapshots(random.Random(9), 9, late, late + DAY))
    await refresh(sql)
    after = await all_levels(sql)
    assert before[1:] == after[1:]
    assert list((await migrate(database, wanted_policies=FOR_EVER)).changes) == []


async def test_dropped_snapshots_do_not_empty_the_rollups(
    database: Database, sql: Connection
) -> None:
    """When retention and refresh have run, and when keep_for has become longer, or for ever."""
    await migrate(database, wanted_policies=Policies(None, 14 * DAY, None))
    writer, _ = await fill(database, 30)
    first = await all_levels(sql)
    # As the server would have done day by day: refreshed while the snapshots were there.
    await sql.execute(
        "CALL refresh_continuous_aggregate('collector_storage.aggregate_5m', null, now())"
    )
    await sql.execute(
        "CALL refresh_continuous_aggregate('collector_storage.aggregate_1h', null, now())"
    )
    await sql.execute(
        "CALL refresh_continuous_aggregate('collector_storage.aggregate_1d', null, now())"
    )
    assert await run_policies(sql, "retention") == 2
    oldest = await sql.fetchval("SELECT min(exchange_ts) FROM open_interest")
    assert oldest > yesterday() - 22 * DAY
    late = yesterday() - 28 * DAY
    await writer.write(*snapshots(random.Random(3), 9, late, late + DAY))
    await refresh(sql)
    assert first == await all_levels(sql)

    for keep in (30 * DAY, None):
        await reconcile(sql, Policies(None, keep, None))
        await refresh(sql)
        assert first == await all_levels(sql)


async def test_policies_follow_the_settings(database: Database, sql: Connection) -> None:
    """The plan is what is then done; nothing is left to do after it, and nothing stays behind."""
    await migrate(database, wanted_policies=FOR_EVER)
    wanted = Policies(14 * DAY, 90 * DAY, 730 * DAY)
    planned = await plan(sql, wanted)
    assert "collector_storage.open_interest: compression policy, 14 days" in planned
    assert "collector_storage.open_interest: retention policy, 90 days" in planned
    assert "rejects: retention policy, 90 days" in planned
    assert "collector_storage.aggregate_1h: retention policy, 730 days" in planned
    assert "collector_storage.aggregate_1h: compression policy, 14 days" in planned
    assert "collector_storage.aggregate_5m: refresh_continuous_aggregate policy, 89 days" in planned
    assert await plan(sql, wanted) == planned
    assert await reconcile(sql, wanted) == planned
    assert await plan(sql, wanted) == []

    await reconcile(sql, FOR_EVER)
    assert await plan(sql, FOR_EVER) == []
    left = await sql.fetch(
        "SELECT proc_name FROM timescaledb_information.jobs WHERE job_id >= 1000"
    )
    assert ["policy_refresh_continuous_aggregate"] * 3 == [name for (name,) in left]


async def chunks_of_aggregates(sql: Connection) -> Sequence[tuple[str, bool]]:
    """Return the chunks of the five minutes and the hours: the aggregate, and if compressed."""
    rows = await sql.fetch(
        "SELECT view_name, is_compressed FROM timescaledb_information.continuous_aggregates"
        " JOIN timescaledb_information.chunks AS c"
        " ON c.hypertable_name = materialization_hypertable_name"
        " WHERE view_name <> 'aggregate_1d'"
    )
    return [tuple(row) for row in rows]


async def test_late_rows_reach_rollups_that_are_compressed(
    database: Database, sql: Connection
) -> None:
    """The policies compress the old five minutes and hours; a late row is in each of them once."""
    await migrate(database, wanted_policies=Policies(7 * DAY, None, None))
    writer, rows = await fill(database, 60, only=(0, 1, 2, 20, 21, 40, 41, 58, 59))
    await refresh(sql)
    assert await run_policies(sql, "compression") == 3
    chunks = await chunks_of_aggregates(sql)
    assert chunks.count(("aggregate_5m", True)) >= 3
    assert chunks.count(("aggregate_1h", True)) >= 1
    assert ("aggregate_5m", False) in chunks
    await check(sql, rows)

    late = snapshots(random.Random(2), 40, yesterday() - 59 * DAY, yesterday() - 57 * DAY)
    late += snapshots(random.Random(3), 20, yesterday() - 21 * DAY, yesterday() - 19 * DAY)
    await writer.write(*late)
    await writer.write(*rows[:40])
    await refresh(sql)
    await check(sql, rows + late)
    await run_policies(sql, "compression")
    await check(sql, rows + late)


async def test_rollups_follow_compress_after(database: Database, sql: Connection) -> None:
    """A database whose rollups are there already gets the columnstore; never ends its policy."""
    await migrate(database, wanted_policies=FOR_EVER)
    await fill(database, 2)
    for after, expected in ((9 * DAY, ["9 days"] * 2), (30 * DAY, ["30 days"] * 2), (None, [])):
        done = await reconcile(sql, Policies(after, None, None))
        found = await sql.fetch(
            "SELECT config ->> 'compress_after' FROM timescaledb_information.jobs"
            " WHERE proc_name = 'policy_compression' AND hypertable_name <> 'open_interest'"
        )
        assert expected == [each for (each,) in found]
        assert await plan(sql, Policies(after, None, None)) == []
        assert after is None or (
            f"collector_storage.aggregate_5m: compression policy, {after.days} days" in done
        )


async def test_one_instrument_is_read_by_its_index(database: Database, sql: Connection) -> None:
    """On this edition as on the other: the aggregates are asked for one series."""
    await migrate(database, wanted_policies=FOR_EVER)
    await fill(database, 10)
    await refresh(sql)
    await sql.execute("ANALYZE; SET enable_seqscan = off")
    for level in ("5m", "1h", "1d"):
        plan_lines = await sql.fetch(
            f"EXPLAIN SELECT * FROM open_interest_{level} WHERE venue = 'v' AND symbol = 'S1'"
            " AND bucket >= now() - interval '5 days'"
        )
        text = "\n".join(line for (line,) in plan_lines)
        assert "Seq Scan on _hyper" not in text
        assert "(series_id = s_1.series_id)" in text
