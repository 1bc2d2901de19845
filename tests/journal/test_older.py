"""A journal of the first format, an SQLite file, is taken over with all that is in it."""

import sqlite3
import uuid
from pathlib import Path

import pytest

from collector import records
from collector.errors import JournalError
from collector.journal import Journal
from tests.rows import reply, snapshot

BOUND = 2**26
SESSION = uuid.uuid4().hex

SCHEMA = """
CREATE TABLE record (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    session TEXT NOT NULL,
    row_count INTEGER NOT NULL,
    checksum INTEGER NOT NULL,
    body BLOB NOT NULL
);
PRAGMA user_version = 1;
"""


def write(path: Path, *names: str, forgotten: int = 0) -> None:
    """Write a journal as the first version did, in WAL mode and not closed in order."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.executescript(SCHEMA)
    for name in names:
        body = records.encode(reply(snapshot(name), snapshot(f"{name}2")))
        connection.execute(
            "INSERT INTO record (session, row_count, checksum, body) VALUES (?, 2, 0, ?)",
            (SESSION, body),
        )
    connection.execute("DELETE FROM record WHERE seq <= ?", (forgotten,))
    connection.close()


async def test_records_keep_their_numbers_and_sessions(tmp_path: Path) -> None:
    """The database knows records by them: none is written twice. The old file is kept."""
    path = tmp_path / "journal.sqlite3"
    write(path, "A", "B", "C", forgotten=1)
    async with Journal(path, BOUND) as journal:
        found = await journal.oldest(100)

        assert [(entry.seq, entry.session) for entry in found] == [(2, SESSION), (3, SESSION)]
        assert [entry.record for entry in found] == [
            reply(snapshot(name), snapshot(f"{name}2")) for name in "BC"
        ]
        assert (journal.depth.records, journal.depth.rows, journal.loss.records) == (2, 4, 0)
        await journal.append(reply(snapshot("D")))
        assert [entry.seq for entry in await journal.oldest(100)] == [2, 3, 4]
    assert sorted(each.name for each in tmp_path.iterdir()) == [
        "journal.sqlite3",
        "journal.sqlite3.lock",
        "journal.sqlite3.old",
    ]


async def test_an_empty_one_goes_on_counting(tmp_path: Path) -> None:
    """A number that was used is not used again."""
    path = tmp_path / "journal"
    write(path, "A", "B", forgotten=2)
    async with Journal(path, BOUND) as journal:
        await journal.append(reply(snapshot("C")))

        assert [entry.seq for entry in await journal.oldest(100)] == [3]


async def test_a_take_over_that_was_cut_off_is_finished(tmp_path: Path) -> None:
    """Between the two renamings the old file is away and the new folder not yet in place."""
    path = tmp_path / "journal"
    write(path, "A")
    async with Journal(path, BOUND):
        pass
    path.rename(tmp_path / "journal.new")

    async with Journal(path, BOUND) as journal:
        assert len(await journal.oldest(100)) == 1


async def test_an_unknown_version_is_told(tmp_path: Path) -> None:
    """It is left as it is."""
    path = tmp_path / "journal"
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 7")
    connection.close()

    with pytest.raises(JournalError, match="an SQLite file of version 7, which is unknown here"):
        async with Journal(path, BOUND):
            pass

    assert path.is_file()
