"""A venue that is switched off in config.yaml: the daemon says so, and nobody misses it."""

import pytest

from collector.db import Connection
from tests.daemon.conftest import Program, Until

pytestmark = pytest.mark.db

POLLED = "SELECT count(*) > {} FROM polls WHERE venue = 'htx' AND outcome = 'ok'"
OFF_FOR_A_WHILE = "SELECT now() > since + interval '4 s' FROM venue_pauses"
# Ticks are a second apart, and the pause is of several.
MISSING_IN_PAUSES = """
SELECT count(*) FROM venue_ticks AS t JOIN venue_pauses AS p USING (venue)
WHERE t.outcome = 'missing' AND t.tick > p.since AND t.tick < p.until
"""


async def test_a_venue_that_is_switched_off_is_not_missed(
    program: Program, until: Until, sql: Connection
) -> None:
    """Polled, switched off twice, polled again: one pause, and in it nothing is missing."""
    program.set(venues__bitget__enabled=False, venues__synthetix__interval="1s")
    daemon = await program.start("run")
    await until(POLLED.format(1))
    await daemon.stop()
    assert await sql.fetchval("SELECT count(*) FROM venue_pauses") == 0

    program.set(venues__htx__enabled=False)
    for _ in range(2):
        daemon = await program.start("run")
        await until(OFF_FOR_A_WHILE)
        await daemon.stop()
    assert await sql.fetchval("SELECT until IS NULL FROM venue_pauses")

    program.set(venues__htx__enabled=True)
    daemon = await program.start("run")
    before = await sql.fetchval("SELECT count(*) FROM polls WHERE venue = 'htx'")
    await until(POLLED.format(before))
    await daemon.stop()

    pauses = await sql.fetch("SELECT venue, until > since + interval '2 s' FROM venue_pauses")
    assert [tuple(pause) for pause in pauses] == [("htx", True)]
    assert await sql.fetchval(MISSING_IN_PAUSES) == 0
    assert await sql.fetchval("SELECT count(*) FROM venue_ticks WHERE venue = 'bitget'") == 0
    switched = [daemon.events("venue.switched_off") for daemon in program.started]
    assert [[event["venue"] for event in events] for events in switched] == [[], ["htx"], [], []]
