"""Take over a journal of format 1, which was an SQLite file; nothing in it is lost or repeated."""

import sqlite3
import uuid
from contextlib import closing
from pathlib import Path

from collector.errors import JournalError
from collector.journal.disk import Disk
from collector.journal.frames import Frame, Kind
from collector.journal.positions import Position, Positions, Span
from collector.journal.recovery import SUFFIX

_MAGIC = b"SQLite format 3\0"
_VERSION = 1


def take_over(path: Path, disk: Disk) -> None:
    """Turn an SQLite journal at this place into a folder; it is kept beside it, as it was.

    Raises:
        JournalError: it is of a version that this collector does not know, or damaged.
    """
    draft, kept = path.with_name(path.name + ".new"), path.with_name(path.name + ".old")
    if path.is_file():
        if disk.read(path, 0, len(_MAGIC)) != _MAGIC:
            raise JournalError(f"journal {path}: a file, and no journal")
        try:
            _copy(path, draft, disk)
        except (sqlite3.Error, OSError) as error:
            raise JournalError(f"journal {path}: {error}") from error
        disk.replace(path, kept)
    if draft.is_dir() and kept.exists() and not path.exists():
        disk.replace(draft, path)
        disk.sync_folder(path.parent)


def _copy(path: Path, draft: Path, disk: Disk) -> None:
    """Write the records, under their own numbers and sessions, into a folder."""
    draft.mkdir(exist_ok=True)
    with closing(sqlite3.connect(path)) as connection:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version != _VERSION:
            raise JournalError(
                f"journal {path}: an SQLite file of version {version}, which is unknown here"
            )
        found = connection.execute(
            "SELECT seq, session, row_count, body FROM record ORDER BY seq"
        ).fetchall()
        (numbered,) = connection.execute(
            "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'record'"
        ).fetchone()
        connection.execute("PRAGMA journal_mode = DELETE")  # all of it is in the one file now
    rows_total = 0
    frames: list[Frame] = []
    for seq, session, rows, body in found:
        frames.append(
            Frame(
                kind=Kind.RECORD,
                seq=seq,
                records=1,
                rows=rows,
                rows_total=rows_total + rows,
                session=uuid.UUID(session).bytes,
                body=body,
                commit_seq=seq - 1,
                commit_rows=rows_total,
            )
        )
        rows_total += rows
    begin = Position(frames[0].seq - 1 if frames else numbered)
    end = Position(frames[-1].seq if frames else numbered, rows_total)
    disk.write_whole(
        draft / f"{begin.seq + 1:020}{SUFFIX}", b"".join(frame.packed() for frame in frames)
    )
    positions = Positions(draft / "positions", disk)
    positions.pin(Span(begin, end))
    positions.close()
