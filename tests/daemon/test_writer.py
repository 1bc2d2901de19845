"""The daemon as a login that may write and nothing else, in a database that is not ready for it."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from collector.db.migrate import shipped
from tests.conftest import Logins, execute
from tests.daemon.conftest import Program, eventually

pytestmark = pytest.mark.db


@pytest.fixture
async def unmigrated(empty_dsn: str, template: str, logins: Logins) -> AsyncIterator[str]:
    """The name of an empty database, which is the owner's."""
    name = empty_dsn.rpartition("/")[2]
    await execute(empty_dsn, f"ALTER DATABASE {name} OWNER TO {logins.owner}")
    yield name
    await execute(empty_dsn, f"ALTER DATABASE {name} OWNER TO CURRENT_USER")


async def test_until_the_owner_has_migrated_everything_waits_in_the_journal(
    program: Program, unmigrated: str, logins: Logins
) -> None:
    """Said once, with what to do; polls go on; once it is done nobody has to start anything."""
    program.set(database__dsn=logins.dsn(logins.writer, unmigrated))
    daemon = await program.start("run")
    await daemon.logged("database.down")

    async def polled_on() -> bool:
        return len(daemon.events("poll.done")) > 5

    await eventually(polled_on)
    program.set(database__dsn=logins.dsn(logins.owner, unmigrated))
    status, _, _ = await program.run("migrate")
    await daemon.logged("database.recovered")
    stopped, _ = await daemon.stop()

    assert (status, stopped) == (0, 0)
    (down,) = daemon.events("database.down")
    assert str(down["error"]).startswith(f"pending: {shipped()[0].name}, ")
    assert f"role {logins.writer} may not apply them" in str(down["error"])
    assert str(down["error"]).endswith("run `collector migrate` as the owner of the tables")
    assert daemon.events("collector.stopped")[0]["rows_left_in_journal"] == 0
    connection = await asyncpg.connect(logins.dsn(logins.owner, unmigrated))
    fetched = sum(int(str(event["rows"])) for event in daemon.events("poll.done"))
    assert await connection.fetchval("SELECT count(*) FROM open_interest") == fetched
    await connection.close()


async def test_check_says_what_is_pending_and_who_applies_it(
    program: Program, unmigrated: str, logins: Logins
) -> None:
    """It changes nothing itself."""
    program.set(database__dsn=logins.dsn(logins.writer, unmigrated))
    status, output, _ = await program.run("check")

    said = " ".join(output.split())
    assert status == 0
    assert f"{shipped()[-1].name}; run `collector migrate`" in said


async def test_check_says_that_a_login_has_no_rights(
    program: Program, dsn: str, logins: Logins
) -> None:
    """With the statement that gives them."""
    program.set(database__dsn=logins.dsn(logins.analyst, dsn.rpartition("/")[2]))
    status, output, _ = await program.run("check")

    said = " ".join(output.split())
    assert status == 0
    assert f"role {logins.analyst} may not use the collector's tables" in said
    assert f"GRANT collector_writer TO {logins.analyst}" in said


async def test_check_says_that_the_grants_are_not_whole(
    program: Program, dsn: str, logins: Logins
) -> None:
    """A dump that was restored has none on the database: the owner's migrate mends it."""
    name = dsn.rpartition("/")[2]
    await execute(dsn, f"REVOKE TEMPORARY ON DATABASE {name} FROM collector_writer")
    _, output, _ = await program.run("check")
    program.set(database__dsn=logins.dsn(logins.owner, name))
    await program.run("migrate")
    program.set(database__dsn=logins.dsn(logins.writer, name))
    _, mended, _ = await program.run("check")

    assert "may not write: run `collector migrate` as the owner" in " ".join(output.split())
    assert "may not write" not in mended


async def test_migrate_by_the_writer_is_one_sentence(
    program: Program, unmigrated: str, logins: Logins
) -> None:
    """Status 1, the names of the files, and who may."""
    program.set(database__dsn=logins.dsn(logins.writer, unmigrated))
    status, output, errors = await program.run("migrate")

    assert (status, output) == (1, "")
    assert errors.startswith("collector: pending: 0001_open_interest.sql, ")
    assert len(errors.splitlines()) == 1


async def test_migrate_tells_what_it_could_not_grant(
    program: Program, unmigrated: str, logins: Logins, empty_dsn: str
) -> None:
    """The database is somebody else's: the tables are made, and standard error has the rest."""
    await execute(
        empty_dsn,
        f"ALTER DATABASE {unmigrated} OWNER TO CURRENT_USER",
        f"REVOKE ALL ON DATABASE {unmigrated} FROM PUBLIC",
        f"GRANT CONNECT, CREATE ON DATABASE {unmigrated} TO {logins.owner}",
        f"GRANT CREATE ON SCHEMA public TO {logins.owner}",
    )
    program.set(database__dsn=logins.dsn(logins.owner, unmigrated))
    status, output, errors = await program.run("migrate")

    assert status == 0
    assert f"applied {shipped()[-1].name}" in output
    assert errors.startswith("collector: collector_writer needs CONNECT and TEMPORARY")
