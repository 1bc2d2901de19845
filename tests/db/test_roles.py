"""How the roles come to be and get their rights, whoever migrates and whatever is there already."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

import asyncpg
import pytest

from collector.db import Connection, Database
from collector.db.migrate import Migrated, Migration, migrate, shipped
from collector.db.store import store
from tests.conftest import Logins, database_named, execute
from tests.rows import entries, reply, snapshot

pytestmark = pytest.mark.db

STORED = "collector_storage.open_interest"


@dataclass
class Place:
    """A database of its own, and the migrations with roles of its own: the others are shared."""

    server_dsn: str
    dsn: str
    owner: str
    writer: str
    analyst: str

    @property
    def name(self) -> str:
        """The database."""
        return self.dsn.rpartition("/")[2]

    @property
    def migrations(self) -> Sequence[Migration]:
        """Those that are shipped, with the two roles by other names."""
        return [
            Migration(
                each.version,
                each.name,
                each.sql.replace("'collector_writer'", f"'{self.writer}'")
                .replace("'analyst'", f"'{self.analyst}'")
                .replace("TO analyst", f"TO {self.analyst}"),
            )
            for each in shipped()
        ]

    async def migrate(self) -> Migrated:
        """Migrate as the owner, who is no superuser."""
        database = Database(self.dsn)
        try:
            return await migrate(database, self.migrations)
        finally:
            await database.close()

    async def fetchval(self, question: str) -> object:
        """Ask as a superuser."""
        connection = await asyncpg.connect(database_named(self.server_dsn, self.name))
        try:
            return await connection.fetchval(question)
        finally:
            await connection.close()

    async def may(self, role: str, table: str, right: str) -> object:
        """Tell whether a role has a right."""
        return await self.fetchval(f"SELECT has_table_privilege('{role}', '{table}', '{right}')")


@pytest.fixture
async def place(server_dsn: str, logins: Logins) -> AsyncIterator[Place]:
    """A new database whose owner may not create roles, and for which none are there."""
    run = uuid.uuid4().hex
    name, owner = f"test_{run}", f"powerless_{run}"
    place = Place(
        server_dsn,
        Logins(server_dsn, owner, "", "", logins.password).dsn(owner, name),
        owner,
        f"w_{run}",
        f"a_{run}",
    )
    await execute(
        server_dsn,
        f"CREATE ROLE {owner} LOGIN PASSWORD '{logins.password}'",
        f"CREATE DATABASE {name} OWNER {owner}",
    )
    yield place
    await execute(
        server_dsn,
        f"DROP DATABASE {name} WITH (FORCE)",
        f"DROP ROLE IF EXISTS {place.writer}, {place.analyst}, {owner}",
    )


async def test_whoever_may_not_create_roles_gets_tables_and_is_told(place: Place) -> None:
    """Managed PostgreSQL: nothing fails, the owner can write, and the sentence says what to do."""
    done = await place.migrate()

    assert list(done.applied) == place.migrations
    assert done.problem == (
        f"{place.owner} may not create roles: somebody who may has to say CREATE ROLE"
        f" {place.writer}; CREATE ROLE {place.analyst}, then run `collector migrate` again;"
        f" until then only {place.owner} can use the tables"
    )
    database = Database(place.dsn)
    assert (await store(database, entries(reply(snapshot("A"))))).stored == 1
    await database.close()


async def test_roles_that_are_made_later_get_their_rights_at_the_next_migrate(place: Place) -> None:
    """Nothing is left to apply, and the rights are granted all the same, also on chunks."""
    await place.migrate()
    database = Database(place.dsn)
    await store(database, entries(reply(snapshot("A"))))
    await database.close()
    await execute(place.server_dsn, f"CREATE ROLE {place.writer}", f"CREATE ROLE {place.analyst}")
    done = await place.migrate()
    chunk = await place.fetchval("SELECT show_chunks('collector_storage.open_interest')::text")

    assert (list(done.applied), done.problem) == ([], None)
    assert await place.may(place.writer, STORED, "INSERT")
    assert await place.may(place.analyst, "open_interest", "SELECT")
    assert await place.may(place.writer, str(chunk), "SELECT")
    assert not await place.may(place.analyst, str(chunk), "SELECT")


async def test_of_two_roles_the_one_that_is_there_gets_its_rights(place: Place) -> None:
    """The missing one is named, and only that."""
    await execute(place.server_dsn, f"CREATE ROLE {place.writer}")
    done = await place.migrate()

    assert done.problem is not None
    assert f"CREATE ROLE {place.analyst}," in done.problem
    assert place.writer not in done.problem
    assert await place.may(place.writer, "polls", "UPDATE")


async def test_whoever_may_create_roles_makes_them(place: Place) -> None:
    """CREATEROLE is enough, nobody has to be a superuser."""
    await execute(place.server_dsn, f"ALTER ROLE {place.owner} CREATEROLE")
    done = await place.migrate()

    assert done.problem is None
    assert await place.may(place.writer, "rejects", "INSERT")
    assert (
        await place.fetchval(
            f"SELECT count(*) FROM pg_roles WHERE rolname IN ('{place.writer}', '{place.analyst}')"
            " AND NOT rolcanlogin"
        )
        == 2
    )


async def test_two_databases_of_one_server_can_be_migrated_at_once(
    place: Place, server_dsn: str
) -> None:
    """Another one has made a role and not yet committed it: ours waits, and takes that one."""
    await execute(server_dsn, f"ALTER ROLE {place.owner} CREATEROLE")
    other = await asyncpg.connect(server_dsn)
    transaction = other.transaction()
    await transaction.start()
    await other.execute(f"CREATE ROLE {place.writer}")
    migrating = asyncio.create_task(place.migrate())
    waits = (
        "SELECT count(*) FROM pg_stat_activity"
        f" WHERE datname = '{place.name}' AND wait_event_type = 'Lock'"
    )
    while not migrating.done() and not await place.fetchval(waits):  # noqa: ASYNC110 - the server's
        await asyncio.sleep(0.05)
    await transaction.commit()
    await other.close()
    done = await migrating

    assert done.problem is None
    assert await place.may(place.writer, STORED, "INSERT")
    assert await place.may(place.analyst, "open_interest", "SELECT")


async def test_migrating_again_mends_what_somebody_has_changed(dsn: str, sql: Connection) -> None:
    """What was lost is granted anew, what is too much is taken back, others keep what is theirs."""
    other = f"other_{uuid.uuid4().hex}"
    await sql.execute(f"CREATE ROLE {other}; GRANT SELECT ON rejects TO {other}")
    await sql.execute("GRANT DELETE, UPDATE ON open_interest TO collector_writer, analyst")
    await sql.execute("REVOKE INSERT ON polls FROM collector_writer")
    database = Database(dsn)
    done = await migrate(database)
    await database.close()

    may = "SELECT has_table_privilege($1, $2, $3)"
    assert done.problem is None
    assert not await sql.fetchval(may, "collector_writer", "open_interest", "DELETE")
    assert not await sql.fetchval(may, "analyst", "open_interest", "UPDATE")
    assert await sql.fetchval(may, "collector_writer", "polls", "INSERT")
    assert await sql.fetchval(may, other, "rejects", "SELECT")
    await sql.execute(f"DROP OWNED BY {other}; DROP ROLE {other}")


async def test_migrating_again_changes_nothing_that_is_right(dsn: str, sql: Connection) -> None:
    """No row of the catalogue is written, so it never collides with a daemon at work."""
    versions = "SELECT array_agg(xmin::text ORDER BY oid) FROM pg_class"
    before = await sql.fetchval(versions)
    database = Database(dsn)
    await migrate(database)
    await database.close()

    assert await sql.fetchval(versions) == before


async def test_a_database_of_somebody_else_is_told(place: Place) -> None:
    """The owner of the tables cannot grant TEMPORARY there; it says who has to."""
    await execute(
        database_named(place.server_dsn, place.name),
        f"ALTER DATABASE {place.name} OWNER TO CURRENT_USER",
        f"REVOKE ALL ON DATABASE {place.name} FROM PUBLIC",
        f"GRANT CONNECT, CREATE ON DATABASE {place.name} TO {place.owner}",
        f"GRANT CREATE ON SCHEMA public TO {place.owner}",
        f"CREATE ROLE {place.writer}",
        f"CREATE ROLE {place.analyst}",
    )
    done = await place.migrate()

    assert done.problem is not None
    assert f"needs CONNECT and TEMPORARY on database {place.name}" in done.problem
    assert await place.may(place.writer, STORED, "INSERT")


async def test_the_writer_migrates_nothing_and_nothing_fails(database: Database) -> None:
    """Where nothing is pending there is nothing that it would have to be permitted."""
    done = await migrate(database)

    assert (list(done.applied), done.problem) == ([], None)
