"""A journal is looked at without being opened, while its daemon is at work."""

from pathlib import Path

import pytest

from collector.errors import JournalError
from collector.journal import Journal
from collector.journal.look import Glimpse, glimpse
from tests.rows import poll, reply, snapshot

MAX_BYTES = 2**20


def content(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Return every file below a folder, with the time of its last change."""
    return {
        str(path): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file()
    }


async def test_what_waits_is_seen_while_the_journal_is_open(tmp_path: Path) -> None:
    """To the record, the row and the byte; what is forgotten is not counted."""
    async with Journal(tmp_path / "journal", MAX_BYTES) as journal:
        for number in range(5):
            await journal.append(reply(snapshot("A"), snapshot(f"B{number}")))
        await journal.append(poll())
        await journal.forget(2)

        seen = glimpse(journal.path)
        assert seen == Glimpse(4, 6, journal.used_bytes)
        assert (journal.depth.records, journal.depth.rows) == (4, 6)


async def test_nothing_is_changed_or_made_by_looking(tmp_path: Path) -> None:
    """Neither where there is a journal, nor where there is none."""
    async with Journal(tmp_path / "journal", MAX_BYTES) as journal:
        await journal.append(reply(snapshot()))
        before = content(tmp_path)

        assert glimpse(journal.path) is not None
        assert glimpse(tmp_path / "none") is None
        assert content(tmp_path) == before
        await journal.append(poll())


async def test_what_a_daemon_has_left_is_seen_after_its_end(tmp_path: Path) -> None:
    """The rows wait on the disk, whether or not a process runs."""
    async with Journal(tmp_path / "journal", MAX_BYTES) as journal:
        await journal.append(reply(snapshot("A"), snapshot("B")))

    seen = glimpse(tmp_path / "journal")
    assert seen is not None
    assert (seen.records, seen.rows) == (1, 2)


async def test_half_written_positions_leave_the_other_slot(tmp_path: Path) -> None:
    """The two are written in turn, so a reader in the middle of a write finds the one before."""
    path = tmp_path / "journal"
    async with Journal(path, MAX_BYTES) as journal:
        await journal.append(reply(snapshot("A")))
        await journal.append(reply(snapshot("B")))
    positions = path / "positions"
    data = positions.read_bytes()
    half = len(data) // 2
    for damaged in (data[:half] + bytes(half), bytes(half) + data[half:]):
        positions.write_bytes(damaged)
        seen = glimpse(path)
        assert seen is not None
        assert 1 <= seen.records <= 2


@pytest.mark.parametrize("data", [b"", b"nonsense"])
def test_damaged_positions_are_said_and_not_mended(tmp_path: Path, data: bytes) -> None:
    """Only the daemon mends."""
    (tmp_path / "positions").write_bytes(data)

    with pytest.raises(JournalError, match="positions are damaged; the next start mends them"):
        glimpse(tmp_path)
    assert (tmp_path / "positions").read_bytes() == data


def test_a_file_is_of_the_first_format(tmp_path: Path) -> None:
    """It has no positions to read."""
    (tmp_path / "journal").touch()

    with pytest.raises(JournalError, match="first format"):
        glimpse(tmp_path / "journal")


def test_a_folder_that_is_no_journal_is_said(tmp_path: Path) -> None:
    """With the words of the operating system."""
    with pytest.raises(JournalError, match="No such file"):
        glimpse(tmp_path)
