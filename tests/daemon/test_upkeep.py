"""The daemon finishes hours, drops what is too old, and says so."""

import random
from datetime import timedelta

import pytest

from collector.db import Connection, Database
from collector.db.policies import Policies, reconcile, stored
from tests.conftest import Logins
from tests.daemon.conftest import Program, sides
from tests.db.rolled import Writer, snapshots, yesterday

pytestmark = pytest.mark.db


async def test_it_finishes_hours_and_drops_what_is_too_old(
    program: Program, database: Database, sql: Connection
) -> None:
    """At the start, and each with a line that says how much it was."""
    for days in (0, 30):
        since = yesterday() - timedelta(days=days)
        rows = snapshots(random.Random(days), 20, since, since + timedelta(hours=24))
        await Writer(database, days).write(*rows)
    before = await sql.fetchval("SELECT sum(snapshots) FROM open_interest_1h")
    await reconcile(sql, Policies(None, timedelta(days=14), None))
    program.set(database__keep_for="14d", database__compress_after="never")
    daemon = await program.start("run")
    await daemon.logged("upkeep.dropped", relation="open_interest")
    status, _ = await daemon.stop()
    assert status == 0

    (finished,) = daemon.events("upkeep.hours_finished")
    assert isinstance(finished["hours"], int)
    assert finished["hours"] >= 24
    assert daemon.events("policies.differ") == []
    assert before <= await sql.fetchval("SELECT sum(snapshots) FROM open_interest_1h")
    assert await sql.fetchval("SELECT min(exchange_ts) FROM open_interest") >= yesterday()


async def test_the_writer_says_that_the_owner_has_to_change_the_policies(
    program: Program, sql: Connection
) -> None:
    """It may not, and what it is set to would otherwise be silently without effect."""
    program.set(database__keep_for="90d")
    daemon = await program.start("run")
    await daemon.logged("policies.differ")
    await daemon.stop()

    (event,) = daemon.events("policies.differ")
    assert "collector migrate" in str(event["problem"])
    assert event["configured"] == "compress_after 14d, keep_for 90d, keep_rollups_for forever"
    assert await stored(sql) == Policies(None, None, None)


async def test_the_owner_changes_the_policies_at_the_start(
    program: Program, dsn: str, logins: Logins, sql: Connection
) -> None:
    """Where the daemon runs as the owner of the tables, a new setting needs no command."""
    program.set(
        database__dsn=logins.dsn(logins.owner, dsn.rpartition("/")[2]), database__keep_for="90d"
    )
    daemon = await program.start("run")
    await daemon.logged("policies.changed", change="database.keep_for: 90 days, was for ever")
    await daemon.stop()

    assert await stored(sql) == Policies(timedelta(days=14), timedelta(days=90), None)


async def test_a_plan_of_the_policies_changes_nothing(
    program: Program, dsn: str, sql: Connection
) -> None:
    """`migrate --plan` prints what `migrate` then does."""
    program.set(database__dsn=dsn, database__keep_for="12w", database__keep_rollups_for="2y")
    lines = (
        "database.compress_after: 14 days, was never (the Apache edition has no columnstore)",
        "database.keep_for: 84 days, was for ever",
        "database.keep_rollups_for: 730 days, was for ever",
    )
    _, planned, _ = await program.run("migrate", "--plan")
    assert await stored(sql) == Policies(None, None, None)
    _, done, _ = await program.run("migrate")
    _, again, _ = await program.run("migrate")

    nothing = "nothing to do, the schema is up to date\n"
    for output, change in ((planned, "would change"), (done, "changed")):
        said = "".join(f"{change} {line}\n" for line in (*lines, *sides()))
        assert output == nothing + said
    assert again == nothing
