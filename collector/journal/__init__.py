"""The durable queue on local disk, in front of the database: what it has accepted stays.

A record is accepted when it has been written to the log and synced. The queue is bounded in bytes:
rows are refused once it is full, while a small reserve still takes the records that say so.

Every record carries the session (one opening of the journal) and a number that only grows. The sink
stores the highest number it has written in the transaction that writes it, so a record that was
written but not yet forgotten when the process died is recognised, even in a restored copy.

Damage, wherever it is, costs the records that it hit and no more: they are counted, the files are
kept aside as they were found, and the rest goes on.
"""

import asyncio
import contextlib
import uuid
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

import structlog

from collector import records
from collector.errors import JournalError
from collector.journal import folder, older
from collector.journal.commits import Act, Commits
from collector.journal.disk import Disk, disk_error
from collector.journal.log import Log
from collector.journal.notes import Notes, OpenPolls
from collector.journal.salvage import Loss
from collector.models import Outcome
from collector.records import ListingRecord, PollRecord, Record, ReplyRecord

log = structlog.get_logger()

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

    def __init__(self, path: Path, max_bytes: int, disk: Disk | None = None) -> None:
        self.path = path
        self.max_bytes = max_bytes
        self.session = uuid.uuid4().hex
        self.depth = Depth()
        self.loss = Loss()
        """What was found damaged since this was opened."""
        self._disk = disk or Disk()
        self._some = asyncio.Event()
        self._none = asyncio.Event()
        self._opened = AsyncExitStack()
        self._commits: Commits
        self._notes: Notes
        self._open_polls: OpenPolls = {}

    async def __aenter__(self) -> Self:
        """Open the journal, and close the polls that the process before left open.

        Raises:
            JournalInUse: another process has it.
            JournalError: it cannot be used, and why.
        """
        async with AsyncExitStack() as opened:
            opened.enter_context(folder.lock(self.path))
            self._commits = Commits(await asyncio.to_thread(self._open))
            opened.push_async_callback(self._commits.close)
            found = self._commits.log
            self._changed(found.waiting_records, found.waiting_rows)
            if found.loss:
                self._say(found.loss, found.loss)
            await self._close_abandoned_polls()
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
        return self._commits.log.used_bytes

    def has_room(self) -> bool:
        """Tell whether there is room for a reply of several hundred rows."""
        return self.used_bytes + _ROOM < self.max_bytes - self.max_bytes // _RESERVE_SHARE

    async def append(self, record: Record) -> None:
        """Accept a record: when this returns, it is on disk.

        Raises:
            JournalFull: it does not fit; nothing was accepted.
            JournalError: the disk does not work; nothing was accepted.
        """
        body = records.encode(record)
        reserve = self.max_bytes // _RESERVE_SHARE if isinstance(record, ReplyRecord) else 0

        def act(log: Log) -> None:
            log.stage(body, record.rows, reserve)

        await self._do(act, lambda _: self._changed(1, record.rows))
        if isinstance(record, PollRecord):
            await self._end_poll(record.venue, record.polled_at)

    async def begin_poll(self, venue: str, polled_at: datetime, started_at: datetime) -> None:
        """Note that a poll has started, so that it is not forgotten if the process dies."""
        self._open_polls[venue, polled_at] = started_at
        await self._note_open_polls()

    async def oldest(self, max_rows: int, max_records: int = 2000) -> list[Entry]:
        """Return the oldest records, of about `max_rows` rows; none only if there are none."""

        def act(log: Log) -> tuple[list[Entry], Loss]:
            found: list[Entry] = []
            rows = 0
            for frame in log.read():
                try:
                    record = records.decode(frame.body)
                except records.DamagedRecordError:
                    if found:
                        break  # it has its turn when it is the oldest
                    log.set_aside(frame)
                    continue
                found.append(Entry(frame.seq, frame.session.hex(), record))
                rows += frame.rows
                if rows >= max_rows or len(found) >= max_records:
                    break
            return found, log.loss

        found, _ = await self._do(act, lambda result: self._tell(result[1]))
        return found

    async def forget(self, up_to: int) -> None:
        """Forget the records up to a number: they are in the database."""

        def act(log: Log) -> tuple[tuple[int, int], Loss]:
            return log.forget(up_to), log.loss

        def then(result: tuple[tuple[int, int], Loss]) -> None:
            (records, rows), loss = result
            self._changed(-records, -rows)
            self._tell(loss)

        await self._do(act, then)

    async def filled(self) -> None:
        """Wait until there is something in the journal."""
        await self._some.wait()

    async def emptied(self) -> None:
        """Wait until there is nothing in the journal."""
        await self._none.wait()

    async def keep_listing(self, listing: ListingRecord) -> None:
        """Remember what a venue lists, for a start at which it cannot be asked."""
        await self._do(lambda _: self._notes.note_listing(listing))

    async def kept_listing(self, venue: str) -> ListingRecord | None:
        """Return what the venue listed when it was last asked; None if that is not known."""
        listing = await self._do(lambda _: self._notes.listing(venue))
        self._tell_of_notes()
        return listing

    async def forget_listing(self, venue: str) -> None:
        """Forget what a venue lists."""
        await self._do(lambda _: self._notes.forget_listing(venue))

    def _open(self) -> Log:
        """Open what lies at the path, whatever it is."""
        older.take_over(self.path, self._disk)
        folder.prepare(self.path, self._disk)
        self._notes = Notes(self.path, self._disk)
        return Log(self.path, self.max_bytes, bytes.fromhex(self.session), self._disk)

    async def _close_abandoned_polls(self) -> None:
        """Record as interrupted what was under way when the process before ended."""
        abandoned = await self._do(lambda _: self._notes.open_polls())
        self._tell_of_notes()
        for (venue, polled_at), started_at in abandoned.items():
            await self.append(
                PollRecord(
                    venue=venue,
                    polled_at=polled_at,
                    started_at=started_at,
                    finished_at=None,
                    outcome=Outcome.INTERRUPTED,
                    error="the collector ended in the middle",
                )
            )
        if abandoned:
            await self._note_open_polls()

    async def _end_poll(self, venue: str, polled_at: datetime) -> None:
        if self._open_polls.pop((venue, polled_at), None) is not None:
            # If it cannot be noted, the next start takes the poll for interrupted; the database
            # knows better.
            with contextlib.suppress(JournalError):
                await self._note_open_polls()

    async def _note_open_polls(self) -> None:
        polls = dict(self._open_polls)
        await self._do(lambda _: self._notes.note_open_polls(polls))

    def _changed(self, records_more: int, rows_more: int) -> None:
        self.depth.records += records_more
        self.depth.rows += rows_more
        now, before = (
            (self._none, self._some) if self.depth.records == 0 else (self._some, self._none)
        )
        now.set()
        before.clear()

    def _tell(self, loss: Loss) -> None:
        """Say what has been found damaged since the last time, and count without it."""
        news = loss.since(self.loss)
        if not news:
            return
        self._changed(-news.records, -news.rows)
        self._say(loss, news)

    def _say(self, loss: Loss, news: Loss) -> None:
        self.loss = loss
        log.warning(
            "journal.damaged",
            journal=str(self.path),
            records_lost=news.records,
            rows_lost=news.rows,
            bytes_unreadable=news.size,
            kept_as=[str(path) for path in news.files],
        )

    def _tell_of_notes(self) -> None:
        for path in self._notes.damaged:
            log.warning("journal.note_damaged", file=str(path))
        self._notes.damaged.clear()

    async def _do(self, act: Act[T], then: Callable[[T], None] = lambda _: None) -> T:
        """Run an operation; `then` is called if it succeeds, even if the caller is gone."""
        done = self._commits.submit(act)

        def served(future: asyncio.Future[T]) -> None:
            if not future.cancelled() and future.exception() is None:
                then(future.result())

        done.add_done_callback(served)
        try:
            return await asyncio.shield(done)
        except OSError as error:
            raise disk_error(self.path, error) from error
