"""After a power cut at any moment, everything that was accepted is there, once and in order."""

import asyncio
import random
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import structlog

from collector.journal import Entry, Journal
from collector.records import ReplyRecord
from tests.journal.power import ForgetfulDisk, Op, Platter, RecordingDisk
from tests.rows import STARTED, TICK, instrument, listing, poll, reply, snapshot

BOUND = 2**20


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Thousands of warnings would hide a failure."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger("critical"))
    yield
    structlog.reset_defaults()


@dataclass
class History:
    """What was asked of a journal, and when the answer came: by the number of operations."""

    disk: RecordingDisk
    accepted: list[tuple[int, str]] = field(default_factory=list)
    forgotten: list[tuple[int, str]] = field(default_factory=list)
    """At the moment at which it was asked for: from then on it may be gone."""
    names: list[str] = field(default_factory=list)

    async def append(self, journal: Journal, rows: int) -> None:
        """Append a record under a name of its own."""
        name = f"R{len(self.names):04}"
        self.names.append(name)
        await journal.append(reply(*(snapshot(f"{name}-{row}") for row in range(rows))))
        self.accepted.append((len(self.disk.ops), name))

    async def forget(self, journal: Journal, records: int) -> None:
        """Forget some of the oldest records."""
        entries = await journal.oldest(10**9, max_records=records)
        if entries:
            moment = len(self.disk.ops)
            self.forgotten += [(moment, name) for name in names_of(entries)]
            await journal.forget(entries[-1].seq)


def names_of(entries: list[Entry]) -> list[str]:
    """Return the names that records were given, of those that have rows."""
    return [
        entry.record.snapshots[0].symbol.partition("-")[0]
        for entry in entries
        if isinstance(entry.record, ReplyRecord)
    ]


async def live(history: History, path: Path, seed: int) -> None:
    """Use a journal for a while: appends alone and together, forgetting, closing and opening."""
    chance = random.Random(seed)
    for _ in range(3):
        async with Journal(path, BOUND, history.disk) as journal:
            for _ in range(chance.randrange(5, 25)):
                together = chance.choice([1, 1, 2, 5])
                await asyncio.gather(
                    *(history.append(journal, chance.choice([1, 5, 60])) for _ in range(together))
                )
                if chance.random() < 0.3:
                    await history.forget(journal, chance.randrange(1, 30))
                if chance.random() < 0.1:
                    await journal.begin_poll("htx", TICK, STARTED)
                    await journal.keep_listing(listing(instrument("A")))
                if chance.random() < 0.05:
                    await journal.forget_listing("bitget")
            if chance.random() < 0.5:
                await history.forget(journal, 10**9)


async def problem(history: History, moment: int, folder: Path) -> str | None:
    """Open what a power cut has left; return what is wrong with it, if anything is."""
    must = [name for when, name in history.accepted if when <= moment]
    gone = {name for when, name in history.forgotten if when <= moment}
    async with Journal(folder, BOUND) as journal:
        kept = names_of(await journal.oldest(10**9, 10**9))
        if missing := [name for name in must if name not in gone and name not in kept]:
            return f"lost {missing}"
        if kept != sorted(set(kept)) or not set(kept) <= set(history.names):
            return f"not once each and in order: {kept}"
        if journal.loss.records:
            return f"counts {journal.loss.records} as lost, of which none was accepted"
        await journal.append(poll())
    return None


async def problems(disk: RecordingDisk, folder: Path, seed: int, every: int) -> list[str]:
    """Live, then cut the power after every so many operations; return all that went wrong."""
    history = History(disk)
    await live(history, folder / "journal", seed)
    chance = random.Random(seed)
    platter = Platter()
    found: list[str] = []
    for moment, op in enumerate(disk.ops):
        platter.do(op)
        if moment % every == 0:
            left = folder / "left"
            shutil.rmtree(left, ignore_errors=True)
            left.mkdir()
            platter.after_power_cut(left, chance)
            wrong = await problem(history, moment + 1, left)
            if wrong is not None:
                found.append(f"after operation {moment} ({op.kind} {op.path.name}): {wrong}")
    return found


@pytest.mark.parametrize("seed", [0, 1, 106, 113])
async def test_a_power_cut_at_any_moment_loses_nothing_accepted(tmp_path: Path, seed: int) -> None:
    """Whatever of the unsynced writes and names reaches the disk, in part or in full."""
    assert await problems(RecordingDisk(), tmp_path, seed, every=1) == []


async def test_a_disk_whose_syncs_do_nothing_would_be_noticed(tmp_path: Path) -> None:
    """Otherwise the test above could not fail."""
    found = await problems(ForgetfulDisk(), tmp_path, seed=0, every=3)

    assert any("lost" in problem for problem in found)


def test_the_model_of_the_disk_keeps_what_was_synced_and_no_more(tmp_path: Path) -> None:
    """A synced file without a synced name may be gone, and the other way round be empty."""
    path = Path("a")
    platter = Platter()
    for op in (Op("create", path), Op("write", path, b"x" * 100), Op("sync", path)):
        platter.do(op)
    left = [outcomes(platter, tmp_path, seed) for seed in range(30)]
    assert set(left) == {None, b"x" * 100}
    platter.do(Op("sync_folder", path.parent))
    platter.do(Op("write", path, b"y", 100))
    left = [outcomes(platter, tmp_path, seed) for seed in range(30)]
    assert set(left) >= {b"x" * 100, b"x" * 100 + b"y"}


def outcomes(platter: Platter, folder: Path, seed: int) -> bytes | None:
    """Return what a power cut leaves of the file."""
    shutil.rmtree(folder)
    folder.mkdir()
    platter.after_power_cut(folder, random.Random(seed))
    file = folder / "a"
    return file.read_bytes() if file.exists() else None
