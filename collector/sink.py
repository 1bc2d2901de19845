"""Drain the journal into the database: oldest first, in batches, forgotten only when written."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

import stamina
import structlog

from collector.db import Database
from collector.db.migrate import migrate, pending, shipped
from collector.db.store import store
from collector.db.venues import reconcile_sides
from collector.errors import DatabaseError, DatabaseSlow, JournalError, MigrationError
from collector.health import Health
from collector.journal import Entry, Journal
from collector.models import SidesRule

log = structlog.get_logger()

_RECORDS = 2000
"""In a batch, at the most; a database that does not manage in time is given fewer."""


@dataclass(frozen=True)
class Pace:
    """How the sink works; seconds."""

    batch_rows: int = 5000
    linger: float = 1.0
    """How long small batches wait for company."""
    backoff: float = 0.5
    backoff_max: float = 15.0


@dataclass
class Totals:
    """What became of rows since the process started."""

    stored: int = 0
    duplicate: int = 0
    rejected: int = 0


class Sink:
    """The only one that talks to the hypertable."""

    def __init__(
        self,
        journal: Journal,
        database: Database,
        health: Health,
        pace: Pace,
        rules: Mapping[str, SidesRule] | None = None,
    ) -> None:
        self.totals = Totals()
        self._journal = journal
        self._database = database
        self._health = health
        self._pace = pace
        self._rules = rules or {}
        self._hurry = asyncio.Event()
        self._schema_is_right = False
        self._records = _RECORDS

    async def run(self) -> None:
        """Move records from the journal to the database, for ever."""
        while True:
            await self._journal.filled()
            await self._linger()
            # A disk that cannot be read just now does not end the daemon: polls go on.
            async for attempt in self._patiently(JournalError):
                with attempt:
                    await self._move()

    async def drain(self) -> None:
        """Wait until the journal is empty, without lingering."""
        self._hurry.set()
        await self._journal.emptied()

    async def _linger(self) -> None:
        """Let a few more rows come, if there are only a few."""
        if self._journal.depth.rows < self._pace.batch_rows:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._hurry.wait(), self._pace.linger)

    async def _move(self) -> None:
        """Move one batch; one that was written before it could be forgotten is recognised."""
        try:
            entries = await self._journal.oldest(self._pace.batch_rows)
            if entries:  # there are none if what there was turned out to be damaged
                written = await self._store(entries)
                await self._journal.forget(written[-1].seq)
        except JournalError as error:
            self._health.journal.failed(str(error))
            raise
        self._health.journal.worked()

    async def _store(self, entries: list[Entry]) -> list[Entry]:
        """Write entries; a database that is away or unwilling is tried again without end.

        Returns:
            What was written: all of them, or the oldest if the database is too slow for all.
        """
        async for attempt in self._patiently(DatabaseError):
            with attempt:
                some = entries[: self._records]
                await self._attempt(some)
                self._records = min(2 * self._records, _RECORDS)
                return some
        raise AssertionError("stamina either returns or raises")

    def _patiently(self, error: type[Exception]) -> AsyncIterator[stamina.Attempt]:
        """Try again without end, slower each time up to a bound."""
        return stamina.retry_context(
            on=error,
            attempts=None,
            timeout=None,
            wait_initial=self._pace.backoff,
            wait_max=self._pace.backoff_max,
            wait_jitter=self._pace.backoff,
        ).__aiter__()

    async def _attempt(self, entries: list[Entry]) -> None:
        try:
            if not self._schema_is_right:
                await bring_up_to_date(self._database)
                for change in await reconcile_sides(self._database, self._rules):
                    log.info("venues.changed", change=change)
                self._schema_is_right = True
            tally = await store(self._database, entries)
        except DatabaseError as error:
            # It may come back as another server, or restored from last week.
            self._schema_is_right = False
            if isinstance(error, DatabaseSlow):
                self._records = max(1, len(entries) // 2)
            self._health.database.failed(str(error), lasting=isinstance(error, MigrationError))
            raise
        self._health.database.worked()
        self.totals.stored += tally.stored
        self.totals.duplicate += tally.duplicate
        self.totals.rejected += tally.rejected
        log.debug(
            "sink.stored",
            records=len(entries),
            stored=tally.stored,
            duplicate=tally.duplicate,
            rejected=tally.rejected,
        )


async def bring_up_to_date(database: Database) -> None:
    """Apply pending migrations, if there are any and the role may.

    Raises:
        MigrationError: see `migrate`; a human has to do something.
        DatabaseUnavailable: the database is away.
    """
    async with database.session() as connection:
        todo = await pending(connection, shipped())
    if todo:
        done = await migrate(database)
        log.info("database.migrated", migrations=[each.name for each in done.applied])
        if done.problem is not None:
            log.warning("database.roles", problem=done.problem)
