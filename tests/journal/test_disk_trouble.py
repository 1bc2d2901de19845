"""Disks that are full, broken or not ours: one clear message, and nothing accepted is dropped."""

import asyncio
import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from collector.errors import JournalError, JournalFull
from collector.journal import Journal
from collector.journal.disk import Disk
from collector.records import Record
from tests.rows import reply, snapshot

BOUND = 2**26


class TroubledDisk(Disk):
    """A disk that fails when it is told to, after half of the work."""

    def __init__(self) -> None:
        self.writes_fail: int | None = None
        self.syncs_fail: int | None = None
        self.truncates_fail: int | None = None

    def write(self, file: int, data: bytes, offset: int) -> None:
        """Write half of it and fail, if so told."""
        if self.writes_fail is not None:
            super().write(file, data[: len(data) // 2], offset)
            raise OSError(self.writes_fail, os.strerror(self.writes_fail))
        super().write(file, data, offset)

    def sync(self, file: int) -> None:
        """Fail, if so told."""
        if self.syncs_fail is not None:
            raise OSError(self.syncs_fail, os.strerror(self.syncs_fail))
        super().sync(file)

    def truncate(self, file: int, length: int) -> None:
        """Fail, if so told."""
        if self.truncates_fail is not None:
            raise OSError(self.truncates_fail, os.strerror(self.truncates_fail))
        super().truncate(file, length)


async def names_in(journal: Journal) -> list[str]:
    """Return the first symbol of each record."""
    return [entry.record.snapshots[0].symbol for entry in await journal.oldest(10**6)]  # type: ignore[union-attr]


async def test_a_full_disk_refuses_and_later_accepts_again(tmp_path: Path) -> None:
    """What was half written is taken back; every number is given once."""
    disk = TroubledDisk()
    async with Journal(tmp_path / "journal", BOUND, disk) as journal:
        await journal.append(reply(snapshot("A")))
        disk.writes_fail = errno.ENOSPC
        for name in "BCD":
            with pytest.raises(JournalFull, match="the disk is full"):
                await journal.append(reply(snapshot(name)))
        disk.writes_fail = None
        await journal.append(reply(snapshot("E")))

        assert await names_in(journal) == ["A", "E"]
        assert journal.depth.records == 2
    async with Journal(tmp_path / "journal", BOUND) as journal:
        assert await names_in(journal) == ["A", "E"]
        assert [entry.seq for entry in await journal.oldest(100)] == [1, 2]
        assert not journal.loss


@pytest.mark.parametrize("trouble", [errno.EIO, errno.EDQUOT])
async def test_a_sync_that_fails_refuses_and_is_not_relied_on_again(
    tmp_path: Path, trouble: int
) -> None:
    """The next record goes into a new file: a second sync of the same one proves nothing."""
    disk = TroubledDisk()
    async with Journal(tmp_path / "journal", BOUND, disk) as journal:
        await journal.append(reply(snapshot("A")))
        disk.syncs_fail = trouble
        with pytest.raises(JournalError):
            await journal.append(reply(snapshot("B")))
        disk.syncs_fail = None
        await journal.append(reply(snapshot("C")))

        assert len(list((tmp_path / "journal").glob("*.log"))) == 2
        assert await names_in(journal) == ["A", "C"]
    async with Journal(tmp_path / "journal", BOUND) as journal:
        assert await names_in(journal) == ["A", "C"]
        assert not journal.loss


async def test_what_cannot_be_taken_back_keeps_the_journal_shut(tmp_path: Path) -> None:
    """Until the remains are cut off nothing is accepted; what was accepted can still be read."""
    disk = TroubledDisk()
    async with Journal(tmp_path / "journal", BOUND, disk) as journal:
        await journal.append(reply(snapshot("A")))
        disk.syncs_fail, disk.truncates_fail = errno.EIO, errno.EIO
        with pytest.raises(JournalError, match="Input/output error"):
            await journal.append(reply(snapshot("B")))
        disk.syncs_fail = None
        with pytest.raises(JournalError, match="Input/output error"):
            await journal.append(reply(snapshot("C")))
        assert await names_in(journal) == ["A"]
        disk.truncates_fail = None
        await journal.append(reply(snapshot("D")))

        assert await names_in(journal) == ["A", "D"]
    async with Journal(tmp_path / "journal", BOUND) as journal:
        assert await names_in(journal) == ["A", "D"]


async def test_reading_and_forgetting_go_on_while_nothing_can_be_written(tmp_path: Path) -> None:
    """A full disk must not keep the rows from the database: that is what makes room again."""
    disk = TroubledDisk()
    async with Journal(tmp_path / "journal", BOUND, disk) as journal:
        for name in "ABC":
            await journal.append(reply(snapshot(name)))
        disk.writes_fail = errno.ENOSPC
        failing = asyncio.gather(
            *(journal.append(reply(snapshot(name))) for name in "DEF"), return_exceptions=True
        )
        found = await journal.oldest(100)

        assert [entry.seq for entry in found] == [1, 2, 3]
        assert [type(each) for each in await failing] == [JournalFull] * 3


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own with 1 MiB."""
    if os.geteuid() != 0:
        pytest.skip("only root may mount")
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], check=False, capture_output=True
    )
    if mounted.returncode != 0:
        pytest.skip("mounting is not permitted here")
    yield folder
    subprocess.run(["umount", folder], check=True)


async def until_full(journal: Journal, record: Record) -> int:
    """Append until the disk is full; return how often that worked."""
    for accepted in range(10_000):
        try:
            await journal.append(record)
        except JournalFull as error:
            assert "the disk is full" in str(error)  # noqa: PT017 - ends the loop
            return accepted
    raise AssertionError("the disk has no end")


async def test_a_disk_that_is_really_full(small_disk: Path) -> None:
    """On a file system of 1 MiB: refused in time, nothing lost, and room again after a while."""
    rows = reply(*(snapshot(f"S{n}") for n in range(50)))
    async with Journal(small_disk / "journal", BOUND) as journal:
        accepted = await until_full(journal, rows)
        assert accepted > 20
        assert len(await journal.oldest(10**6)) == accepted
    async with Journal(small_disk / "journal", BOUND) as journal:
        assert len(await journal.oldest(10**6)) == accepted
        await journal.forget((await journal.oldest(10**6))[-1].seq)
        await journal.append(rows)
        assert journal.depth.records == 1


def test_a_folder_that_may_not_be_written_is_told(tmp_path: Path) -> None:
    """In one sentence, with the folder and the reason."""
    folder = tmp_path / "sealed"
    folder.mkdir(mode=0o555)
    tmp_path.chmod(0o755)
    program = f"""
import asyncio, os, sys
from pathlib import Path
from collector.errors import JournalError
from collector.journal import Journal

async def main():
    async with Journal(Path({str(folder / "journal")!r}), 2**26):
        pass

if os.geteuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
try:
    asyncio.run(main())
except JournalError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], check=False, capture_output=True, text=True, timeout=30
    )

    assert (done.stdout, done.stderr) == (
        f"journal {folder / 'journal'}: Permission denied\n",
        "",
    )


def test_what_cannot_be_linked_is_copied(small_disk: Path, tmp_path: Path) -> None:
    """Some file systems have no second names; nor has any across its border."""
    (tmp_path / "found").write_bytes(b"as it was")

    Disk().link(tmp_path / "found", small_disk / "kept")

    assert (small_disk / "kept").read_bytes() == b"as it was"
