"""Whatever happens, in whatever order it is stored: the sums add up, and nothing is invented."""

import random
from collections import Counter
from datetime import datetime, timedelta

import pytest

from collector.db import Connection, Database
from collector.models import Outcome
from tests.db.stories import NOON, Story, at

pytestmark = pytest.mark.db

SYMBOLS = ("A", "B", "C")
SPAN = (NOON - timedelta(days=1), NOON + timedelta(days=1))
BY_HOUR = """
SELECT hour, expected, expected - ok - empty - partial - failed - skipped - refused - interrupted
    - running - missing AS left_over
FROM venue_coverage ORDER BY hour
"""
BY_SYMBOL = """
SELECT symbol, sum(expected) AS expected, sum(received) AS received,
    sum(snapshots) AS snapshots,
    sum(received + repeated + not_polled + failed + left_out + rejected) AS came,
    sum(changed + unchanged) AS compared
FROM open_interest_coverage($1, $2, 'htx') GROUP BY symbol ORDER BY symbol
"""
STORED = """
SELECT symbol, count(DISTINCT polled_at) AS received, count(*) AS snapshots FROM open_interest
GROUP BY symbol ORDER BY symbol
"""
LOST = """
SELECT symbol, count(*) AS lost FROM open_interest_ticks('htx', NULL, $1, $2)
WHERE lost <> 'repeated' GROUP BY symbol ORDER BY symbol
"""
MISSED = """
SELECT symbol, sum(missed) AS lost FROM open_interest_gaps($1, $2, 'htx')
GROUP BY symbol ORDER BY symbol
"""


def told(story: Story, chance: random.Random) -> list[datetime]:
    """Let anything happen for some hours; return the ticks that there were."""
    minute = 0.0
    interval = 1.0
    ticks: list[datetime] = []
    story.listing(0, *SYMBOLS)
    for _ in range(chance.randrange(40, 120)):
        ticks.append(at(minute))
        outcome = chance.choice([*Outcome])
        present = chance.sample(SYMBOLS, chance.randrange(4))
        amounts = {each: str(chance.randrange(3)) for each in present}
        rejected = [each for each in SYMBOLS if each not in amounts and chance.random() < 0.2]
        if outcome in {Outcome.SKIPPED, Outcome.REFUSED, Outcome.FAILED, Outcome.EMPTY}:
            amounts, rejected = {}, []
        frozen = chance.random() < 0.2
        story.poll(
            minute,
            amounts,
            outcome if amounts or rejected or outcome is not Outcome.RUNNING else Outcome.OK,
            rejected=rejected,
            interval=60 * interval,
            stamp=minute - interval if frozen else None,
        )
        if chance.random() < 0.1:
            story.poll(minute, {"A": "1"}, interval=60 * interval, stamp=minute + 0.1)
        down = chance.randrange(2, 150) if chance.random() < 0.1 else 1
        ticks += [at(minute + interval * step) for step in range(1, down)]
        minute += interval * down
        if minute % 2 == 0:
            interval = chance.choice([0.5, 1.0, 2.0])
    return ticks


@pytest.mark.parametrize("seed", range(12))
async def test_sums_add_up(database: Database, sql: Connection, seed: int) -> None:
    """Every expected tick is in one column, every lost one in one gap, in each hour and in all."""
    chance = random.Random(seed)
    story = Story(database)
    ticks = told(story, chance)
    listing, *polls = story.records
    # The order of a venue's polls is that of the journal, unless an old one is handed in late.
    late = polls[:: chance.randrange(2, 9)]
    for part in ([listing], [each for each in polls if each not in late], late):
        story.records = part
        await story.store()

    hours = Counter(tick.replace(minute=0, second=0) for tick in ticks)
    assert [tuple(row) for row in await sql.fetch(BY_HOUR)] == [
        (hour, count, 0) for hour, count in sorted(hours.items())
    ]
    covered = await sql.fetch(BY_SYMBOL, *SPAN)
    running = await sql.fetchval("SELECT count(*) FROM polls WHERE outcome = 'running'")
    assert {row["expected"] for row in covered} == {len(ticks) - running}
    assert all(row["expected"] == row["came"] for row in covered)
    assert all(row["snapshots"] == row["compared"] for row in covered)
    ended = STORED.replace(
        "FROM open_interest", "FROM open_interest JOIN polls USING (venue, polled_at)"
    ).replace("GROUP", "WHERE outcome <> 'running' GROUP", 1)
    assert [(row["symbol"], row["received"], row["snapshots"]) for row in covered] == [
        tuple(row) for row in await sql.fetch(ended)
    ]
    assert await sql.fetch(LOST, *SPAN) == await sql.fetch(MISSED, *SPAN)
