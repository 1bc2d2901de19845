"""A journal that was damaged starts unattended, keeps what is whole, and counts what is not."""

import random
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
import structlog
from structlog.testing import capture_logs

from collector.journal import Journal
from collector.journal.disk import Disk
from collector.records import Record
from tests.rows import reply, snapshot

BOUND = 2**20
ROWS = [1, 2, 1, 3, 1]
"""Of the records that the journals of these tests are given."""

PARTS = 4
"""Of the tests that try every byte."""

FORGOTTEN = 1
"""How many of them have gone on to the database."""

WRITTEN: list[Record] = [
    reply(*(snapshot(f"R{number}-{row}") for row in range(rows)))
    for number, rows in enumerate(ROWS)
]


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Thousands of warnings would hide a failure."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger("critical"))
    yield
    structlog.reset_defaults()


@pytest.fixture
async def original(tmp_path: Path) -> Path:
    """A journal with records, of which one is forgotten, as a killed process leaves it."""
    path = tmp_path / "original"
    async with Journal(tmp_path / "writing", BOUND) as journal:
        for record in WRITTEN:
            await journal.append(record)
        await journal.forget(FORGOTTEN)
        shutil.copytree(tmp_path / "writing", path)
    return path


@dataclass
class Opened:
    """What a journal has, and what it says it has lost."""

    kept: list[Record]
    records_lost: int
    rows_lost: int
    aside: list[bytes]


class QuickDisk(Disk):
    """A disk without syncs: these tests are about what is found, and open thousands of journals."""

    def sync(self, file: int) -> None:
        """Leave it to the system."""

    def sync_folder(self, folder: Path) -> None:
        """Leave it to the system."""


async def opened(path: Path) -> Opened:
    """Open a journal and read it to its end."""
    async with Journal(path, BOUND, QuickDisk()) as journal:
        entries = await journal.oldest(10**9)
        assert journal.depth.records == len(entries)
        assert journal.depth.rows == sum(entry.record.rows for entry in entries)
        loss = journal.loss
        return Opened(
            [entry.record for entry in entries],
            loss.records,
            loss.rows,
            [file.read_bytes() for file in loss.files],
        )


def log_of(path: Path) -> Path:
    """Return the one segment of a small journal."""
    (segment,) = path.glob("*.log")
    return segment


def copies(original: Path, work: Path) -> Callable[[], Path]:
    """Return what makes a fresh copy of the journal, at the same place each time."""

    def copy() -> Path:
        shutil.rmtree(work, ignore_errors=True)
        shutil.copytree(original, work)
        return work

    return copy


def check(found: Opened, again: Opened, at_most: int) -> None:
    """Assert that the books balance, that little was lost, and that it was counted once."""
    live = WRITTEN[FORGOTTEN:]
    kept = [record for record in found.kept if record in live]
    assert kept == [record for record in live if record in kept], "in order, and each once"
    assert len(found.kept) - len(kept) <= FORGOTTEN, "nothing that was never written"
    assert found.records_lost == len(live) - len(kept) <= at_most
    assert found.rows_lost == sum(record.rows for record in live if record not in kept)
    assert (again.kept, again.records_lost) == (found.kept, 0)


@pytest.mark.parametrize("part", range(PARTS))
async def test_every_flipped_bit_costs_one_record_at_most(
    original: Path, tmp_path: Path, part: int
) -> None:
    """At every byte of every file: it starts, and what is lost is counted to the row."""
    copy = copies(original, tmp_path / "copy")
    random_bit = random.Random(1)
    for file in sorted(original.iterdir()):
        data = file.read_bytes()
        at_most = 1 if file.suffix == ".log" else 0
        for offset in range(part, len(data), PARTS):
            work = copy()
            flipped = bytearray(data)
            flipped[offset] ^= 1 << random_bit.randrange(8)
            (work / file.name).write_bytes(flipped)

            found = await opened(work)

            check(found, await opened(work), at_most)
            if found.records_lost:
                assert found.aside == [bytes(flipped)]


@pytest.mark.parametrize("part", range(PARTS))
async def test_cut_anywhere_it_keeps_what_is_before_the_cut(
    original: Path, tmp_path: Path, part: int
) -> None:
    """At every byte of the log; records that are gone without a trace are counted all the same."""
    copy = copies(original, tmp_path / "copy")
    data = log_of(original).read_bytes()
    for length in range(part, len(data), PARTS):
        work = copy()
        log_of(work).write_bytes(data[:length])

        found = await opened(work)

        check(found, await opened(work), at_most=len(WRITTEN))
        assert found.kept == WRITTEN[FORGOTTEN:][: len(found.kept)], "a beginning"


async def test_other_files_may_be_cut_or_missing(original: Path, tmp_path: Path) -> None:
    """Without its notes a journal offers a little more again, and loses nothing."""
    copy = copies(original, tmp_path / "copy")
    for name in ("positions", "format"):
        data = (original / name).read_bytes()
        for length in range(len(data)):
            work = copy()
            (work / name).write_bytes(data[:length])
            check(await opened(work), await opened(work), at_most=0)


def spoil(data: bytes, chance: random.Random) -> bytes:
    """Return data that something bad has happened to."""
    start = chance.randrange(len(data))
    length = chance.choice([1, 7, 64, 512, 4096])
    size = len(data[start : start + length])
    other = chance.randrange(len(data))
    return data[:start] + chance.choice([
        bytes(size),
        chance.randbytes(size),
        b"",
        data[other : other + length],
        data[start : start + length] * 2,
    ]) + data[start + length :]  # fmt: skip


@pytest.mark.parametrize("seed", range(6))
async def test_whatever_happens_to_a_segment_the_books_balance(
    original: Path, tmp_path: Path, seed: int
) -> None:
    """Zeros, noise, missing, misplaced and repeated parts, several at once."""
    chance = random.Random(seed)
    copy = copies(original, tmp_path / "copy")
    for _ in range(60):
        work = copy()
        data = log_of(work).read_bytes()
        for _ in range(chance.randrange(1, 4)):
            data = spoil(data, chance) or b"\0"
        log_of(work).write_bytes(data)

        check(await opened(work), await opened(work), at_most=len(WRITTEN))


async def fill(path: Path, records: int, rows: int = 20) -> Sequence[Path]:
    """Write a journal of several segments; return them."""
    async with Journal(path, BOUND) as journal:
        for number in range(records):
            await journal.append(reply(*(snapshot(f"{number}-{row}") for row in range(rows))))
    return sorted(path.glob("*.log"))


@pytest.mark.parametrize("place", [0, 1, -1])
async def test_a_missing_segment_is_counted(tmp_path: Path, place: int) -> None:
    """The first, one in the middle, or the last: all that is missing is, and nothing else."""
    segments = await fill(tmp_path / "journal", records=100)
    assert len(segments) > 3
    first = [int(segment.stem) for segment in segments] + [101]
    missing = segments.index(segments[place])
    segments[place].unlink()

    found = await opened(tmp_path / "journal")

    lost = first[missing + 1] - first[missing]
    assert (found.records_lost, found.rows_lost) == (lost, lost * 20)
    assert len(found.kept) == 100 - lost
    assert (await opened(tmp_path / "journal")).records_lost == 0


async def test_damage_that_comes_while_it_is_open_is_told_and_passed_over(tmp_path: Path) -> None:
    """The sink goes on with what is whole, and the depth stays right."""
    path = tmp_path / "journal"
    structlog.reset_defaults()
    async with Journal(path, BOUND) as journal:
        for number in range(10):
            await journal.append(reply(snapshot(f"S{number}"), snapshot(f"T{number}")))
        segment = log_of(path)
        data = bytearray(segment.read_bytes())
        data[len(data) // 2] ^= 1
        segment.write_bytes(data)

        with capture_logs() as events:
            entries = await journal.oldest(10**9)

        assert (len(entries), journal.depth.records, journal.depth.rows) == (9, 9, 18)
        (event,) = events
        assert event["event"] == "journal.damaged"
        assert (event["records_lost"], event["rows_lost"]) == (1, 2)
        assert [Path(file).read_bytes() for file in event["kept_as"]] == [bytes(data)]
        await journal.append(reply(snapshot("after")))
        assert len(await journal.oldest(10**9)) == 10
        await journal.forget((await journal.oldest(10**9))[-1].seq)
        await journal.emptied()
    assert (await opened(path)).records_lost == 0


async def test_the_next_start_says_what_was_set_aside(original: Path) -> None:
    """One event, with counts and the file as it was found."""
    structlog.reset_defaults()
    data = log_of(original).read_bytes()
    log_of(original).write_bytes(data[:-1])
    with capture_logs() as events:
        await opened(original)

    (event,) = [event for event in events if event["event"] == "journal.damaged"]
    assert event["log_level"] == "warning"
    assert (event["records_lost"], event["rows_lost"]) == (1, ROWS[-1])
    assert event["bytes_unreadable"] > 0
    assert Path(event["kept_as"][0]).read_bytes() == data[:-1]
