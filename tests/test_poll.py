"""A poll leaves its rows and a record of itself in the journal, however it goes."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from collector.errors import JournalFull, NoAnswer
from collector.health import Health
from collector.instruments import Instruments
from collector.journal import Journal
from collector.models import Outcome
from collector.poll import Poller
from collector.records import ListingRecord, PollRecord, ReplyRecord
from collector.settings import VenueSettings
from collector.sweep import Sweeper
from collector.venues.spec import Reply
from tests.fakes import FakeBitget, FakeClient, FakeHtx
from tests.rows import TICK, instrument, listing, reply, snapshot

DOWN = NoAnswer("timed out", venue="htx", endpoint="GET /x")


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncIterator[Journal]:
    """An empty journal."""
    async with Journal(tmp_path / "journal", 2**20) as journal:
        yield journal


def poller(client: FakeClient, journal: Journal, health: Health | None = None) -> Poller:
    """Return a poller that asks this client."""
    watched = (health or Health(asyncio.get_running_loop().time)).add(client.venue.name, 60)
    types = ("USDT-FUTURES",) if client.venue.name == "bitget" else ()
    return Poller(Sweeper(client, Instruments(client, types)), journal, watched, VenueSettings())


async def fill(journal: Journal) -> None:
    """Append rows until they are refused."""
    while True:
        await journal.append(reply(*(snapshot(f"S{number}") for number in range(200))))


async def records(journal: Journal, kind: type) -> list[object]:
    """Return the records of one kind, oldest first."""
    found = await journal.oldest(max_rows=10**6)
    return [entry.record for entry in found if isinstance(entry.record, kind)]


async def test_rows_and_the_poll_are_in_the_journal(journal: Journal) -> None:
    """A record for each reply, one for the list, and one for the poll, all with its tick."""
    await poller(FakeBitget(["A", "B"]).client(), journal).poll(TICK)

    rows = await records(journal, ReplyRecord)
    (ended,) = await records(journal, PollRecord)
    (listed,) = await records(journal, ListingRecord)
    assert isinstance(ended, PollRecord)
    assert isinstance(listed, ListingRecord)
    assert {row.polled_at for row in rows if isinstance(row, ReplyRecord)} == {TICK}
    assert [row.snapshots[0].symbol for row in rows if isinstance(row, ReplyRecord)] == ["A", "B"]
    assert (ended.polled_at, ended.outcome, ended.instruments, ended.requests, ended.error) == (
        TICK,
        Outcome.OK,
        2,
        3,
        None,
    )
    assert [each.symbol for each in listed.instruments] == ["A", "B"]


async def test_each_record_of_a_poll_tells_the_interval(journal: Journal) -> None:
    """Of replies, of an end and of a tick that was left out: missing ticks are known by it."""
    polling = poller(FakeBitget(["A"]).client(), journal)
    await polling.poll(TICK)
    await polling.skip(TICK, "busy")

    found = [*await records(journal, ReplyRecord), *await records(journal, PollRecord)]
    assert [timedelta(seconds=60)] * 3 == [
        each.interval for each in found if isinstance(each, ReplyRecord | PollRecord)
    ]


async def test_one_line_tells_how_it_went(journal: Journal) -> None:
    """Everything about a poll is in one event."""
    with capture_logs() as logged:
        await poller(FakeBitget(["A", "B"]).client(), journal).poll(TICK)

    (line,) = [each for each in logged if each["event"] == "poll.done"]
    assert line.pop("seconds") < 5
    assert line == {
        "event": "poll.done",
        "log_level": "info",
        "venue": "bitget",
        "polled_at": "2026-11-21T12:00:00+00:00",
        "outcome": "ok",
        "instruments": 2,
        "requests": 3,
        "rows": 2,
        "rejected": 0,
        "unlisted": 0,
    }


async def test_a_venue_that_goes_down_is_said_once_and_once_when_it_is_back(
    journal: Journal,
) -> None:
    """Three failed polls are one warning; the first good one says for how long it was."""
    htx = FakeHtx(["BTC-USDT"], {"BTC-USDT": "1"})
    polling = poller(htx.client(), journal)
    with capture_logs() as logged:
        await polling.poll(TICK)
        htx.reported = DOWN
        for _ in range(3):
            await polling.poll(TICK)
        htx.reported = {"BTC-USDT": "1"}
        await polling.poll(TICK)

    said = [each for each in logged if each["event"].startswith("venue.")]
    assert [each["event"] for each in said] == ["venue.down", "venue.recovered"]
    assert said[0] == {
        "event": "venue.down",
        "log_level": "warning",
        "venue": "htx",
        "error": "1 x htx GET /x: timed out (no_answer)",
    }
    assert set(said[1]) == {"event", "log_level", "venue", "after_seconds"}


async def test_a_full_journal_is_said_before_anything_is_asked(journal: Journal) -> None:
    """The venue's budget is not spent on rows that would be refused."""
    with pytest.raises(JournalFull):
        await fill(journal)
    client = FakeBitget(["A"]).client()

    await poller(client, journal).poll(TICK)

    (ended,) = await records(journal, PollRecord)
    assert isinstance(ended, PollRecord)
    assert client.asked == []
    assert ended.outcome is Outcome.REFUSED
    assert ended.error == f"journal {journal.path}: full; not polled"


async def test_a_fault_of_ours_is_loud_and_leaves_a_record(journal: Journal) -> None:
    """An exception that no venue can cause is logged with its trace; the daemon goes on."""

    def broken(_: Reply) -> object:
        raise ZeroDivisionError("ours")

    client = FakeBitget(["A"]).client()
    client.venue = replace(client.venue, parse=broken)  # type: ignore[arg-type]  # broken on purpose
    with capture_logs() as logged:
        await poller(client, journal).poll(TICK)

    (ended,) = await records(journal, PollRecord)
    assert isinstance(ended, PollRecord)
    assert (ended.outcome, ended.error) == (
        Outcome.FAILED,
        "internal error: ZeroDivisionError: ours",
    )
    assert [each["exc_info"] for each in logged if each["event"] == "poll.crashed"] == [True]


async def test_a_poll_that_is_cancelled_is_recorded(journal: Journal) -> None:
    """At a stop that cannot wait, the row says that the poll was interrupted."""
    client = FakeBitget(["A"]).client()
    client.pause = asyncio.Event()
    polling = asyncio.create_task(poller(client, journal).poll(TICK))
    await asyncio.sleep(0.05)
    polling.cancel()
    await asyncio.wait([polling])

    (ended,) = await records(journal, PollRecord)
    assert isinstance(ended, PollRecord)
    assert ended.outcome is Outcome.INTERRUPTED


async def test_a_tick_that_was_left_out_is_recorded(journal: Journal) -> None:
    """Not polled is not the same as failed."""
    with capture_logs() as logged:
        await poller(FakeBitget([]).client(), journal).skip(TICK, "busy")

    (ended,) = await records(journal, PollRecord)
    assert isinstance(ended, PollRecord)
    assert (ended.polled_at, ended.outcome, ended.error) == (TICK, Outcome.SKIPPED, "busy")
    assert [each["event"] for each in logged] == ["poll.skipped"]


async def test_the_list_of_the_last_process_is_a_start(journal: Journal) -> None:
    """A venue whose list cannot be had is polled with the instruments of before."""
    htx = FakeHtx(DOWN, {"BTC-USDT": "1"})
    client = htx.client()
    await journal.keep_listing(
        ListingRecord(
            venue="htx",
            listed_at=TICK,
            instruments=listing(instrument("BTC-USDT")).instruments,
            rejects=[],
        )
    )
    polling = poller(client, journal)
    await polling.recall()
    await polling.poll(TICK)

    (ended,) = await records(journal, PollRecord)
    assert isinstance(ended, PollRecord)
    assert (ended.outcome, ended.instruments) == (Outcome.OK, 1)
