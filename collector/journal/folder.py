"""The journal's folder: whose it is, and of which format."""

import fcntl
import os
import zlib
from pathlib import Path
from typing import IO

from collector.errors import JournalError, JournalInUse
from collector.journal.disk import Disk, disk_error

FORMAT = 2
"""1 was an SQLite file."""

_NAME = "format"
_WORDS = "collector journal, format"


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
        raise disk_error(path, error) from error
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


def prepare(path: Path, disk: Disk) -> None:
    """Make the folder, or see that it is a journal that this version can read.

    Raises:
        JournalError: it was written by a newer collector, or is somebody else's, or the disk fails.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        found = _format(disk.read(path / _NAME))
        if found is None and not _looks_like_ours(path):
            raise JournalError(f"journal {path}: a folder with other things in it")
        if found is not None and found > FORMAT:
            raise JournalError(
                f"journal {path}: of format {found}, written by a newer collector;"
                f" this one reads up to {FORMAT}"
            )
        if found != FORMAT:
            words = f"{_WORDS} {FORMAT}"
            disk.write_whole(path / _NAME, f"{words} {_check(words)}\n".encode())
            disk.sync_folder(path.parent)
    except FileExistsError as error:
        raise JournalError(f"journal {path}: a file, and no journal") from error
    except OSError as error:
        raise disk_error(path, error) from error


def _format(data: bytes) -> int | None:
    """Return the format that is written down; None if nothing is, or it is damaged."""
    words, _, check = data.decode("ascii", "replace").strip().rpartition(" ")
    number = words.rpartition(" ")[2]
    return int(number) if check == _check(words) and number.isdecimal() else None


def _check(words: str) -> str:
    return f"{zlib.crc32(words.encode()):08x}"


def _looks_like_ours(path: Path) -> bool:
    """Tell whether a folder is empty, or a journal whose note of its format is damaged."""
    names = {each.name for each in path.iterdir()}
    return names <= {f"{_NAME}.new"} or bool(names & {_NAME, "positions"})
