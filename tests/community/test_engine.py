"""The database that the other tests here trust: it is the Community edition, and behaves."""

import asyncpg
import pytest

from collector.db import Connection, Database
from collector.db.migrate import migrate, shipped
from tests.community.engine import Engine

pytestmark = pytest.mark.community


async def test_it_is_the_community_edition_with_the_whole_schema(
    community_sql: Connection,
) -> None:
    """What a migration does only there, it does here."""
    edition = await community_sql.fetchval("SELECT current_setting('timescaledb.license')")
    newest = await community_sql.fetchval("SELECT max(version) FROM schema_migrations")

    assert (edition, newest) == ("timescale", len(shipped()))


async def test_migrate_can_be_repeated(community_dsn: str) -> None:
    """The second time finds nothing to do, and no right to mend."""
    database = Database(community_dsn)

    done = await migrate(database)

    assert (list(done.applied), done.problem) == ([], None)
    await database.close()


async def test_each_database_is_its_own(community: Engine, empty_community_dsn: str) -> None:
    """What is made in one is not in another."""
    other = community.create()
    here = await asyncpg.connect(empty_community_dsn)
    there = await asyncpg.connect(other)

    await here.execute("CREATE TABLE mine (a integer)")

    assert await there.fetchval("SELECT to_regclass('mine')") is None
    await here.close()
    await there.close()
    community.drop(other)


async def test_two_clients_take_turns(empty_community_dsn: str) -> None:
    """One that is in a transaction has the database until its end; then the other is served."""
    one = await asyncpg.connect(empty_community_dsn)
    two = await asyncpg.connect(empty_community_dsn)
    await one.execute("CREATE TABLE t (a integer)")

    async with one.transaction():
        await one.execute("INSERT INTO t VALUES (1)")
        with pytest.raises(TimeoutError):
            await two.fetchval("SELECT count(*) FROM t", timeout=0.5)
    await two.close()

    assert await one.fetchval("SELECT count(*) FROM t") == 1
    await one.close()


async def test_who_comes_alone_finds_a_new_session(empty_community_dsn: str) -> None:
    """A transaction that was left open and a temporary table are gone with their client."""
    one = await asyncpg.connect(empty_community_dsn)
    await one.execute("CREATE TABLE t (a integer); CREATE TEMPORARY TABLE s (a integer)")
    await one.execute("BEGIN; INSERT INTO t VALUES (1)")
    one.terminate()

    two = await asyncpg.connect(empty_community_dsn)

    assert await two.fetchval("SELECT count(*) FROM t") == 0
    assert await two.fetchval("SELECT to_regclass('s')") is None
    await two.close()


async def test_more_than_fits_into_one_packet_arrives(empty_community_dsn: str) -> None:
    """A long value, and a COPY of many rows, with its error if there is one."""
    connection = await asyncpg.connect(empty_community_dsn)
    await connection.execute("CREATE TABLE t (a integer)")

    length = await connection.fetchval("SELECT length($1::text)", "x" * 500_000)
    copied = await connection.copy_records_to_table("t", records=[(n,) for n in range(50_000)])
    with pytest.raises(asyncpg.DataError):
        await connection.execute("INSERT INTO t VALUES (1 / 0)")

    assert (length, copied) == (500_000, "COPY 50000")
    assert await connection.fetchval("SELECT sum(a) FROM t") == sum(range(50_000))
    await connection.close()
