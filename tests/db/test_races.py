"""Two transactions at once: nothing is passed over, counted twice or left undone because of it."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from collector.db import Connection, Database
from collector.db.policies import Policies, reconcile
from collector.db.reading import EVER, Selection, reading
from collector.db.relations import RELATIONS
from collector.db.store import store
from collector.models import DecimalText, Reject, Snapshot
from collector.upkeep import Upkeep
from tests.conftest import Logins, execute
from tests.db.rolled import Writer, finish, yesterday
from tests.rows import entries, poll, reply, snapshot

pytestmark = pytest.mark.db

DAY = timedelta(days=1)
OLDER = """
INSERT INTO collector_storage.open_interest
SELECT $1, polled_at, series_id, 0, 5 FROM collector_storage.open_interest LIMIT 1
"""
LOCKED = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND wait_event_type = 'Lock'
"""
SOME = """
INSERT INTO polls SELECT 'v', now() - g * INTERVAL '1 day', now(), now(), 'ok', 0, 0, 0, 0, 0, 0, 0
FROM generate_series(1, 40) AS g
"""


@pytest.fixture
async def other(dsn: str) -> AsyncIterator[Connection]:
    """Somebody else's connection."""
    connection = await asyncpg.connect(dsn)
    yield connection
    await connection.close()


third = other


async def somebody_waits(sql: Connection, sessions: int = 1) -> None:
    """Wait until so many wait for a lock, be it a row's."""
    async with asyncio.timeout(30):
        while await sql.fetchval(LOCKED) < sessions:  # noqa: ASYNC110 - the server sets no event of ours
            await asyncio.sleep(0.01)


def at(moment: datetime) -> Snapshot:
    """Return a snapshot of a moment."""
    return Snapshot(symbol="S0", exchange_ts=moment, open_interest_base=DecimalText("1"))


async def finish_until(connection: Connection, moment: datetime) -> None:
    """Finish what is over at a moment."""
    while await connection.fetchval("SELECT collector_storage.finish_hour($1)", moment):
        pass


@pytest.mark.parametrize("isolation", ["read committed", "repeatable read"])
async def test_an_older_chunk_that_comes_while_the_lock_is_waited_for_is_not_passed_over(
    database: Database, sql: Connection, other: Connection, dsn: str, isolation: str
) -> None:
    """Its row is in the hours and days, whatever isolation the database has for a default."""
    await execute(
        dsn,
        f"ALTER DATABASE {dsn.rpartition('/')[2]} SET default_transaction_isolation='{isolation}'",
    )
    new = yesterday() - DAY
    await Writer(database).write(at(new))
    transaction = other.transaction()
    await transaction.start()
    await other.execute("SELECT collector_storage.hold_finished()")
    await other.execute(OLDER, new - 30 * DAY)
    third = Database(dsn)
    async with third.session() as connection:
        finishing = asyncio.create_task(finish_until(connection, new + timedelta(hours=2)))
        await somebody_waits(sql)
        await transaction.commit()
        await finishing
        await finish(connection)
    await third.close()

    for level in ("5m", "1h", "1d"):
        assert await sql.fetchval(f"SELECT sum(snapshots) FROM open_interest_{level}") == 2


async def test_where_snapshots_begin_does_not_go_back(
    database: Database, sql: Connection, other: Connection, third: Connection
) -> None:
    """Policies are reconciled while chunks are dropped; a row that comes again is not added."""
    old = yesterday() - 40 * DAY
    writer = Writer(database)
    await writer.write(at(old))
    await writer.write(at(yesterday()))
    await finish(sql)
    await sql.execute("UPDATE collector_storage.rollup_state SET keep_for = '7 days'")
    transaction = other.transaction()
    await transaction.start()
    await other.fetch("SELECT * FROM collector_storage.drop_expired()")
    reconciling = asyncio.create_task(reconcile(sql, Policies(None, 7 * DAY, None)))
    await somebody_waits(third)
    await transaction.commit()
    await reconciling

    await writer.write(at(old))
    counted = "SELECT snapshots FROM open_interest_1h ORDER BY bucket LIMIT 1"
    assert await sql.fetchval(counted) == 1


async def test_records_that_two_transactions_write_at_once_are_counted_once(
    database: Database, sql: Connection, other: Connection, dsn: str
) -> None:
    """The first ones of a journal, too: the client gave up a slow COMMIT, and tried again."""
    rejects = [Reject(reason="size: null", raw="{}", symbol="A")]
    lying = entries(reply(snapshot("A"), snapshot("B"), rejects=rejects), poll())
    await sql.execute("BEGIN; LOCK TABLE polls IN ACCESS EXCLUSIVE MODE")
    second = Database(dsn)
    storing = [asyncio.create_task(store(each, lying)) for each in (database, second)]
    await somebody_waits(other, 2)
    await sql.execute("COMMIT")
    await asyncio.gather(*storing)
    await second.close()

    counted = await sql.fetchrow("SELECT rows_fetched, rows_stored, rows_rejected FROM polls")
    assert counted is not None
    assert tuple(counted) == (3, 2, 1)
    assert await sql.fetchval("SELECT count(*) FROM rejects") == 1


async def test_a_chunk_that_is_being_read_does_not_keep_the_rest_from_being_dropped(
    database: Database, sql: Connection, other: Connection, writer_dsn: str
) -> None:
    """A notebook has a transaction open: polls and other chunks go, and later its own chunk."""
    now = datetime.now(UTC)
    writer = Writer(database)
    for days in (60, 10, 0):
        await writer.write(at(now - days * DAY))
    await sql.execute(SOME)
    await finish(sql)
    await sql.execute("UPDATE collector_storage.rollup_state SET keep_for = '30 days'")
    upkeep = Upkeep(Database(writer_dsn), Policies(None, 30 * DAY, None))
    reading = other.transaction()
    await reading.start()
    await other.fetch(
        "SELECT * FROM open_interest WHERE exchange_ts BETWEEN now() - interval '11 d'"
        " AND now() - interval '9 d'"
    )
    await upkeep.run(now)

    assert await sql.fetchval("SELECT min(polled_at) > now() - interval '31 d' FROM polls")
    assert await sql.fetchval("SELECT count(*) FROM open_interest") == 2
    assert await sql.fetchval("SELECT count(*) FROM collector_storage.packed_chunks") == 0
    await reading.rollback()
    await upkeep.run(now)
    await upkeep.close()
    assert await sql.fetchval("SELECT count(*) FROM collector_storage.packed_chunks") > 0


async def test_nothing_is_dropped_that_an_export_has_still_to_read(
    database: Database, sql: Connection, dsn: str, logins: Logins
) -> None:
    """A transaction does not go on seeing a chunk that is dropped: it waits for the reader."""
    writer = Writer(database)
    for days in (60, 40, 0):
        await writer.write(at(yesterday() - days * DAY))
    await finish(sql)
    await sql.execute("UPDATE collector_storage.rollup_state SET keep_for = '7 days'")
    analyst = Database(logins.dsn(logins.analyst, dsn.rpartition("/")[2]))
    lines: list[bytes] = []

    async def receive(some: bytes) -> None:
        lines.append(some)

    async with reading(analyst, RELATIONS["open_interest"], Selection()) as source:
        with pytest.raises(asyncpg.LockNotAvailableError):
            await sql.fetch("SELECT * FROM collector_storage.drop_expired()")
        assert await source.copy(*EVER, receive) == 3
    await analyst.close()
    await sql.fetch("SELECT * FROM collector_storage.drop_expired()")
    assert await sql.fetchval("SELECT count(*) FROM open_interest") == 1
