"""Databases that somebody else has set up: other owners, settings, schemas and search paths."""

import asyncpg
import pytest

from collector.db import Connection, Database
from collector.db.migrate import Migration, migrate, shipped
from collector.db.store import store
from collector.errors import MigrationError
from tests.conftest import Logins, database_named, execute
from tests.rows import entries, instrument, listing, poll, reply, snapshot

pytestmark = pytest.mark.db

WIDE_OPEN = """
SELECT EXISTS (
    SELECT FROM pg_namespace, aclexplode(nspacl)
    WHERE nspname = 'public' AND grantee = 0 AND privilege_type = 'CREATE'
)
"""


@pytest.fixture
async def owned_dsn(empty_dsn: str, server_dsn: str, logins: Logins) -> str:
    """An empty database of the owner's, for the superuser."""
    name = empty_dsn.rpartition("/")[2]
    await execute(server_dsn, f"ALTER DATABASE {name} OWNER TO {logins.owner}")
    return empty_dsn


def of(login: str, dsn: str, logins: Logins) -> Database:
    """Return a database as one of the logins sees it."""
    return Database(logins.dsn(login, dsn.rpartition("/")[2]))


async def test_what_a_superuser_adds_belongs_to_whoever_owns_the_rest(
    owned_dsn: str, logins: Logins
) -> None:
    """After an upgrade by the wrong role the writer writes and the analyst reads."""
    owner, superuser = of(logins.owner, owned_dsn, logins), Database(owned_dsn)
    await migrate(owner, shipped()[:8])
    assert (await migrate(superuser)).problem is None
    connection = await asyncpg.connect(owned_dsn)
    owners = await connection.fetch(
        "SELECT DISTINCT tableowner FROM pg_tables"
        " WHERE schemaname IN ('public', 'collector_storage')"
    )
    await connection.close()
    assert [name for (name,) in owners] == [logins.owner]

    writer = of(logins.writer, owned_dsn, logins)
    stored = await store(writer, entries(listing(instrument()), reply(snapshot("A")), poll()))
    assert stored.stored == 1
    analyst = of(logins.analyst, owned_dsn, logins)
    async with analyst.session() as reading:
        assert await reading.fetchval("SELECT count(*) FROM open_interest_1h") == 1
    for each in (owner, superuser, writer, analyst):
        await each.close()


async def test_the_schema_is_public_or_it_is_said(empty_dsn: str, server_dsn: str) -> None:
    """What runs with the owner's rights looks there."""
    name = empty_dsn.rpartition("/")[2]
    await execute(empty_dsn, "CREATE SCHEMA app")
    await execute(server_dsn, f"ALTER DATABASE {name} SET search_path = app, public")
    database = Database(empty_dsn)
    with pytest.raises(MigrationError, match="search_path begins with app"):
        await migrate(database)
    await database.close()

    await execute(server_dsn, f"ALTER DATABASE {name} RESET search_path")
    await execute(
        empty_dsn,
        "CREATE SCHEMA extensions",
        "DROP EXTENSION IF EXISTS timescaledb",
    )
    await execute(empty_dsn, "CREATE EXTENSION timescaledb SCHEMA extensions")
    database = Database(empty_dsn)
    with pytest.raises(MigrationError, match="timescaledb is in the schema extensions"):
        await migrate(database)
    await database.close()


async def test_a_statement_timeout_of_the_database_is_not_ours(
    empty_dsn: str, server_dsn: str
) -> None:
    """A migration may copy all there is."""
    name = empty_dsn.rpartition("/")[2]
    await execute(server_dsn, f"ALTER DATABASE {name} SET statement_timeout = '300ms'")
    database = Database(empty_dsn)
    done = await migrate(database, [Migration(1, "0001_slow.sql", "SELECT pg_sleep(0.6)")])
    await database.close()

    assert [each.name for each in done.applied] == ["0001_slow.sql"]


async def test_nobody_else_creates_things_in_public(owned_dsn: str, logins: Logins) -> None:
    """As everybody may in one from PostgreSQL 14; who migrates mends it, or is told who can."""
    await execute(owned_dsn, "GRANT CREATE ON SCHEMA public TO PUBLIC")
    owner = of(logins.owner, owned_dsn, logins)
    assert (await migrate(owner)).problem is None
    connection = await asyncpg.connect(owned_dsn)
    assert not await connection.fetchval(WIDE_OPEN)

    await connection.execute(
        "GRANT CREATE ON SCHEMA public TO PUBLIC; ALTER SCHEMA public OWNER TO postgres"
    )
    problem = (await migrate(owner)).problem
    await owner.close()
    await connection.close()
    assert problem is not None
    assert problem.endswith("whoever owns it has to say REVOKE CREATE ON SCHEMA public FROM PUBLIC")


@pytest.mark.parametrize(
    "source",
    [
        "top_movers('24h')",
        "open_interest_ticks('htx', NULL, '2026-11-21', '2026-11-22')",
        "open_interest_coverage('2026-11-21', '2026-11-22')",
        "open_interest_gaps('2026-11-21', '2026-11-22')",
    ],
)
async def test_functions_find_their_tables_whatever_the_search_path(
    database: Database, sql: Connection, dsn: str, source: str
) -> None:
    """In a materialized view, for which PostgreSQL 17 empties it, and in an odd session."""
    await store(database, entries(listing(instrument()), reply(snapshot("A")), poll()))
    await sql.execute(f"CREATE MATERIALIZED VIEW kept AS SELECT * FROM {source}")
    await sql.execute("REFRESH MATERIALIZED VIEW kept")
    other = await asyncpg.connect(database_named(dsn, dsn.rpartition("/")[2]))
    await other.execute("SET search_path = nowhere")
    there = await other.fetchval(f"SELECT count(*) FROM public.{source}")
    await other.close()

    assert there == await sql.fetchval("SELECT count(*) FROM kept")
