"""What the database says of a venue that failed, and of a collector that was not there."""

import pytest

from collector.db import Connection
from collector.simulator import Simulator
from tests.daemon.conftest import Program, Until

pytestmark = pytest.mark.db

OF_HTX = (
    "SELECT count(*) >= {} FROM polls WHERE venue = 'htx' AND outcome = '{}' AND polled_at > '{}'"
)
# Of every instrument of HTX: the states of its ticks, by what became of the poll.
STATES = """
SELECT DISTINCT outcome, state IN ('changed', 'unchanged') AS reported, lost
FROM open_interest_ticks('htx', NULL, now() - interval '1 hour', now() + interval '1 hour')
WHERE outcome IN ('ok', 'failed', 'missing')
"""
COUNTED = """
SELECT sum(ok) AS ok, sum(failed) AS failed, sum(missing) > 0 AS missing,
    sum(expected) = sum(polled) + sum(skipped) + sum(refused) + sum(missing) AS adds_up
FROM venue_coverage WHERE venue = 'htx'
"""
POLLS = """
SELECT count(*) FILTER (WHERE outcome = 'ok') AS ok,
    count(*) FILTER (WHERE outcome = 'failed') AS failed, true AS missing, true AS adds_up
FROM polls WHERE venue = 'htx'
"""
CAUSES = """
SELECT count(DISTINCT symbol) FILTER (WHERE cause LIKE '%failed (failed %') AS failed,
    count(DISTINCT symbol) FILTER (WHERE cause LIKE '%not polled (missing %') AS missing
FROM open_interest_gaps(now() - interval '1 hour', now() + interval '1 hour', 'htx')
"""


async def test_a_venue_that_failed_is_told_from_a_collector_that_was_down(
    program: Program, simulator: Simulator, sql: Connection, until: Until
) -> None:
    """HTX works, fails, works; then the collector is killed, and comes back after some ticks."""
    program.set(venues__bitget__enabled=False, venues__synthetix__enabled=False)

    async def ticks(count: int, outcome: str) -> None:
        newest = await sql.fetchval("SELECT coalesce(max(polled_at), 'epoch') FROM polls")
        await until(OF_HTX.format(count, outcome, newest))

    daemon = await program.start("run")
    await ticks(2, "ok")
    simulator.faults.add("htx:500:1")
    await ticks(2, "failed")
    simulator.faults.clear()
    await ticks(2, "ok")
    await daemon.stop()
    await until("SELECT now() > max(polled_at) + interval '4 s' FROM polls")
    daemon = await program.start("run")
    await ticks(2, "ok")
    await daemon.stop()

    assert {tuple(row) for row in await sql.fetch(STATES)} == {
        ("ok", True, None),
        ("failed", False, "failed"),
        ("missing", False, "not polled"),
    }
    assert await sql.fetch(COUNTED) == await sql.fetch(POLLS)
    causes = await sql.fetchrow(CAUSES)
    listed = await sql.fetchval("SELECT count(*) FROM instrument_spans WHERE venue = 'htx'")
    assert causes is not None
    assert tuple(causes) == (listed, listed)
    assert await sql.fetchval("SELECT bool_and(poll_interval = '1 s') FROM polls")
