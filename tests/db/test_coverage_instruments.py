"""What was to be had of an instrument against what was got: unchanged, not polled, failed."""

from datetime import timedelta
from decimal import Decimal

import pytest

from collector.db import Connection, Database
from tests.db.stories import NOON, Story, at, eventful_afternoon

pytestmark = pytest.mark.db

COVERAGE = """
SELECT hour, expected, received, repeated, not_polled, failed, left_out, rejected, snapshots,
    changed, unchanged, coverage
FROM open_interest_coverage($1, $2, symbol => $3) ORDER BY hour
"""
GAPS = """
SELECT started_at, ended_at, length, missed, cause
FROM open_interest_gaps($1, $2, 'htx', $3) ORDER BY started_at
"""
SPAN = """
SELECT expected, received, left_out
FROM open_interest_coverage('2026-03-02 12:00Z', '2026-03-02 13:00Z', 'htx', $1)
"""
FOUR_CAUSES = (
    "failed (failed 1), failed (interrupted 1), not polled (refused 1), not polled (skipped 1)"
)
DAY = (NOON - timedelta(hours=12), NOON + timedelta(hours=12))


async def rows(sql: Connection, question: str, *values: object) -> list[tuple[object, ...]]:
    """Return what a query finds."""
    return [tuple(row) for row in await sql.fetch(question, *values)]


async def span(sql: Connection, symbol: str) -> tuple[object, ...]:
    """Return expected, received and left out of an instrument in the hour from noon."""
    (found,) = await rows(sql, SPAN, symbol)
    return found


async def test_the_sum_of_what_came_and_of_what_did_not_is_what_was_expected(
    database: Database, sql: Connection
) -> None:
    """Each number counted by hand from the story of the afternoon."""
    await eventful_afternoon(database)

    assert await rows(sql, COVERAGE, *DAY, "BTC-USDT") == [
        (at(0), 60, 5, 1, 51, 2, 1, 0, 5, 2, 3, Decimal("0.1")),
        (at(60), 60, 0, 0, 60, 0, 0, 0, 0, 0, 0, Decimal(0)),
        (at(120), 12, 1, 0, 11, 0, 0, 0, 1, 1, 0, Decimal("0.0833")),
    ]
    assert await rows(sql, COVERAGE, *DAY, "ETH-USDT") == [
        (at(0), 60, 3, 0, 51, 3, 2, 1, 3, 3, 0, Decimal("0.05")),
        (at(60), 60, 0, 0, 60, 0, 0, 0, 0, 0, 0, Decimal(0)),
        (at(120), 12, 1, 0, 11, 0, 0, 0, 1, 1, 0, Decimal("0.0833")),
    ]


async def test_every_tick_says_what_came_of_it(database: Database, sql: Connection) -> None:
    """Unchanged is told from not polled and from failed, with the amounts beside it."""
    await eventful_afternoon(database)

    states = "SELECT state, open_interest_base FROM open_interest_ticks('htx', $1, $2, $3)"
    eleven = (NOON, at(11))
    assert await rows(sql, f"{states} ORDER BY tick", "BTC-USDT", *eleven) == [
        ("changed", Decimal(1)),
        ("unchanged", Decimal(1)),
        ("failed", None),
        ("not polled", None),
        ("not polled", None),
        ("failed", None),
        ("changed", Decimal(2)),
        ("left out", None),
        ("unchanged", Decimal(2)),
        ("unchanged", Decimal(2)),
        ("repeated", None),
    ]
    found = await rows(sql, f"{states} ORDER BY tick", "ETH-USDT", *eleven)
    assert [state for state, _ in found] == [
        "changed",
        "changed",
        "failed",
        "not polled",
        "not polled",
        "failed",
        "failed",
        "left out",
        "rejected",
        "left out",
        "changed",
    ]


async def test_a_gap_has_its_start_its_end_and_its_causes(
    database: Database, sql: Connection
) -> None:
    """A repeated snapshot is no gap; a venue that leaves one out makes one."""
    await eventful_afternoon(database)

    assert await rows(sql, GAPS, *DAY, "BTC-USDT") == [
        (
            at(2),
            at(6),
            timedelta(minutes=4),
            4,
            FOUR_CAUSES,
        ),
        (at(7), at(8), timedelta(minutes=1), 1, "left out (empty 1)"),
        (at(11), at(131), timedelta(hours=2), 120, "not polled (missing 120)"),
    ]
    assert [row[:4] for row in await rows(sql, GAPS, *DAY, "ETH-USDT")] == [
        (at(2), at(10), timedelta(minutes=8), 8),
        (at(11), at(131), timedelta(hours=2), 120),
    ]


async def test_a_gap_that_has_not_ended_is_there(database: Database, sql: Connection) -> None:
    """It lasts until the end of what was asked for, and has no end."""
    story = Story(database)
    story.listing(0, "A", "B")
    story.poll(0, {"A": "1", "B": "1"})
    story.poll(1, {"B": "1"})
    story.poll(2, {"B": "1"})
    await story.store()

    assert await rows(sql, GAPS, NOON, at(10), "A") == [
        (at(1), None, timedelta(minutes=9), 2, "left out (ok 2)")
    ]


async def test_nothing_is_expected_before_the_listing_and_after_the_delisting(
    database: Database, sql: Connection
) -> None:
    """Listed at 12:30 and 12:40, gone at 12:50, reported until 12:43, left out at 12:35."""
    story = Story(database)
    story.listing(0, "A")
    for minute in range(60):
        if minute in {30, 40}:
            story.listing(minute, "A", "NEW")
        if minute == 50:
            story.listing(minute, "A")
        new = {"NEW": f"{minute}"} if 30 <= minute <= 43 and minute != 35 else {}
        story.poll(minute, {"A": f"{minute}", **new})
    await story.store()

    assert (60, 60, 0) == await span(sql, "A")
    assert (14, 13, 1) == await span(sql, "NEW")


async def test_one_that_is_listed_but_not_active_is_due_until_its_last_snapshot(
    database: Database, sql: Connection
) -> None:
    """Its venue lists it on without reporting it."""
    story = Story(database)
    story.listing(0, "A", "B")
    for minute in range(60):
        more = {"B": "1"} if minute < 20 and minute != 7 else {}
        story.poll(minute, {"A": "1", **more})
    story.listing(30, "A", inactive=["B"])
    await story.store()

    assert (20, 19, 1) == await span(sql, "B")


async def test_two_snapshots_in_one_tick_are_one_poll_received(
    database: Database, sql: Connection
) -> None:
    """After a restart within the minute."""
    story = Story(database)
    story.listing(0, "A")
    story.poll(0, {"A": "1"})
    story.poll(0, {"A": "1"}, stamp=0.5)
    await story.store()

    assert await rows(sql, COVERAGE, *DAY, "A") == [
        (NOON, 1, 1, 0, 0, 0, 0, 0, 2, 1, 1, Decimal(1))
    ]


async def test_a_row_that_comes_late_is_received(database: Database, sql: Connection) -> None:
    """And the one after it is compared with it."""
    story = Story(database)
    story.listing(0, "A")
    story.poll(0, {"A": "1"})
    story.poll(2, {"A": "2"})
    await story.store()
    states = "SELECT state FROM open_interest_ticks('htx', 'A', $1, $2) ORDER BY tick"
    assert await rows(sql, states, *DAY) == [("changed",), ("not polled",), ("changed",)]

    story.poll(1, {"A": "2"})
    await story.store()
    assert await rows(sql, states, *DAY) == [("changed",), ("changed",), ("unchanged",)]


async def test_a_reply_that_is_the_same_as_before_is_repeated(
    database: Database, sql: Connection
) -> None:
    """A venue whose timestamp stands still: it was asked, and it answered."""
    story = Story(database)
    story.listing(0, "A", "B", "C")
    story.poll(0, {"A": "1", "B": "1"})
    await story.store()
    story.poll(1, {"A": "1", "B": "1"}, rejected=["C"], stamp=1 / 60)
    await story.store()

    states = "SELECT state FROM open_interest_ticks('htx', $1, $2, $3) ORDER BY tick"
    assert await rows(sql, states, "A", *DAY) == [("changed",), ("repeated",)]
    assert await rows(sql, GAPS, *DAY, "A") == []
