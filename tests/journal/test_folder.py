"""Places that cannot be a journal are told in one sentence, and left as they are."""

import os
import zlib
from pathlib import Path

import pytest

from collector.errors import JournalError, JournalInUse
from collector.journal import Journal

MEGABYTES = 64 * 2**20


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the journal of a test is: in a folder that does not exist yet."""
    return tmp_path / "var" / "journal"


async def test_a_second_process_is_kept_out(path: Path) -> None:
    """It is told who has the journal."""
    async with Journal(path, MEGABYTES):
        with pytest.raises(JournalInUse, match=f"in use by process {os.getpid()}"):
            async with Journal(path, MEGABYTES):
                pass


async def test_a_file_that_is_no_journal_is_told(tmp_path: Path) -> None:
    """Whatever lies there is not overwritten."""
    path = text_file(tmp_path)

    with pytest.raises(JournalError, match="a file, and no journal"):
        async with Journal(path, MEGABYTES):
            pass

    assert path.read_text().startswith("Dear")


async def test_a_folder_of_somebody_else_is_told(tmp_path: Path) -> None:
    """Nothing is put among other people's things."""
    text_file(tmp_path)

    with pytest.raises(JournalError, match="a folder with other things in it"):
        async with Journal(tmp_path, MEGABYTES):
            pass

    assert [path.name for path in tmp_path.iterdir()] == ["letters.txt"]


def text_file(folder: Path) -> Path:
    """Return a file that somebody may still want."""
    path = folder / "letters.txt"
    path.write_text("Dear ..." * 1000)
    return path


async def test_a_journal_of_a_newer_collector_is_told(path: Path) -> None:
    """An old collector does not touch what it cannot read."""
    path.mkdir(parents=True)
    words = "collector journal, format 99"
    (path / "format").write_text(f"{words} {zlib.crc32(words.encode()):08x}\n")

    with pytest.raises(JournalError, match="of format 99, written by a newer collector"):
        async with Journal(path, MEGABYTES):
            pass


async def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    """The message names the journal and the reason."""
    (tmp_path / "file").touch()

    with pytest.raises(JournalError, match="file is not a folder"):
        async with Journal(tmp_path / "file" / "journal", MEGABYTES):
            pass
