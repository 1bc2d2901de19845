"""What became of every tick of a venue, those of which nobody could keep a record included."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from collector.db import Connection, Database
from collector.models import Outcome
from tests.db.stories import NOON, Story, at, eventful_afternoon

pytestmark = pytest.mark.db

BY_HOUR = """
SELECT hour, expected, polled, ok, empty, partial, failed, skipped, refused, interrupted, running,
    missing, coverage
FROM venue_coverage ORDER BY hour
"""
SUMS = "SELECT expected, ok, missing FROM venue_coverage ORDER BY venue, hour"


async def sums(sql: Connection) -> list[tuple[int, ...]]:
    """Return expected, ok and missing ticks of each hour."""
    return [tuple(row) for row in await sql.fetch(SUMS)]


async def test_each_outcome_is_counted_and_the_hours_without_a_collector_are_missing(
    database: Database, sql: Connection
) -> None:
    """12:00 to 12:10 as told, 12:11 to 14:10 without a row, 14:11 again: counted by hand."""
    await eventful_afternoon(database)

    assert [tuple(row) for row in await sql.fetch(BY_HOUR)] == [
        (at(0), 60, 9, 5, 1, 1, 1, 1, 1, 1, 0, 49, Decimal("0.0833")),
        (at(60), 60, 0, 0, 0, 0, 0, 0, 0, 0, 0, 60, Decimal(0)),
        (at(120), 12, 1, 1, 0, 0, 0, 0, 0, 0, 0, 11, Decimal("0.0833")),
    ]


async def test_a_missing_tick_is_a_row_like_any_other(database: Database, sql: Connection) -> None:
    """Each with its time: from the minute after the last poll to the one before the next."""
    await eventful_afternoon(database)

    found = await sql.fetch("SELECT tick FROM venue_ticks WHERE outcome = 'missing' ORDER BY tick")
    assert [at(minute) for minute in range(11, 131)] == [tick for (tick,) in found]
    assert await sql.fetchval("SELECT count(*) FROM venue_ticks") == 132


async def test_the_interval_that_was_in_force_counts(database: Database, sql: Connection) -> None:
    """Ten ticks of a minute, then of half a minute; two of these are missing."""
    story = Story(database)
    for minute in range(10):
        story.poll(minute)
    for half in range(10):
        if half not in {4, 5}:
            story.poll(10 + half / 2, interval=30.0)
    await story.store()

    assert await sums(sql) == [(20, 18, 2)]


async def test_a_poll_that_comes_late_is_missing_no_more(
    database: Database, sql: Connection
) -> None:
    """A journal that was kept aside is handed in: its ticks fill the hole, and leave the rest."""
    story = Story(database)
    story.poll(0)
    story.poll(6)
    await story.store()
    assert await sums(sql) == [(7, 2, 5)]

    story.poll(3)
    await story.store()
    assert await sums(sql) == [(7, 3, 4)]
    story.poll(-2)
    await story.store()
    assert await sums(sql) == [(2, 1, 1), (7, 3, 4)]


async def test_two_polls_in_one_tick_are_one_tick(database: Database, sql: Connection) -> None:
    """After a restart within the minute: what the second came to counts."""
    story = Story(database)
    story.poll(0, outcome=Outcome.INTERRUPTED)
    story.poll(0)
    await story.store()

    assert await sums(sql) == [(1, 1, 0)]


async def test_however_long_it_was_down_every_tick_between_two_polls_is_missing(
    database: Database, sql: Connection
) -> None:
    """Up to 366 days, to the hour; what is beyond is not counted."""
    year = 366 * 24 * 60
    for venue, minutes in (("bitget", year + 60), ("htx", year), ("synthetix", 8 * 1440)):
        story = Story(database, venue=venue, base=NOON - timedelta(days=400))
        story.poll(0, interval=3600.0)
        story.poll(minutes, interval=3600.0)
        await story.store()

    for missing in (
        "SELECT venue, sum(missing) FROM venue_coverage",
        "SELECT venue, count(*) FILTER (WHERE outcome = 'missing') FROM venue_ticks",
    ):
        found = await sql.fetch(f"{missing} GROUP BY 1 ORDER BY 1")
        assert [tuple(row) for row in found] == [
            ("bitget", 0),
            ("htx", 366 * 24 - 1),
            ("synthetix", 8 * 24 - 1),
        ]


async def test_a_venue_that_is_polled_no_more_is_not_missed_for_ever(
    database: Database, sql: Connection
) -> None:
    """For a month it is; and when it is polled again, the time before is missing after all."""
    # Half an hour from the moment at which one more is missing.
    now = datetime.now(UTC) - timedelta(minutes=30)
    for venue, days in (("htx", 30), ("bitget", 32)):
        story = Story(database, venue=venue, base=now - timedelta(days=days))
        story.poll(0, interval=3600.0)
        await story.store()
    counts = "SELECT venue, sum(missing) FROM venue_coverage GROUP BY 1 ORDER BY 1"
    assert [tuple(row) for row in await sql.fetch(counts)] == [
        ("bitget", 0),
        ("htx", 30 * 24 - 3),
    ]

    again = Story(database, venue="bitget", base=now)
    again.poll(-60, interval=3600.0)
    await again.store()
    assert (await sql.fetch(counts))[0]["sum"] == 32 * 24 - 2


async def test_nothing_is_missing_where_no_interval_is_known(
    database: Database, sql: Connection
) -> None:
    """Rows of before have none; what is between the last of them and the first new one counts."""
    story = Story(database)
    story.poll(0, interval=None)
    story.poll(10, interval=None)
    story.poll(15)
    await story.store()

    assert await sums(sql) == [(7, 3, 4)]


async def test_a_collector_that_is_down_now_is_seen_now(
    database: Database, sql: Connection
) -> None:
    """Of the ticks since the newest poll, those are missing for which there is no hope left."""
    now = datetime.now(UTC)
    story = Story(database, base=now - timedelta(hours=5, minutes=30))
    story.poll(0, interval=3600.0)
    await story.store()

    ticks = await sql.fetch("SELECT outcome, tick FROM venue_ticks ORDER BY tick")
    # The tick 90 minutes ago may still be polled: three intervals are the patience of a poll.
    assert [tuple(row) for row in ticks] == [
        ("ok", now - timedelta(hours=5.5)),
        ("missing", now - timedelta(hours=4.5)),
        ("missing", now - timedelta(hours=3.5)),
    ]
    assert sum(missing for _, _, missing in await sums(sql)) == 2


async def test_a_poll_under_way_is_running_with_its_interval(
    database: Database, sql: Connection
) -> None:
    """The first reply writes the row."""
    story = Story(database)
    story.poll(0, {"BTC-USDT": "1"}, Outcome.RUNNING)
    await story.store()

    row = await sql.fetchrow("SELECT outcome, poll_interval FROM polls")
    assert row is not None
    assert tuple(row) == ("running", timedelta(seconds=60))
    assert await sql.fetchval("SELECT running FROM venue_coverage WHERE hour = $1", NOON) == 1


async def test_an_interrupted_poll_keeps_the_interval_that_its_replies_told(
    database: Database, sql: Connection
) -> None:
    """The next start, which finds it open, does not know what was configured then."""
    story = Story(database)
    story.poll(0, {"BTC-USDT": "1"}, Outcome.RUNNING)
    await story.store()
    story.poll(0, outcome=Outcome.INTERRUPTED, interval=None)
    await story.store()

    found = await sql.fetchval("SELECT poll_interval FROM polls WHERE outcome = 'interrupted'")
    assert found == timedelta(seconds=60)
