"""The daemon keeps the table `venues` as it is declared and set."""

import pytest

from collector.db import Connection
from tests.daemon.conftest import Program, Until

pytestmark = pytest.mark.db

RULES = "SELECT string_agg(venue || ' ' || sides || ' ' || basis, ', ' ORDER BY venue) FROM venues"
SET = "bitget one measured, htx both configured, synthetix both documented"


async def test_what_is_set_for_a_venue_is_in_the_views(
    program: Program, sql: Connection, until: Until
) -> None:
    """The setting reaches the table, and the figures are half of what the venue said."""
    program.set(venues__htx__sides="both")
    daemon = await program.start("run")
    await until("SELECT count(*) > 0 FROM latest_open_interest WHERE venue = 'htx'")
    await daemon.stop()

    assert await sql.fetchval(RULES) == SET
    halved = await sql.fetchval(
        "SELECT bool_and(c.open_interest = o.open_interest_base / 2)"
        " FROM comparable_open_interest AS c JOIN open_interest AS o"
        " USING (venue, symbol, exchange_ts) WHERE c.venue = 'htx' AND c.units = 1"
    )
    assert halved is True


async def test_a_database_that_comes_back_without_the_rules_gets_them_again(
    program: Program, sql: Connection, until: Until
) -> None:
    """It may be another server, or restored from last week."""
    program.set(venues__htx__sides="both")
    await program.start("run")
    await until(f"SELECT ({RULES}) = '{SET}'")
    await sql.execute("DELETE FROM venues")
    await sql.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE application_name = 'collector' AND datname = current_database()"
    )

    await until(f"SELECT ({RULES}) = '{SET}'")
