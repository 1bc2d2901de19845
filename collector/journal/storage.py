"""The journal's file: its lock, its schema, and what is in use of it."""

import fcntl
import os
import sqlite3
from pathlib import Path
from typing import IO

from collector.errors import JournalError, JournalInUse

VERSION = 1

_SCHEMA = """
CREATE TABLE record (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    session TEXT NOT NULL,
    row_count INTEGER NOT NULL,
    checksum INTEGER NOT NULL,
    body BLOB NOT NULL
);
CREATE TABLE open_poll (
    venue TEXT NOT NULL,
    polled_at TEXT NOT NULL,
    started_at TEXT NOT NULL,
    PRIMARY KEY (venue, polled_at)
);
CREATE TABLE listing (
    venue TEXT PRIMARY KEY,
    checksum INTEGER NOT NULL,
    body BLOB NOT NULL
);
"""


def lock(path: Path) -> IO[str]:
    """Make sure that no other process has the journal; the lock ends with the process.

    Raises:
        JournalInUse: another process holds it.
        JournalError: the folder cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        held = path.with_name(path.name + ".lock").open("a+")
    except FileExistsError as error:
        raise JournalError(f"journal {path}: {path.parent} is not a folder") from error
    except OSError as error:
        raise JournalError(f"journal {path}: {error.strerror or error}") from error
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        held.seek(0)
        holder = held.read(20).strip() or "unknown"
        held.close()
        raise JournalInUse(f"journal {path}: in use by process {holder}") from None
    held.truncate(0)
    held.write(f"{os.getpid()}\n")
    held.flush()
    return held


def connect(path: Path) -> sqlite3.Connection:
    """Open the file, creating it if it is not there, so that a commit is a sync to disk.

    Raises:
        JournalError: it was written by a newer collector, or is no journal, or the disk fails.
    """
    try:
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    except sqlite3.Error as error:
        raise JournalError(f"journal {path}: {error}") from error
    try:
        _prepare(connection, path)
    except sqlite3.Error as error:
        connection.close()
        raise JournalError(f"journal {path}: {error}") from error
    except JournalError:
        connection.close()
        raise
    return connection


def used_bytes(connection: sqlite3.Connection) -> int:
    """Return the bytes of the pages in use; the file itself does not shrink."""
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    (free,) = connection.execute("PRAGMA freelist_count").fetchone()
    (size,) = connection.execute("PRAGMA page_size").fetchone()
    return int((pages - free) * size)


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > VERSION:
        raise JournalError(
            f"journal {path}: of version {version}, written by a newer collector;"
            f" this one reads up to {VERSION}"
        )
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA journal_size_limit = 4194304")
    if version == 0:
        connection.executescript(f"BEGIN; {_SCHEMA} PRAGMA user_version = {VERSION}; COMMIT;")
