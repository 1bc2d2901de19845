"""The durable queue on local disk, in front of the database: what it has accepted stays.

A record is accepted when its transaction is on disk (SQLite, WAL, synchronous=FULL). The queue is
bounded in bytes: rows are refused once it is full, while a small reserve still takes the records
that say so.

Every record carries the session (one opening of the journal) and a number that only grows. The sink
stores the highest number it has written in the transaction that writes it, so a record that was
written but not yet forgotten when the process died is recognised, even in a restored copy.
"""

import asyncio
import sqlite3
import uuid
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from collector import records
from collector.errors import JournalError, JournalFull
from collector.journal import storage
from collector.journal.commits import Act, Commits
from collector.models import Outcome
from collector.records import ListingRecord, PollRecord, Record, ReplyRecord

T = TypeVar("T")

_RESERVE_SHARE = 16
"""This fraction of the bound is kept for records that carry no rows."""

_ROOM = 2**16


@dataclass(frozen=True)
class Entry:
    """A record as it lies in the journal."""

    seq: int
    session: str
    record: Record


@dataclass
class Depth:
    """How much the journal holds, not yet in the database."""

    records: int = 0
    rows: int = 0


class Journal:
    """A queue of records that survives the process; one process at a time may have it open."""

    def __init__(self, path: Path, max_bytes: int) -> None:
        self.path = path
        self.max_bytes = max_bytes
        self.session = uuid.uuid4().hex
        self.depth = Depth()
        self._some = asyncio.Event()
        self._none = asyncio.Event()
        self._opened = AsyncExitStack()
        self._commits: Commits

    async def __aenter__(self) -> Self:
        """Open the journal, and close the polls that the process before left open.

        Raises:
            JournalInUse: another process has it.
            JournalError: it cannot be used, and why.
        """
        async with AsyncExitStack() as opened:
            opened.enter_context(storage.lock(self.path))
            self._commits = Commits(storage.connect(self.path))
            opened.push_async_callback(self._commits.close)
            await self._do(self._take_stock, lambda found: self._changed(*found))
            self._opened = opened.pop_all()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the journal; what it holds is there at the next start."""
        await self._opened.aclose()

    @property
    def used_bytes(self) -> int:
        """Bytes in use, of the `max_bytes` that there may be."""
        return self._commits.used_bytes

    def has_room(self) -> bool:
        """Tell whether there is room for a reply of several hundred rows."""
        return self.used_bytes + _ROOM < self.max_bytes - self.max_bytes // _RESERVE_SHARE

    async def append(self, record: Record) -> None:
        """Accept a record: when this returns, it is on disk.

        Raises:
            JournalFull: it does not fit; nothing was accepted.
            JournalError: the disk does not work; nothing was accepted.
        """
        body, checksum = records.encode(record)
        reserve = self.max_bytes // _RESERVE_SHARE if isinstance(record, ReplyRecord) else 0

        def act(connection: sqlite3.Connection) -> None:
            if storage.used_bytes(connection) + len(body) > self.max_bytes - reserve:
                raise JournalFull(f"journal {self.path}: its {self.max_bytes} bytes are in use")
            self._insert(connection, record.rows, body, checksum)
            if isinstance(record, PollRecord):
                connection.execute(
                    "DELETE FROM open_poll WHERE venue = ? AND polled_at = ?",
                    (record.venue, record.polled_at.isoformat()),
                )

        await self._do(act, lambda _: self._changed(1, record.rows))

    async def begin_poll(self, venue: str, polled_at: datetime, started_at: datetime) -> None:
        """Note that a poll has started, so that it is not forgotten if the process dies."""

        def act(connection: sqlite3.Connection) -> None:
            connection.execute(
                "INSERT OR REPLACE INTO open_poll VALUES (?, ?, ?)",
                (venue, polled_at.isoformat(), started_at.isoformat()),
            )

        await self._do(act)

    async def oldest(self, max_rows: int, max_records: int = 2000) -> list[Entry]:
        """Return the oldest records, at least one if there is any, of about `max_rows` rows."""

        def act(connection: sqlite3.Connection) -> list[Entry]:
            found: list[Entry] = []
            rows = 0
            selected = connection.execute(
                "SELECT seq, session, row_count, checksum, body FROM record ORDER BY seq LIMIT ?",
                (max_records,),
            )
            for seq, session, row_count, checksum, body in selected:
                found.append(Entry(seq, session, records.decode(body, checksum)))
                rows += row_count
                if rows >= max_rows:
                    break
            selected.close()
            return found

        return await self._do(act)

    async def forget(self, up_to: int) -> None:
        """Forget the records up to a number: they are in the database."""

        def act(connection: sqlite3.Connection) -> tuple[int, int]:
            gone: tuple[int, int] = connection.execute(
                "SELECT count(*), coalesce(sum(row_count), 0) FROM record WHERE seq <= ?", (up_to,)
            ).fetchone()
            connection.execute("DELETE FROM record WHERE seq <= ?", (up_to,))
            return gone

        await self._do(act, lambda gone: self._changed(-gone[0], -gone[1]))

    async def filled(self) -> None:
        """Wait until there is something in the journal."""
        await self._some.wait()

    async def emptied(self) -> None:
        """Wait until there is nothing in the journal."""
        await self._none.wait()

    async def keep_listing(self, listing: ListingRecord) -> None:
        """Remember what a venue lists, for a start at which it cannot be asked."""
        body, checksum = records.encode(listing)

        def act(connection: sqlite3.Connection) -> None:
            connection.execute(
                "INSERT OR REPLACE INTO listing VALUES (?, ?, ?)",
                (listing.venue, checksum, body),
            )

        await self._do(act)

    async def kept_listing(self, venue: str) -> ListingRecord | None:
        """Return what the venue listed when it was last asked; None if that is not known."""

        def act(connection: sqlite3.Connection) -> Record | None:
            found = connection.execute(
                "SELECT body, checksum FROM listing WHERE venue = ?", (venue,)
            ).fetchone()
            return None if found is None else records.decode(*found)

        listing = await self._do(act)
        return listing if isinstance(listing, ListingRecord) else None

    def _changed(self, records_more: int, rows_more: int) -> None:
        self.depth.records += records_more
        self.depth.rows += rows_more
        now, before = (
            (self._none, self._some) if self.depth.records == 0 else (self._some, self._none)
        )
        now.set()
        before.clear()

    def _take_stock(self, connection: sqlite3.Connection) -> tuple[int, int]:
        """Record as interrupted what was under way at the last end, and count what is there."""
        abandoned = connection.execute("SELECT venue, polled_at, started_at FROM open_poll")
        for venue, polled_at, started_at in abandoned.fetchall():
            record = PollRecord(
                venue=venue,
                polled_at=datetime.fromisoformat(polled_at),
                started_at=datetime.fromisoformat(started_at),
                finished_at=None,
                outcome=Outcome.INTERRUPTED,
                error="the collector ended in the middle",
            )
            self._insert(connection, 0, *records.encode(record))
        connection.execute("DELETE FROM open_poll")
        found: tuple[int, int] = connection.execute(
            "SELECT count(*), coalesce(sum(row_count), 0) FROM record"
        ).fetchone()
        return found

    def _insert(
        self, connection: sqlite3.Connection, rows: int, body: bytes, checksum: int
    ) -> None:
        connection.execute(
            "INSERT INTO record (session, row_count, checksum, body) VALUES (?, ?, ?, ?)",
            (self.session, rows, checksum, body),
        )

    async def _do(self, act: Act[T], then: Callable[[T], None] = lambda _: None) -> T:
        """Run an operation; `then` is called if it succeeds, even if the caller is gone."""
        done = self._commits.submit(act)

        def served(future: asyncio.Future[T]) -> None:
            if not future.cancelled() and future.exception() is None:
                then(future.result())

        done.add_done_callback(served)
        try:
            return await asyncio.shield(done)
        except sqlite3.Error as error:
            if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
                raise JournalFull(f"journal {self.path}: the disk is full") from error
            raise JournalError(f"journal {self.path}: {error}") from error
        except records.DamagedRecordError as error:
            raise JournalError(f"journal {self.path}: a damaged record: {error}") from error
