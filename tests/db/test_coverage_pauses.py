"""What the operator does not want is not missed: a venue that is switched off, an instrument."""

import itertools
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import pytest

from collector.db import Connection, Database
from collector.models import Outcome
from tests.db.stories import Story, at

pytestmark = pytest.mark.db

SUMS = "SELECT hour, expected, ok, missing FROM venue_coverage ORDER BY hour"
PAUSES = "SELECT venue, since, until FROM venue_pauses ORDER BY since"
GAPS = """
SELECT started_at, ended_at, length, missed, cause
FROM open_interest_gaps('2026-03-02 11:00Z', '2026-03-02 15:00Z', 'htx', 'BTC-USDT')
ORDER BY started_at
"""
COVERED = """
SELECT hour, expected, received, left_out
FROM open_interest_coverage('2026-03-02 12:00Z', '2026-03-02 14:00Z', 'htx', $1) ORDER BY hour
"""

AWAY = "SELECT symbol, since, until FROM instrument_absences"

Part = Callable[[Story], None]


async def rows(sql: Connection, question: str, *values: object) -> list[tuple[object, ...]]:
    """Return what a query finds."""
    return [tuple(row) for row in await sql.fetch(question, *values)]


def before(story: Story) -> None:
    """Six polls, and then the collector is down."""
    for minute in range(6):
        story.poll(minute)


def off(story: Story) -> None:
    """It is started after the ninth tick, without the venue."""
    story.pause(8.5)


def after(story: Story) -> None:
    """The venue is polled again two hours later, and two ticks are missing there."""
    story.poll(130)
    story.poll(133)


@pytest.mark.parametrize("parts", list(itertools.permutations([before, off, after])))
@pytest.mark.parametrize("at_once", [True, False])
async def test_nothing_is_missing_while_a_venue_is_switched_off(
    database: Database, sql: Connection, parts: Sequence[Part], *, at_once: bool
) -> None:
    """In whatever order it comes to be known: a journal may be handed in late."""
    story = Story(database)
    for part in parts:
        part(story)
        if not at_once:
            await story.store()
    await story.store()

    assert await rows(sql, SUMS) == [(at(0), 9, 6, 3), (at(120), 4, 2, 2)]
    assert await rows(sql, PAUSES) == [("htx", at(8.5), at(130))]
    ticks = await rows(sql, "SELECT tick FROM venue_ticks WHERE outcome = 'missing' ORDER BY tick")
    assert [at(minute) for minute in (6, 7, 8, 131, 132)] == [tick for (tick,) in ticks]
    expected = "SELECT sum(expected), sum(missing) FROM collector_storage.ticks GROUP BY width"
    assert await rows(sql, expected) == [(13, 5)] * 3


async def test_a_venue_that_is_off_now_is_not_missed_now(
    database: Database, sql: Connection
) -> None:
    """What was missing before it was switched off still is; starts without it change nothing."""
    now = datetime.now(UTC)
    story = Story(database, base=now - timedelta(hours=9, minutes=30))
    story.poll(0, interval=3600.0)
    await story.store()
    assert await sql.fetchval("SELECT sum(missing) FROM venue_coverage") == 6

    story.pause(150)
    story.pause(200)
    await story.store()

    assert await sql.fetchval("SELECT sum(missing) FROM venue_coverage") == 2
    assert await sql.fetchval("SELECT count(*) FROM venue_ticks WHERE outcome = 'missing'") == 2
    assert (await rows(sql, PAUSES))[0] == ("htx", at(150, story.base), None)


async def test_what_was_missing_before_a_venue_was_switched_off_is_counted_late(
    database: Database, sql: Connection
) -> None:
    """The last poll before comes when the pause is known: hours without one are counted as well."""
    story = Story(database)
    story.pause(150)
    await story.store()
    story.poll(0)
    await story.store()

    assert await rows(sql, SUMS) == [(at(0), 60, 1, 59), (at(60), 60, 0, 60), (at(120), 30, 0, 30)]


async def test_a_gap_ends_where_nothing_is_due_any_more(
    database: Database, sql: Connection
) -> None:
    """One before the venue is switched off and one after are two, and what is between is none."""
    story = Story(database)
    story.listing(0, "BTC-USDT")
    story.poll(0, {"BTC-USDT": "1"})
    story.poll(1, outcome=Outcome.FAILED)
    story.pause(3.5)
    await story.store()
    until_off = (at(1), at(3.5), timedelta(minutes=2.5), 3)
    assert [row[:4] for row in await rows(sql, GAPS)] == [until_off]

    story.poll(100, outcome=Outcome.FAILED)
    story.poll(101, {"BTC-USDT": "1"})
    await story.store()
    assert await rows(sql, GAPS) == [
        (*until_off, "not polled (missing 2), failed (failed 1)"),
        (at(100), at(101), timedelta(minutes=1), 1, "failed (failed 1)"),
    ]


async def test_an_instrument_that_is_not_wanted_any_more_is_not_left_out(
    database: Database, sql: Connection
) -> None:
    """Its last snapshot was the last that was due; the other goes on."""
    story = Story(database)
    story.listing(0, "BTC-USDT", "ETH-USDT")
    for minute in range(3):
        story.poll(minute, {"BTC-USDT": "1", "ETH-USDT": "5"})
    story.listing(3, "BTC-USDT", excluded=["ETH-USDT"])
    for minute in range(3, 6):
        story.poll(minute, {"BTC-USDT": "1"})
    await story.store()

    assert await rows(sql, COVERED, "ETH-USDT") == [(at(0), 3, 3, 0)]
    assert await rows(sql, COVERED, "BTC-USDT") == [(at(0), 6, 6, 0)]
    selected = "SELECT symbol, selected FROM instruments ORDER BY symbol"
    assert await rows(sql, selected) == [("BTC-USDT", True), ("ETH-USDT", False)]

    story.listing(6, "BTC-USDT", "ETH-USDT")
    story.poll(6, {"BTC-USDT": "1", "ETH-USDT": "5"})
    story.poll(7, {"BTC-USDT": "1"})
    await story.store()
    assert await rows(sql, selected) == [("BTC-USDT", True), ("ETH-USDT", True)]
    # Nor was it while it was away, once it is back.
    assert await rows(sql, COVERED, "ETH-USDT") == [(at(0), 5, 4, 1)]
    assert await rows(sql, AWAY) == [("ETH-USDT", at(2), at(6))]


async def test_one_that_was_left_out_from_the_beginning_was_not_missed_before(
    database: Database, sql: Connection
) -> None:
    """It was on the list, and config.yaml did not select it until then."""
    story = Story(database)
    story.listing(0, "BTC-USDT", excluded=["ETH-USDT"])
    for minute in range(10):
        story.poll(minute, {"BTC-USDT": "1"})
    story.listing(10, "BTC-USDT", "ETH-USDT")
    for minute in range(10, 13):
        story.poll(minute, {"BTC-USDT": "1", "ETH-USDT": "5"})
    await story.store()

    assert await rows(sql, COVERED, "ETH-USDT") == [(at(0), 3, 3, 0)]
    assert await rows(sql, COVERED, "BTC-USDT") == [(at(0), 13, 13, 0)]


async def test_one_that_is_listed_again_keeps_what_it_had(
    database: Database, sql: Connection
) -> None:
    """Delisted for twenty minutes: the ten before are as covered as they were, gap included."""
    story = Story(database)
    story.listing(0, "BTC-USDT", "ETH-USDT")
    for minute in range(10):
        story.poll(minute, {"BTC-USDT": "1"} | ({"ETH-USDT": "5"} if minute != 4 else {}))
    story.listing(9, "BTC-USDT", "ETH-USDT")
    story.listing(10, "BTC-USDT")
    await story.store()
    assert await rows(sql, COVERED, "ETH-USDT") == [(at(0), 10, 9, 1)]

    story.listing(20, "BTC-USDT")
    story.listing(30, "BTC-USDT", "ETH-USDT")
    for minute in range(10, 33):
        story.poll(minute, {"BTC-USDT": "1"} | ({"ETH-USDT": "5"} if minute > 30 else {}))
    story.listing(32, "BTC-USDT", "ETH-USDT")
    await story.store()

    assert await rows(sql, COVERED, "ETH-USDT") == [(at(0), 13, 11, 2)]
    assert await rows(sql, AWAY) == [("ETH-USDT", at(9), at(30))]


async def test_a_name_that_cannot_be_stored_costs_only_itself(
    database: Database, sql: Connection
) -> None:
    """Of a list; the others are updated."""
    story = Story(database)
    story.listing(0, "BTC-USDT", "E\0TH")
    await story.store()
    story.listing(1, "BTC-USDT", "E\0TH")
    await story.store()

    assert await rows(sql, "SELECT symbol, last_seen_at FROM instruments") == [("BTC-USDT", at(1))]
    assert await sql.fetchval("SELECT count(*) FROM rejects") == 2
