"""What a clock does to coverage: one that was ahead, a reader's time zone, and what was dropped."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from collector.db import Connection, Database
from collector.db.condition import Asked, polled
from collector.db.policies import Policies
from collector.models import Outcome
from collector.upkeep import Upkeep
from tests.db.stories import Story, at

pytestmark = pytest.mark.db

DAY = timedelta(days=1)
AHEAD = 30 * 24 * 60
MISSING = "SELECT count(*) FROM venue_ticks WHERE outcome = 'missing'"
KEEP_A_WEEK = "UPDATE collector_storage.rollup_state SET keep_for = '7 days'"


def hours_ago(hours: float) -> datetime:
    """Return the start of a minute."""
    return datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(hours=hours)


async def test_a_poll_of_a_clock_that_was_ahead_falsifies_nothing(
    database: Database, sql: Connection
) -> None:
    """Thirty days, once: nothing is missing until then, and the list of now is the newest."""
    story = Story(database, base=hours_ago(1))
    story.listing(0, "A")
    for minute in range(30):
        story.poll(minute, {"A": "1"})
    await story.store()
    story.listing(AHEAD, "A")
    story.poll(AHEAD, outcome=Outcome.FAILED)
    await story.store()
    for minute in range(31, 60):
        story.poll(minute, {"A": "1", "B": "1"})
    story.listing(59, "B")
    await story.store()

    assert await sql.fetchval(MISSING) == 1
    assert await sql.fetchval("SELECT sum(missing) FROM venue_coverage") == 1
    status = (await polled(database, [Asked("htx", 180.0, ".*", None)]))["htx"]
    assert (status.last_outcome, status.made, status.expected) == ("ok", 59, 60)
    spans = await sql.fetch("SELECT symbol FROM instrument_spans WHERE listed_until IS NULL")
    assert "B" in {symbol for (symbol,) in spans}

    story.listing(60, "A", "B")
    await story.store()
    assert await sql.fetchval("SELECT max(last_seen_at) FROM instruments") == at(60, story.base)


async def test_when_the_time_has_come_the_silence_before_it_ends(
    database: Database, sql: Connection
) -> None:
    """The poll that was ahead is one like any other then: each tick is counted once."""
    story = Story(database, base=hours_ago(3))
    story.poll(0)
    await story.store()
    # As it was stored while its moment was still to come.
    await sql.execute(
        "INSERT INTO polls SELECT venue, polled_at + interval '100 min', started_at, finished_at,"
        " outcome, 0, 0, 0, 0, 0, 0, 0, NULL, poll_interval FROM polls"
    )
    story.poll(130)
    await story.store()

    counted = "SELECT count(*), count(DISTINCT tick) FROM venue_ticks WHERE tick < $1"
    found = await sql.fetchrow(counted, at(130, story.base))
    assert found is not None
    assert tuple(found) == (130, 130)
    silences = "SELECT count(*) FROM collector_storage.silences WHERE until IS NULL"
    assert await sql.fetchval(silences) == 1


async def test_an_older_list_is_no_news(database: Database, sql: Connection) -> None:
    """A journal that is handed in late: what it says of then does not hold now."""
    story = Story(database)
    story.listing(60, inactive=["A"])
    await story.store()
    story.listing(0, "A")
    await story.store()

    found = await sql.fetchrow("SELECT active, first_seen_at, last_seen_at FROM instruments")
    assert found is not None
    assert tuple(found) == (False, at(0), at(60))


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/New_York"])
async def test_a_day_between_two_ticks_is_24_hours_for_every_reader(
    database: Database, sql: Connection, zone: str
) -> None:
    """Over a change to summer time."""
    story = Story(database, base=datetime(2026, 3, 20, tzinfo=UTC))
    day = DAY.total_seconds()
    story.poll(0, interval=day)
    story.poll(20 * 24 * 60, interval=day)
    await story.store()
    await sql.execute(f"SET timezone = '{zone}'")

    found = await sql.fetch("SELECT tick FROM venue_ticks WHERE outcome = 'missing' ORDER BY tick")
    assert [tick for (tick,) in found] == [story.base + number * DAY for number in range(1, 20)]


async def test_after_an_outage_longer_than_keep_for_each_tick_counts_once(
    database: Database, sql: Connection, writer_dsn: str
) -> None:
    """What is too old is dropped before the first poll is stored: the newest stays."""
    await sql.execute(KEEP_A_WEEK)
    story = Story(database, base=hours_ago(9 * 24))
    story.listing(0, "A")
    for minute in range(30):
        story.poll(minute, {"A": "1"})
    await story.store()
    upkeep = Upkeep(Database(writer_dsn), Policies(None, 7 * DAY, None))
    await upkeep.run(datetime.now(UTC))
    await upkeep.close()
    assert await sql.fetchval("SELECT count(*) FROM polls") == 1

    again = Story(database, base=hours_ago(3))
    for minute in range(170):
        again.poll(minute, {"A": "1"})
    await again.store()

    full = (again.base + timedelta(hours=1)).replace(minute=0)
    found = await sql.fetchrow(
        "SELECT expected, ok, coverage FROM venue_coverage WHERE hour = $1", full
    )
    assert found is not None
    assert tuple(found) == (60, 60, Decimal(1))
    before = (again.base - story.base) // timedelta(minutes=1) - 30
    assert await sql.fetchval(f"{MISSING} AND tick < $1", again.base) == before


async def test_a_silence_without_its_poll_ends_all_the_same(
    database: Database, sql: Connection
) -> None:
    """Versions before dropped the newest poll as well."""
    story = Story(database, base=hours_ago(9 * 24))
    story.poll(0)
    await story.store()
    await sql.execute("DELETE FROM polls")
    again = Story(database, base=hours_ago(3))
    for minute in range(170):
        again.poll(minute)
    await again.store()

    assert await sql.fetchval("SELECT count(*) FROM venue_ticks WHERE tick < $1", again.base) == 0


async def test_a_pause_goes_before_the_poll_that_ended_it(
    database: Database, sql: Connection
) -> None:
    """Otherwise it would seem to last until the oldest poll that is still there."""
    story = Story(database, base=hours_ago(40 * 24))
    story.poll(0)
    story.pause(0.5)
    story.poll(10)
    story.poll(39 * 24 * 60)
    story.pause(39 * 24 * 60 + 1)
    await story.store()
    await sql.execute(KEEP_A_WEEK)
    await sql.fetch("SELECT * FROM collector_storage.drop_expired()")
    await sql.fetch("SELECT * FROM collector_storage.drop_expired_ticks()")

    found = await sql.fetch("SELECT since, until FROM venue_pauses")
    assert [tuple(row) for row in found] == [(at(39 * 24 * 60 + 1, story.base), None)]
