"""A database that was filled by an older version loses nothing on its way to the newest."""

import asyncpg
import pytest

import collector.db
from collector.db import Database
from collector.db.migrate import Migration, migrate, shipped
from tests.conftest import Logins, execute
from tests.upgrade.catalogue import catalogue
from tests.upgrade.ladder import climb, migrate_to

pytestmark = pytest.mark.db


@pytest.fixture
async def owned_dsn(empty_dsn: str, server_dsn: str, logins: Logins) -> str:
    """The DSN of an empty database, for its owner, who may do no more than README asks for."""
    name = empty_dsn.rpartition("/")[2]
    await execute(server_dsn, f"ALTER DATABASE {name} OWNER TO {logins.owner}")
    return logins.dsn(logins.owner, name)


async def test_each_migration_on_top_of_the_one_before_keeps_every_row(owned_dsn: str) -> None:
    """Rows of every version arrive in the newest, digit for digit, each step by itself."""
    await climb(owned_dsn, start=1, step=1)


@pytest.mark.parametrize("version", range(1, len(shipped())))
async def test_straight_to_the_newest_keeps_every_row(owned_dsn: str, version: int) -> None:
    """Whoever has not upgraded for long does it in one go."""
    await climb(owned_dsn, start=version, step=len(shipped()))


async def test_step_by_step_gives_the_schema_that_a_new_database_has(
    owned_dsn: str, dsn: str, server_dsn: str, logins: Logins
) -> None:
    """Tables, keys, comments, functions and rights do not depend on the way there."""
    await climb(owned_dsn, start=1, step=1)
    upgraded = await asyncpg.connect(owned_dsn)
    name = dsn.rpartition("/")[2]
    fresh = await asyncpg.connect(logins.dsn(logins.owner, name))

    found, wanted = await catalogue(upgraded), await catalogue(fresh)

    assert wanted - found == set()
    assert found - wanted == set()
    await upgraded.close()
    await fresh.close()


async def test_a_clock_that_was_set_by_weeks_does_not_stop_an_upgrade(owned_dsn: str) -> None:
    """What a row's time from tick to reply cannot be any more is the nearest that it can."""
    await migrate_to(owned_dsn, 6)
    sql = await asyncpg.connect(owned_dsn)
    await sql.execute(
        "INSERT INTO open_interest (venue, symbol, exchange_ts, received_at, polled_at,"
        " open_interest_base) SELECT 'bitget', days::text, '2026-09-01',"
        " '2026-09-01'::timestamptz + days * interval '1 day', '2026-09-01', 1"
        " FROM unnest(ARRAY[-40, 40]) AS days"
    )

    await migrate_to(owned_dsn, len(shipped()))

    most = 2**31 - 1
    found = await sql.fetch(
        "SELECT extract(epoch FROM received_at - polled_at) * 1000 FROM open_interest"
        " ORDER BY symbol"
    )
    assert [int(ms) for (ms,) in found] == [-most, most]
    await sql.close()


async def test_a_migration_may_take_longer_than_a_statement(
    empty_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that copies years of rows is not cut off by the patience of everyday statements."""
    monkeypatch.setattr(collector.db, "_COMMAND_SECONDS", 0.2)
    database = Database(empty_dsn)

    done = await migrate(database, [Migration(1, "0001_slow.sql", "SELECT pg_sleep(1)")])

    assert [each.name for each in done.applied] == ["0001_slow.sql"]
    await database.close()
