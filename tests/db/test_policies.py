"""What is too old goes, and the rollups stay as they were; only the owner says what it is."""

import random
from datetime import timedelta

import asyncpg
import pytest

from collector.db import Connection, Database
from collector.db.migrate import migrate
from collector.db.policies import Policies, drop_expired, plan, reconcile, stored
from tests.db.rolled import Row, Writer, finish, rolled_up, snapshots, yesterday

pytestmark = pytest.mark.db

DAY = timedelta(days=1)
DROP = "SELECT relation, dropped FROM collector_storage.drop_expired()"
DROP_CHUNKS = f"{DROP} WHERE relation <> 'polls'"


def policies(keep: int | None = None, rollups: int | None = None) -> Policies:
    """Return policies with these ages in days."""
    return Policies(
        None, None if keep is None else keep * DAY, None if rollups is None else rollups * DAY
    )


async def fill(database: Database, days: int) -> Writer:
    """Store snapshots of so many days, up to yesterday."""
    writer = Writer(database)
    for day in range(days):
        since = yesterday() - day * DAY
        await writer.write(*snapshots(random.Random(day), 20, since, since + DAY))
    return writer


async def both(sql: Connection) -> tuple[set[Row], set[Row]]:
    """Return the hours and the days."""
    return await rolled_up(sql, "1h"), await rolled_up(sql, "1d")


async def test_old_snapshots_go_and_their_rollups_do_not_change(
    database: Database, sql: Connection
) -> None:
    """Neither then, nor when another row of that time comes late, nor when that goes too."""
    writer = await fill(database, 40)
    await finish(sql)
    before = await both(sql)
    await reconcile(sql, policies(keep=14))
    ((relation, dropped),) = await sql.fetch(DROP_CHUNKS)
    assert relation == "open_interest"
    assert "chunks, before" in dropped
    oldest = await sql.fetchval("SELECT min(exchange_ts) FROM open_interest")
    assert yesterday() - 22 * DAY < oldest < yesterday() - 12 * DAY
    assert before == await both(sql)

    late = yesterday() - 35 * DAY
    assert await writer.write(*snapshots(random.Random(99), 5, late, late + DAY)) == 5
    assert before == await both(sql)
    await finish(sql)
    assert len(await sql.fetch(DROP_CHUNKS)) == 1
    assert before == await both(sql)
    assert await sql.fetch(DROP_CHUNKS) == []


async def test_snapshots_that_are_not_in_the_rollups_stay(
    database: Database, sql: Connection
) -> None:
    """However old they are: nothing is dropped that is nowhere else yet."""
    await fill(database, 40)
    before = await both(sql)
    await reconcile(sql, policies(keep=14))

    assert await sql.fetch(DROP_CHUNKS) == []
    await finish(sql, 24 * 10)
    await sql.fetch(DROP_CHUNKS)
    assert before == await both(sql)


async def test_for_ever_is_for_ever(database: Database, sql: Connection) -> None:
    """Without a setting nothing is dropped."""
    await fill(database, 40)
    await finish(sql)
    await reconcile(sql, policies())

    assert await sql.fetch(DROP_CHUNKS) == []


async def test_old_rollups_go_when_they_are_told_to(database: Database, sql: Connection) -> None:
    """By pieces of 35 days; what is newer stays."""
    await fill(database, 120)
    await finish(sql)
    _, days = await both(sql)
    await reconcile(sql, policies(keep=20, rollups=30))
    relations = {row["relation"] for row in await sql.fetch(DROP_CHUNKS)}
    _, left = await both(sql)

    assert relations == {"open_interest", "rollup_finished"}
    assert left < days
    oldest = await sql.fetchval("SELECT min(bucket) FROM open_interest_1d")
    assert yesterday() - 66 * DAY < oldest < yesterday() - 29 * DAY


async def test_old_polls_and_rejects_go_too(sql: Connection) -> None:
    """Polls ten thousand at a time, so that nobody waits for them; rejects in pieces."""
    await sql.execute(
        "INSERT INTO polls SELECT 'v', now() - g * interval '1 minute', now(), now(), 'ok',"
        " 0, 0, 0, 0, 0, 0, 0 FROM generate_series(1, 32000) AS g;"
        " INSERT INTO rejects SELECT 'v', now() - g * interval '1 day', now(), 'S', 'why', '{}'"
        " FROM generate_series(0, 40) AS g"
    )
    await reconcile(sql, policies(keep=14))

    assert {row["relation"]: row["dropped"] for row in await sql.fetch(DROP)}["polls"] == (
        "10000 rows"
    )
    assert [tuple(row) for row in await sql.fetch(DROP)] == [
        ("polls", f"{32000 - 20160 - 10000 + 1} rows")
    ]
    assert await sql.fetchval("SELECT min(polled_at) > now() - interval '14 d 1 s' FROM polls")
    left = await sql.fetchval("SELECT count(*) FROM rejects")
    assert 14 <= left <= 22


async def test_ticks_go_with_the_rollups_and_silences_with_the_polls(sql: Connection) -> None:
    """What is newer stays; so does the silence that has no end, however old its beginning is."""
    await sql.execute(
        "INSERT INTO collector_storage.ticks"
        " SELECT 'v', w, now() - d * interval '1 day', 1, 1, 0, 0, 0, 0, 0, 0, 0, 0"
        " FROM unnest(ARRAY['5 min', '1 h', '1 d']::interval[]) AS w, generate_series(0, 99) AS d;"
        " INSERT INTO collector_storage.silences SELECT 'v', now() - d * interval '1 day',"
        " CASE WHEN d < 60 THEN now() - (d - 0.5) * interval '1 day' END, '1 min'"
        " FROM generate_series(0, 60) AS d"
    )
    assert await drop_expired(sql) == []
    await reconcile(sql, policies(keep=20, rollups=30))

    dropped = await drop_expired(sql)

    assert dropped == [("ticks", f"{3 * 70} rows"), ("silences", "39 rows")]
    assert await sql.fetchval("SELECT max(now() - bucket) FROM collector_storage.ticks") < 31 * DAY
    assert await sql.fetchval("SELECT count(*) FROM collector_storage.silences") == 22


async def test_a_plan_says_what_would_change_and_changes_nothing(sql: Connection) -> None:
    """The same lines come when it is done, and none after that."""
    wanted = Policies(14 * DAY, 90 * DAY, None)
    planned = await plan(sql, wanted)
    assert await stored(sql) == policies()

    assert planned == [
        "database.compress_after: 14 days, was never (the Apache edition has no columnstore)",
        "database.keep_for: 90 days, was for ever",
    ]
    assert planned == await reconcile(sql, wanted)
    assert await stored(sql) == wanted
    assert await plan(sql, wanted) == []
    assert await plan(sql, policies(keep=100)) == [
        "database.compress_after: never, was 14 days (the Apache edition has no columnstore)",
        "database.keep_for: 100 days, was 90 days",
    ]


async def test_a_migration_without_settings_leaves_the_policies_as_they_are(
    dsn: str, sql: Connection
) -> None:
    """The sink, which migrates without knowing them, does not undo what somebody has set."""
    await reconcile(sql, policies(keep=77))
    database = Database(dsn)
    assert (await migrate(database)).changes == []
    await database.close()

    assert await stored(sql) == policies(keep=77)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE collector_storage.rollup_state SET keep_for = interval '1 second'",
        "INSERT INTO collector_storage.rollup_state VALUES (false, now(), now())",
        "DELETE FROM collector_storage.rollup_state",
        "DELETE FROM collector_storage.rollup_finished",
        "TRUNCATE collector_storage.rollup_finished",
        "SELECT drop_chunks('collector_storage.rollup_finished', now())",
        "SELECT collector_reconcile_policies('apache', null, '1 second', '1 second', true)",
        "SELECT collector_reconcile_columnstore('1 second', true)",
        "SELECT collector_build_rollups('timescale')",
        "CREATE OR REPLACE VIEW open_interest_1h AS SELECT 1",
    ],
)
async def test_the_writer_cannot_say_what_is_too_old(writer_dsn: str, statement: str) -> None:
    """Whoever has its password can have dropped what the owner wants dropped, and nothing else."""
    writer = await asyncpg.connect(writer_dsn)
    try:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await writer.execute(statement)
    finally:
        await writer.close()


async def test_the_writer_can_have_it_carried_out(
    writer_dsn: str, database: Database, sql: Connection
) -> None:
    """The daemon finishes hours and drops what is too old, with no more rights than it needs."""
    await fill(database, 40)
    await reconcile(sql, policies(keep=14))
    writer = await asyncpg.connect(writer_dsn)
    # As somebody might who wants the function to find another table under a name that it uses.
    await writer.execute("CREATE TEMPORARY TABLE polls (venue text, polled_at timestamptz)")
    assert await finish(writer) > 24 * 39
    dropped = await writer.fetch(DROP)
    await writer.close()

    assert [row["relation"] for row in dropped] == ["open_interest", "polls"]
    assert await sql.fetchval("SELECT min(polled_at) > now() - interval '14 d 1 s' FROM polls")
