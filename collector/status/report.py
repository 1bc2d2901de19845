"""What there is to say, put together from the configuration, the journal and the database."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from collector.db import Database
from collector.db.condition import (
    Asked,
    Hypertable,
    Polled,
    Reported,
    Server,
    hypertable,
    polled,
    reported,
    server,
)
from collector.db.patterns import expression
from collector.errors import DatabaseError, JournalError
from collector.journal.look import Glimpse, glimpse
from collector.settings import Settings

T = TypeVar("T")

LATE_INTERVALS = 3
"""After so many intervals without a row a venue is late, and an instrument stale; as /readyz."""

_ANSWER_SECONDS = 5.0


@dataclass
class VenueReport:
    """One venue."""

    name: str
    enabled: bool
    interval: float
    """Seconds between polls."""
    polls: Polled | None = None
    newest: Reported | None = None
    """None: the database could not be asked."""

    @property
    def patience(self) -> float:
        """Seconds without a row after which something is late."""
        return LATE_INTERVALS * self.interval

    @property
    def coverage(self) -> float | None:
        """The share of the expected polls that brought rows, from 0 to 1; None if none was."""
        if self.polls is None or not self.polls.expected:
            return None
        return self.polls.made / self.polls.expected

    @property
    def stale(self) -> int | None:
        """How many instruments should have a newer row."""
        return None if self.newest is None else self.newest.active - self.newest.reporting


@dataclass
class JournalReport:
    """The journal of the daemon, as far as it can be seen from here."""

    path: Path
    max_bytes: int
    seen: Glimpse | None = None
    remark: str | None = None
    """Why nothing can be seen."""
    damaged: bool = False


@dataclass
class Report:
    """All of it."""

    at: datetime
    """By the clock of the database, or ours if it is away."""
    address: str
    venues: list[VenueReport]
    journal: JournalReport
    server: Server | None = None
    hypertable: Hypertable | None = None
    errors: list[str] = field(default_factory=list)
    """Why the database could not be asked, or in part."""

    @property
    def newest_received_at(self) -> datetime | None:
        """Our clock, when the newest row in the database had been read."""
        known = [each.newest.received_at for each in self.venues if each.newest is not None]
        return max((each for each in known if each is not None), default=None)


async def report(settings: Settings, dsn: str, now: datetime) -> Report:
    """Look at everything.

    Args:
        settings: the configuration.
        dsn: where the database is.
        now: our clock.
    """
    database = Database(dsn, "collector status")
    venues = [VenueReport(name, its.enabled, its.interval) for name, its in settings.venues.items()]
    found = Report(now, database.address, venues, _journal(settings))
    try:
        await _ask(database, settings, found)
    finally:
        await database.close()
    return found


async def _ask(database: Database, settings: Settings, found: Report) -> None:
    found.server = await _answer(found, lambda: server(database))
    if found.server is None or found.server.pending:
        return
    found.at = found.server.now
    found.hypertable = await _answer(found, lambda: hypertable(database))
    asked = [
        Asked(
            each.name,
            each.patience,
            expression(settings.venues[each.name].include),
            expression(settings.venues[each.name].exclude),
        )
        for each in found.venues
    ]
    polls = await _answer(found, lambda: polled(database, asked)) or {}
    newest = await _answer(found, lambda: reported(database, asked)) or {}
    for venue in found.venues:
        venue.polls, venue.newest = polls.get(venue.name), newest.get(venue.name)


async def _answer(found: Report, ask: Callable[[], Awaitable[T]]) -> T | None:
    """Ask the database; what it does not say is said to be missing."""
    try:
        async with asyncio.timeout(_ANSWER_SECONDS):
            return await ask()
    except TimeoutError:
        found.errors.append(f"no answer within {_ANSWER_SECONDS:g} s")
    except DatabaseError as error:
        found.errors.append(str(error))
    return None


def _journal(settings: Settings) -> JournalReport:
    found = JournalReport(settings.journal.path, int(settings.journal.max_bytes))
    try:
        found.seen = glimpse(found.path)
    except JournalError as error:
        found.remark, found.damaged = str(error), True
    else:
        if found.seen is None:
            found.remark = (
                f"none at {found.path} on this machine: the daemon's is elsewhere (in a container,"
                " say), or it has not run yet"
            )
    return found
