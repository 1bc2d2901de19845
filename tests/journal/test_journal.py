"""What the journal has accepted stays, in order, and it says no in time."""

import asyncio
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from collector.errors import JournalFull
from collector.journal import Journal
from collector.journal.disk import Disk
from collector.models import Outcome
from collector.records import PollRecord, Record
from tests.rows import STARTED, TICK, instrument, listing, poll, reply, snapshot

MEGABYTES = 64 * 2**20


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the journal of a test is: in a folder that does not exist yet."""
    return tmp_path / "var" / "journal"


async def fill(journal: Journal, record: Record) -> int:
    """Append a record until it is refused; return how often it was accepted."""
    for accepted in range(10**6):
        try:
            await journal.append(record)
        except JournalFull as refusal:
            assert "its 1048576 bytes are in use" in str(refusal)  # noqa: PT017 - ends the loop
            return accepted
    raise AssertionError("the journal has no bound")


def size(path: Path) -> int:
    """Return the size of all files of the journal."""
    return sum(each.stat().st_size for each in path.rglob("*") if each.is_file())


async def test_records_come_back_as_they_were_oldest_first(path: Path) -> None:
    """Every kind, through a closed and opened journal, with its number and session."""
    written: list[Record] = [
        reply(snapshot("A"), snapshot("龙虾")),
        listing(instrument("A")),
        poll(),
    ]
    async with Journal(path, MEGABYTES) as journal:
        for record in written:
            await journal.append(record)
        session = journal.session
    async with Journal(path, MEGABYTES) as journal:
        found = await journal.oldest(max_rows=100)

        assert [entry.record for entry in found] == written
        assert [entry.seq for entry in found] == [1, 2, 3]
        assert {entry.session for entry in found} == {session} != {journal.session}
        assert (journal.depth.records, journal.depth.rows) == (3, 2)


async def test_what_is_forgotten_is_gone_and_numbers_are_not_used_again(path: Path) -> None:
    """A number that was written to the database never stands for something else."""
    async with Journal(path, MEGABYTES) as journal:
        for name in "ABC":
            await journal.append(reply(snapshot(name)))
        await journal.forget(up_to=3)
    async with Journal(path, MEGABYTES) as journal:
        await journal.append(reply(snapshot("D")))
        found = await journal.oldest(max_rows=100)

        assert [entry.seq for entry in found] == [4]
        assert (journal.depth.records, journal.depth.rows) == (1, 1)


async def test_a_batch_is_about_as_large_as_asked(path: Path) -> None:
    """At least one record, and no more once there are enough rows."""
    async with Journal(path, MEGABYTES) as journal:
        for name in "ABC":
            await journal.append(reply(*(snapshot(f"{name}{number}") for number in range(10))))

        assert len(await journal.oldest(max_rows=1)) == 1
        assert len(await journal.oldest(max_rows=11)) == 2
        assert len(await journal.oldest(max_rows=100)) == 3
        assert len(await journal.oldest(max_rows=100, max_records=2)) == 2


async def test_an_accepted_record_survives_kill_9(path: Path) -> None:
    """A process that is killed the moment after `append` returns has lost nothing."""
    program = f"""
import asyncio, os
from pathlib import Path
from collector.journal import Journal
from collector.journal.disk import Disk
from tests.rows import reply, snapshot

async def main():
    async with Journal(Path({str(path)!r}), 2**26) as journal:
        await journal.append(reply(snapshot("A")))
        os.kill(os.getpid(), 9)

asyncio.run(main())
"""
    killed = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", program], check=False, timeout=30
    )

    assert killed.returncode == -signal.SIGKILL
    async with Journal(path, MEGABYTES) as journal:
        assert [entry.record for entry in await journal.oldest(10)] == [reply(snapshot("A"))]


class CountingDisk(Disk):
    """A disk that counts the syncs of files."""

    def __init__(self) -> None:
        self.syncs = 0

    def sync(self, file: int) -> None:
        """Sync and count."""
        self.syncs += 1
        super().sync(file)


async def test_appends_that_wait_together_share_a_sync(path: Path) -> None:
    """A thousand appends at once cost far fewer syncs, and all of them are there."""
    disk = CountingDisk()
    async with Journal(path, MEGABYTES, disk) as journal:
        before = disk.syncs
        await asyncio.gather(*(journal.append(reply(snapshot(str(n)))) for n in range(1000)))

        assert journal.depth.records == 1000
        assert len(await journal.oldest(10**6)) == 1000
        assert 1 <= disk.syncs - before < 100


async def test_what_is_forgotten_leaves_the_disk(path: Path) -> None:
    """However much goes through it, an empty journal is small."""
    rows = reply(*(snapshot(f"S{n}") for n in range(100)))
    async with Journal(path, 2**21) as journal:
        for _ in range(40):
            for _ in range(10):
                await journal.append(rows)
            await journal.forget((await journal.oldest(10**9))[-1].seq)

        assert journal.depth.records == 0
        assert size(path) < 2**21 / 16


async def test_a_full_journal_refuses_rows_and_keeps_what_it_has(path: Path) -> None:
    """It keeps to its bound, still takes the record that says so, and later takes rows again."""
    bound = 2**20
    async with Journal(path, bound) as journal:
        rows = reply(*(snapshot(f"S{n}") for n in range(100)))
        accepted = await fill(journal, rows)

        assert not journal.has_room()
        await journal.append(poll(Outcome.REFUSED))
        assert (journal.depth.records, journal.depth.rows) == (accepted + 1, accepted * 100)
        assert size(path) <= bound

        found = await journal.oldest(max_rows=10**9)
        assert len(found) == accepted + 1
        await journal.forget(found[accepted // 2].seq)
        assert journal.has_room()
        await journal.append(reply(snapshot("A")))


async def test_even_the_reserve_is_bounded(path: Path) -> None:
    """Records without rows are refused as well, at the very end."""
    async with Journal(path, 2**20) as journal:
        await fill(journal, poll(Outcome.REFUSED, error="x" * 4000))

        assert size(path) <= 2**20


async def test_one_that_does_not_fit_does_not_cost_the_others(path: Path) -> None:
    """Appends that share a commit are refused one by one."""
    big = reply(*(snapshot(f"S{number}") for number in range(20_000)))
    async with Journal(path, 2**20) as journal:
        results = await asyncio.gather(
            journal.append(reply(snapshot("A"))),
            journal.append(big),
            journal.append(reply(snapshot("B"))),
            return_exceptions=True,
        )

        assert [type(result) for result in results] == [type(None), JournalFull, type(None)]
        assert len(await journal.oldest(100)) == 2


async def test_a_poll_that_was_cut_off_is_recorded_at_the_next_start(path: Path) -> None:
    """A process that dies in the middle of a poll leaves a row that says so."""
    later = TICK + timedelta(minutes=1)
    async with Journal(path, MEGABYTES) as journal:
        await journal.begin_poll("bitget", TICK, STARTED)
        await journal.begin_poll("htx", TICK, STARTED)
        await journal.append(poll(venue="htx"))
        await journal.begin_poll("htx", later, STARTED)
        await journal.forget(100)
    async with Journal(path, MEGABYTES) as journal:
        found = [entry.record for entry in await journal.oldest(100)]

        assert found == [
            PollRecord(
                venue=venue,
                polled_at=tick,
                started_at=STARTED,
                finished_at=None,
                outcome=Outcome.INTERRUPTED,
                error="the collector ended in the middle",
            )
            for venue, tick in (("bitget", TICK), ("htx", later))
        ]


async def test_a_listing_is_remembered(path: Path) -> None:
    """The newest of each venue, across a restart."""
    async with Journal(path, MEGABYTES) as journal:
        await journal.keep_listing(listing(instrument("A")))
        await journal.keep_listing(listing(instrument("B")))
    async with Journal(path, MEGABYTES) as journal:
        assert await journal.kept_listing("bitget") == listing(instrument("B"))
        assert await journal.kept_listing("htx") is None


async def test_a_listing_is_forgotten(path: Path) -> None:
    """Of one venue, for good; that there is none is no error."""
    async with Journal(path, MEGABYTES) as journal:
        await journal.keep_listing(listing(instrument("A")))
        await journal.forget_listing("htx")
        assert await journal.kept_listing("bitget") is not None
        await journal.forget_listing("bitget")
        assert await journal.kept_listing("bitget") is None
    async with Journal(path, MEGABYTES) as journal:
        assert await journal.kept_listing("bitget") is None


async def test_waiting_ends_when_something_comes_and_when_all_is_gone(path: Path) -> None:
    """The sink sleeps until there is work, a stop until there is none."""
    async with Journal(path, MEGABYTES) as journal:
        await journal.emptied()
        filled = asyncio.create_task(journal.filled())
        await journal.append(reply(snapshot("A")))
        await filled
        emptied = asyncio.create_task(journal.emptied())
        await journal.forget(1)
        await emptied


async def test_a_caller_that_gives_up_does_not_upset_the_count(path: Path) -> None:
    """The record is in the journal, and counted, although nobody waits for it any more."""
    async with Journal(path, MEGABYTES) as journal:
        append = asyncio.create_task(journal.append(reply(snapshot("A"))))
        await asyncio.sleep(0)
        append.cancel()
        await journal.filled()

        assert journal.depth.records == len(await journal.oldest(10)) == 1
