"""The schema: from nothing, once, in order, and never by halves."""

import asyncio
from datetime import timedelta
from pathlib import Path

import asyncpg
import pytest

from collector.db import Connection, Database
from collector.db.migrate import Migration, migrate, pending, read, shipped
from collector.db.store import store
from collector.errors import DatabaseError, MigrationError
from tests.rows import MOMENT, entries, reply, snapshot

pytestmark = pytest.mark.db


@pytest.fixture
async def fresh(empty_dsn: str) -> Database:
    """A database without a schema."""
    return Database(empty_dsn)


async def test_everything_applies_from_nothing_and_then_nothing_is_left(fresh: Database) -> None:
    """The second run finds nothing to do."""
    first = await migrate(fresh)
    second = await migrate(fresh)

    assert list(first.applied) == list(shipped())
    assert list(second.applied) == []
    await fresh.close()


async def test_open_interest_is_a_hypertable_with_its_key(sql: Connection) -> None:
    """One row for a series and the venue's timestamp, one series for a venue's symbol."""
    dimension = await sql.fetchrow(
        "SELECT hypertable_schema, column_name, time_interval"
        " FROM timescaledb_information.dimensions WHERE hypertable_name = 'open_interest'"
    )
    keys = await sql.fetch(
        "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE contype IN ('p', 'u') AND"
        " conrelid IN ('collector_storage.open_interest'::regclass,"
        " 'collector_storage.series'::regclass) ORDER BY conrelid, contype"
    )

    assert dimension is not None
    assert dimension["hypertable_schema"] == "collector_storage"
    assert (dimension["column_name"], dimension["time_interval"].days) == ("exchange_ts", 7)
    assert {key for (key,) in keys} == {
        "PRIMARY KEY (series_id, exchange_ts)",
        "PRIMARY KEY (series_id)",
        "UNIQUE (venue, symbol)",
    }


async def test_a_query_for_one_day_touches_one_chunk(database: Database, sql: Connection) -> None:
    """The plan of the most ordinary question names no chunk of another week."""
    for weeks in range(6):
        moment = MOMENT + timedelta(weeks=weeks)
        await store(database, entries(reply(snapshot(exchange_ts=moment)), first=weeks + 1))
    plan = await sql.fetch(
        "EXPLAIN SELECT * FROM open_interest WHERE venue = 'bitget' AND symbol = 'BTCUSDT'"
        " AND exchange_ts >= '2026-12-05' AND exchange_ts < '2026-12-06'"
    )

    chunks = {word for line in plan for word in line[0].split() if word.endswith("_chunk")}
    assert len(chunks) == 1


async def test_everything_is_explained(sql: Connection) -> None:
    """Whoever describes a table, view or function in psql is told what everything in it is."""
    silent = await sql.fetch(
        "SELECT c.relname, a.attname FROM pg_class AS c JOIN pg_attribute AS a ON attrelid = c.oid"
        " WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'v') AND attnum > 0"
        " AND NOT attisdropped AND relname <> 'schema_migrations' AND NOT EXISTS ("
        "  SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = c.oid"
        "  AND deptype = 'e')"
        " AND (col_description(c.oid, attnum) IS NULL OR obj_description(c.oid) IS NULL)"
        " UNION ALL SELECT c.relname, 'itself' FROM pg_class AS c"
        " WHERE relnamespace = 'collector_storage'::regnamespace AND relkind = 'r'"
        " AND obj_description(c.oid) IS NULL"
        " UNION ALL SELECT proname, 'itself' FROM pg_proc AS p WHERE pronamespace IN"
        " ('public'::regnamespace, 'collector_storage'::regnamespace) AND NOT EXISTS ("
        "  SELECT FROM pg_depend WHERE classid = 'pg_proc'::regclass AND objid = p.oid"
        "  AND deptype = 'e')"
        " AND obj_description(p.oid, 'pg_proc') IS NULL"
    )

    assert [tuple(each) for each in silent] == []


async def test_two_that_migrate_at_once_do_it_once(empty_dsn: str) -> None:
    """The second waits for the first and finds nothing left."""
    databases = [Database(empty_dsn) for _ in range(4)]

    done = await asyncio.gather(*(migrate(database) for database in databases))

    assert sorted(len(each.applied) for each in done) == [0, 0, 0, len(shipped())]
    for database in databases:
        await database.close()


async def test_a_migration_that_fails_leaves_nothing_behind(fresh: Database) -> None:
    """The ones before it stay, it is named, and it can be tried again."""
    good = Migration(1, "0001_good.sql", "CREATE TABLE good (a int);")
    bad = Migration(2, "0002_bad.sql", "CREATE TABLE half (a int); SELECT nonsense;")

    with pytest.raises(DatabaseError, match=r"0002_bad\.sql: .*nonsense"):
        await migrate(fresh, [good, bad])

    async with fresh.session() as connection:
        tables = await connection.fetch(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1"
        )
        assert [row[0] for row in tables] == ["good", "schema_migrations"]
        assert list(await pending(connection, [good, bad])) == [bad]
    await fresh.close()


async def test_a_file_that_has_changed_is_refused(fresh: Database) -> None:
    """What was applied is history."""
    await migrate(fresh, [Migration(1, "0001_a.sql", "SELECT 1;")])

    with pytest.raises(MigrationError, match=r"0001_a\.sql has changed since it was applied"):
        await migrate(fresh, [Migration(1, "0001_a.sql", "SELECT 2;")])
    await fresh.close()


async def test_a_schema_from_the_future_is_refused(fresh: Database) -> None:
    """An old collector does not write into a schema that it does not know."""
    one, two = Migration(1, "0001_a.sql", "SELECT 1;"), Migration(2, "0002_b.sql", "SELECT 1;")
    await migrate(fresh, [one, two])

    with pytest.raises(MigrationError, match=r"0002_b\.sql.*made by a newer one"):
        await migrate(fresh, [one])
    await fresh.close()


async def test_whoever_may_not_create_is_told_which_file(empty_dsn: str) -> None:
    """A role without the right gets the name of the file and the server's words."""
    owner = await asyncpg.connect(empty_dsn)
    await owner.execute("DROP ROLE IF EXISTS powerless; CREATE ROLE powerless")
    await owner.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    await owner.close()
    database = Database(empty_dsn)

    async with database.session() as connection:
        await connection.execute("SET ROLE powerless")
        with pytest.raises(MigrationError, match="permission denied"):
            await migrate(database)
    await database.close()


def test_the_files_are_numbered_without_a_gap(tmp_path: Path) -> None:
    """A missing number is a file that somebody forgot to add."""
    (tmp_path / "0001_a.sql").write_text("SELECT 1;")
    (tmp_path / "0003_b.sql").write_text("SELECT 1;")

    with pytest.raises(MigrationError, match=r"0003_b\.sql: expected number 0002"):
        read(tmp_path)


def test_a_badly_named_file_is_refused(tmp_path: Path) -> None:
    """The name says the order and the purpose."""
    (tmp_path / "tables.sql").write_text("SELECT 1;")

    with pytest.raises(MigrationError, match=r"tables\.sql: a migration is named"):
        read(tmp_path)


def test_a_folder_without_migrations_is_refused(tmp_path: Path) -> None:
    """An installation without its files does not pass for one that is up to date."""
    with pytest.raises(MigrationError, match="there are no migrations"):
        read(tmp_path)
