"""What the writer and the analyst may do: exactly what they need, and nothing else."""

from collections.abc import AsyncIterator
from datetime import timedelta

import asyncpg
import pytest

from collector.db import Connection, Database
from collector.db.batch import Tally
from collector.db.store import store
from collector.db.venues import reconcile_sides
from collector.demo import QUESTION
from collector.errors import DatabaseError
from collector.models import Basis, Reject, Sides, SidesRule
from collector.records import PauseRecord
from collector.sink import bring_up_to_date
from tests.conftest import Logins
from tests.db.rights import ANALYST, EVERYBODY, GRANTED, WRITER
from tests.rows import MOMENT, entries, instrument, listing, poll, reply, snapshot

pytestmark = pytest.mark.db


@pytest.fixture
async def writer(writer_dsn: str) -> AsyncIterator[Connection]:
    """A connection with the collector's login."""
    connection = await asyncpg.connect(writer_dsn)
    yield connection
    await connection.close()


async def everything_that_the_daemon_does(database: Database) -> Tally:
    """Run every statement of the sink, upserts on rows that are there as well, and the demo's."""
    await bring_up_to_date(database)
    for sides in (Sides.ONE, Sides.BOTH):
        await reconcile_sides(database, {"bitget": SidesRule(sides, Basis.ASSUMED, "so it is")})
    refused = Reject(reason="size: null", raw="{}", symbol="A")
    total = Tally()
    for first, amount in ((1, "1"), (11, "2")):
        of_a_poll = (reply(snapshot("A", amount), rejects=[refused]), poll())
        records = (listing(instrument()), *of_a_poll, PauseRecord(venue="bitget", since=MOMENT))
        total = await store(database, entries(*records, first=first))
    async with database.session() as connection:
        assert await connection.fetch(QUESTION)
    return total


async def test_nobody_has_been_granted_anything_else(sql: Connection) -> None:
    """A new table, view or grant turns this red until somebody has decided who may do what."""
    granted = await sql.fetch(GRANTED)

    assert {(who, what) for who, what, _ in granted} == {
        *(("collector_writer", what) for what in WRITER),
        *(("analyst", what) for what in ANALYST),
        *(("PUBLIC", what) for what in EVERYBODY),
    }
    assert not any(grantable for _, _, grantable in granted)


async def test_the_roles_are_nobody_and_can_do_nothing_else(sql: Connection) -> None:
    """No login, no attribute, no member of anything."""
    roles = await sql.fetch(
        "SELECT rolname, rolcanlogin, rolsuper, rolcreaterole, rolcreatedb, rolreplication,"
        " rolbypassrls, (SELECT count(*) FROM pg_auth_members WHERE member = r.oid)"
        " FROM pg_roles AS r WHERE rolname IN ('collector_writer', 'analyst') ORDER BY 1"
    )

    nothing = (False, False, False, False, False, False, 0)
    assert [tuple(role) for role in roles] == [
        ("analyst", *nothing),
        ("collector_writer", *nothing),
    ]


async def test_the_writer_can_do_all_that_the_daemon_does(database: Database) -> None:
    """The first row is stored; the second contradicts it, and is set aside."""
    assert await everything_that_the_daemon_does(database) == Tally(fetched=2, rejected=2)


@pytest.mark.parametrize("right", sorted(WRITER))
async def test_the_writer_needs_each_of_its_rights(
    database: Database, sql: Connection, right: str
) -> None:
    """Without any one of them the daemon cannot do its work: none is too much."""
    name = await sql.fetchval("SELECT current_database()")
    await sql.execute("REVOKE USAGE ON SCHEMA public FROM PUBLIC")
    await sql.execute(
        f"REVOKE {right.replace('database', f'database {name}')} FROM collector_writer"
    )

    with pytest.raises(DatabaseError, match=r"permission denied|may not"):
        await everything_that_the_daemon_does(database)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE collector_storage.series SET symbol = symbol",
        "DELETE FROM collector_storage.series",
        "DELETE FROM collector_storage.latest",
        "CREATE TABLE collector_storage.mine (a int)",
        "UPDATE collector_storage.open_interest SET open_interest_base = 0",
        "DELETE FROM collector_storage.open_interest",
        "TRUNCATE collector_storage.open_interest",
        "DROP TABLE collector_storage.open_interest",
        "ALTER TABLE collector_storage.open_interest ADD COLUMN more int",
        "CREATE INDEX ON collector_storage.open_interest (polled_at)",
        "CREATE TRIGGER t BEFORE INSERT ON collector_storage.series EXECUTE FUNCTION f()",
        "SELECT drop_chunks('collector_storage.open_interest', now())",
        "SELECT set_chunk_time_interval('collector_storage.open_interest', interval '1 hour')",
        "DELETE FROM _timescaledb_internal._hyper_3_1_chunk",
        "DROP TABLE _timescaledb_internal._hyper_3_1_chunk",
        "SELECT * FROM rejects",
        "DELETE FROM rejects",
        "DELETE FROM instruments",
        "DELETE FROM polls",
        "TRUNCATE journal_marks",
        "INSERT INTO schema_migrations VALUES (99, '0099_mine.sql', '')",
        "DELETE FROM schema_migrations",
        "CREATE TABLE mine (a int)",
        "CREATE VIEW mine AS SELECT 1",
        "CREATE SCHEMA mine",
        "CREATE FUNCTION mine() RETURNS int LANGUAGE sql RETURN 1",
        "CREATE EXTENSION pgcrypto",
        "CREATE ROLE mine",
        "CREATE DATABASE mine",
        "GRANT analyst TO collector_writer",
        "ALTER SYSTEM SET work_mem = '1GB'",
        "SELECT collector_grant_rights()",
        "SELECT * FROM pg_authid",
        "SELECT * FROM pg_shadow",
        "SELECT pg_read_file('/etc/passwd')",
        "COPY (SELECT 1) TO PROGRAM 'true'",
        "COPY (SELECT 1) TO '/tmp/mine'",
    ],
)
async def test_the_writer_can_not(database: Database, writer: Connection, statement: str) -> None:
    """Change, drop, create, or look where nothing of its own is, whatever is sent in its name."""
    await store(database, entries(reply(snapshot("A"))))

    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await writer.execute(statement)


async def test_the_analyst_can_read_all_that_is_for_people(
    database: Database, analyst: Connection
) -> None:
    """Rows of a chunk that the writer has caused, too."""
    await everything_that_the_daemon_does(database)

    counts = [
        await analyst.fetchval(f"SELECT count(*) FROM {table}")
        for table in ("open_interest", "instruments", "polls", "rejects")
    ]
    assert counts == [1, 1, 1, 3]
    views = ("comparable_open_interest", "latest_open_interest", "open_interest_change")
    for view in (*views, "venues"):
        assert await analyst.fetchval(f"SELECT count(*) FROM {view}") == 1
    by_asset = ("open_interest_by_asset_1h", "open_interest_of_asset_1h")
    for view in (*by_asset, "implied_price", "contract_parity", "top_movers()"):
        assert await analyst.fetchval(f"SELECT count(*) FROM {view}") == 0
    day = "'2026-11-21', '2026-11-22'"
    covered = ("venue_coverage", "venue_ticks", "venue_pauses", "instrument_spans")
    for source in (
        *covered,
        f"open_interest_ticks('bitget', 'A', {day})",
        f"open_interest_coverage({day})",
    ):
        assert await analyst.fetchval(f"SELECT count(*) FROM {source}") >= 1
    assert await analyst.fetchval(f"SELECT count(*) FROM open_interest_gaps({day})") == 0


@pytest.mark.parametrize(
    "statement",
    [
        *(
            f"{verb} {table}{rest}"
            for table in ("instruments", "polls", "rejects", "collector_storage.open_interest")
            for verb, rest in (
                ("INSERT INTO", " DEFAULT VALUES"),
                ("UPDATE", " SET venue = 'x'"),
                ("DELETE FROM", ""),
                ("TRUNCATE", ""),
                ("DROP TABLE", ""),
            )
        ),
        "DROP VIEW open_interest",
        "SELECT * FROM collector_storage.open_interest",
        "SELECT * FROM journal_marks",
        "SELECT * FROM schema_migrations",
        "CREATE TABLE mine (a int)",
        "CREATE TEMPORARY TABLE mine (a int)",
        "CREATE VIEW mine AS SELECT 1",
        "SELECT drop_chunks('collector_storage.open_interest', now())",
        "SELECT collector_grant_rights()",
        "SELECT * FROM pg_authid",
        "SELECT pg_read_file('/etc/passwd')",
    ],
)
async def test_the_analyst_can_not(analyst: Connection, statement: str) -> None:
    """Write anything, anywhere."""
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await analyst.execute(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO open_interest DEFAULT VALUES",
        "UPDATE open_interest SET venue = 'x'",
        "DELETE FROM open_interest",
    ],
)
async def test_nobody_can_write_through_the_view(sql: Connection, statement: str) -> None:
    """Not even a superuser: a join has no row of its own."""
    with pytest.raises(asyncpg.ObjectNotInPrerequisiteStateError):
        await sql.execute(statement)


async def test_the_analyst_can_read_what_a_later_migration_makes(
    analyst: Connection, sql: Connection, logins: Logins
) -> None:
    """Nobody has to think of a grant when a view is added."""
    await sql.execute(f"SET ROLE {logins.owner}")
    await sql.execute(
        "CREATE VIEW open_interest_latest AS SELECT max(exchange_ts) FROM open_interest"
    )

    assert await analyst.fetchval("SELECT count(*) FROM open_interest_latest") == 1


async def test_a_new_chunk_belongs_to_the_owner_and_is_as_guarded_as_the_rest(
    database: Database, sql: Connection, logins: Logins
) -> None:
    """Each week's first row makes one, in the middle of the writer's INSERT."""
    weeks = [snapshot(exchange_ts=MOMENT + timedelta(weeks=week)) for week in range(3)]
    tally = await store(database, entries(reply(*weeks)))

    chunks = await sql.fetch(
        "SELECT relowner::regrole::text, relacl = (SELECT relacl FROM pg_class"
        " WHERE oid = 'collector_storage.open_interest'::regclass) FROM pg_class AS c"
        " JOIN pg_inherits ON inhrelid = c.oid"
        " WHERE inhparent = 'collector_storage.open_interest'::regclass"
    )
    assert tally.stored == 3
    assert [tuple(chunk) for chunk in chunks] == [(logins.owner, True)] * 3
