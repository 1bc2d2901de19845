"""A venue that was down and is back is asked for as much as before, and while down for little."""

from functools import partial
from typing import Any

import pytest

from collector.db import Connection
from collector.simulator import Simulator
from tests.daemon.conftest import Program, eventually

pytestmark = [pytest.mark.db, pytest.mark.slow]

DOWN = ("bitget:503:1", "htx:stall:1", "synthetix:drop-after:1")
AT_WORST = {"bitget": 24 * 3, "htx": 3, "synthetix": 3}
"""Each request of a sweep is tried three times."""

ENDED = "SELECT count(*) FROM polls WHERE venue = $1 AND outcome = ANY($2)"
BEGUN = "SELECT count(*) FROM polls WHERE venue = $1"


async def ended(sql: Connection, venue: str, *outcomes: str) -> int:
    """Count a venue's polls that ended so."""
    counted: int = await sql.fetchval(ENDED, venue, list(outcomes))
    return counted


async def more(sql: Connection, venue: str, than: int, *outcomes: str) -> bool:
    """Tell whether more polls than that have ended so."""
    return await ended(sql, venue, *outcomes) > than


def asked(simulator: Simulator, venue: str) -> tuple[int, int]:
    """Return how many requests came to a venue since the last reset, and most in a window."""
    venues: Any = simulator.stats()["venues"]
    seen = venues[venue]
    for limit in seen["limits"].values():
        assert limit["rejected"] == 0
        assert limit["most_arrivals_in_window"] <= limit["limit"]["count"]
    requests = sum(path["requests"] for path in seen["endpoints"].values())
    return requests, max(limit["most_arrivals_in_window"] for limit in seen["limits"].values())


async def test_no_storm_follows_a_recovery_and_retries_are_bounded(
    program: Program, simulator: Simulator, sql: Connection
) -> None:
    """One request for each instrument or sweep, at the pace of the ticks: the missed are missed."""
    daemon = await program.start("run")
    for venue in AT_WORST:
        await eventually(partial(more, sql, venue, 0, "ok"))
    simulator.faults.replace(*DOWN)
    missed = await ended(sql, "htx", "skipped")
    await eventually(partial(more, sql, "htx", missed + 3, "skipped"))
    for venue in ("bitget", "synthetix"):
        await eventually(partial(more, sql, venue, 0, "failed"))
    simulator.faults.replace()
    # What was under way, or between two tries, comes to its end first.
    for venue in AT_WORST:
        await eventually(partial(more, sql, venue, await ended(sql, venue, "ok"), "ok"))
    before = {venue: await sql.fetchval(BEGUN, venue) for venue in AT_WORST}
    simulator.reset()
    await eventually(partial(more, sql, "htx", await ended(sql, "htx", "ok") + 4, "ok"))
    after = {venue: asked(simulator, venue) for venue in AT_WORST}
    await daemon.stop()

    assert after["htx"][1] <= 5  # in a window of three seconds, at a poll a second
    for venue, most in AT_WORST.items():
        polls = await sql.fetch("SELECT * FROM polls WHERE venue = $1 ORDER BY polled_at", venue)
        begun = len(polls) - before[venue]
        assert after[venue][0] <= (begun + 1) * most // 3  # one was under way when we looked
        assert all(poll["requests"] <= most for poll in polls[1:])
        assert {most // 3} == {poll["requests"] for poll in polls[-2:] if poll["outcome"] == "ok"}
