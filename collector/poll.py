"""One poll of the daemon: a sweep into the journal, and a record of how it went."""

import asyncio
from datetime import UTC, datetime, timedelta

import structlog

from collector.errors import JournalError, JournalFull
from collector.health import VenueHealth
from collector.journal import Journal
from collector.models import Outcome, Parsed
from collector.records import ListingRecord, PollRecord, ReplyRecord
from collector.settings import VenueSettings
from collector.sweep import Sweep, Sweeper
from collector.venues.spec import Reply

log = structlog.get_logger()

_DEADLINE_INTERVALS = 3
_DEADLINE_SECONDS = 60.0
"""A poll that has not ended after so many intervals, or so many seconds if that is more, is cut
short."""


class Poller:
    """Polls one venue for the daemon: into the journal, and with a record of how it went."""

    def __init__(
        self, sweeper: Sweeper, journal: Journal, health: VenueHealth, settings: VenueSettings
    ) -> None:
        self.name = sweeper.client.venue.name
        self._sweeper = sweeper
        self._journal = journal
        self._health = health
        self._settings = settings
        self._interval = timedelta(seconds=settings.interval)
        sweeper.instruments.keep_with(self._keep_listing)

    async def recall(self) -> None:
        """Start from the instruments that an earlier process was told of."""
        listing = await self._journal.kept_listing(self.name)
        if listing is not None:
            self._sweeper.instruments.remember(listing)

    async def poll(self, polled_at: datetime) -> None:
        """Poll once, for the tick `polled_at`."""
        started_at = datetime.now(UTC)
        if not self._journal.has_room():
            full = JournalFull(f"journal {self._journal.path}: full; not polled")
            await self._ended(polled_at, started_at, Sweep(refusal=full))
            return

        async def accept(reply: Reply, rows: Parsed, unlisted: int) -> None:
            await self._journal.append(
                ReplyRecord(
                    venue=self.name,
                    polled_at=polled_at,
                    started_at=started_at,
                    received_at=reply.received_at,
                    snapshots=rows.snapshots,
                    rejects=rows.rejects,
                    unlisted=unlisted,
                    interval=self._interval,
                )
            )

        try:
            await self._journal.begin_poll(self.name, polled_at, started_at)
            sweep = await self._sweeper.sweep(accept, self._deadline())
        except asyncio.CancelledError:
            await self._ended(polled_at, started_at, Sweep(stopped=True))
            raise
        except JournalError as error:
            sweep = Sweep(refusal=error)
        except Exception as bug:
            # Not a thing that a venue can cause: loud, but no reason for the others to stop.
            log.exception("poll.crashed", venue=self.name)
            cause = bug.exceptions[0] if isinstance(bug, ExceptionGroup) else bug
            sweep = Sweep(crash=f"internal error: {type(cause).__name__}: {cause}")
        await self._ended(polled_at, started_at, sweep)

    async def skip(self, polled_at: datetime, why: str) -> None:
        """Record a tick at which nothing was asked."""
        log.warning("poll.skipped", venue=self.name, polled_at=polled_at.isoformat(), why=why)
        now = datetime.now(UTC)
        await self._record(
            PollRecord(
                venue=self.name,
                polled_at=polled_at,
                started_at=now,
                finished_at=now,
                outcome=Outcome.SKIPPED,
                error=why,
                interval=self._interval,
            )
        )

    async def refresh_listing(self, _: datetime) -> None:
        """Ask the venue what it lists."""
        await self._sweeper.instruments.try_refresh(self._deadline())

    async def skip_listing(self, _: datetime, why: str) -> None:
        """Let a fresh list wait for the next time."""
        log.info("listing.skipped", venue=self.name, why=why)

    async def _keep_listing(self, listing: ListingRecord) -> None:
        """Send a list to the database, and keep it for the next start."""
        try:
            await self._journal.append(listing)
            await self._journal.keep_listing(listing)
        except JournalError as error:
            log.warning("listing.not_kept", venue=self.name, error=str(error))

    def _deadline(self) -> float:
        patience = max(self._settings.interval * _DEADLINE_INTERVALS, _DEADLINE_SECONDS)
        return asyncio.get_running_loop().time() + patience

    async def _ended(self, polled_at: datetime, started_at: datetime, sweep: Sweep) -> None:
        finished_at = datetime.now(UTC)
        outcome, error = sweep.outcome(), sweep.error()
        self._judge(outcome, error)
        log.info(
            "poll.done",
            venue=self.name,
            polled_at=polled_at.isoformat(),
            outcome=outcome,
            instruments=sweep.instruments,
            requests=sweep.requests,
            rows=sweep.rows,
            rejected=sweep.rejected,
            unlisted=sweep.unlisted,
            seconds=round((finished_at - started_at).total_seconds(), 2),
            **({} if error is None else {"error": error}),
        )
        await self._record(
            PollRecord(
                venue=self.name,
                polled_at=polled_at,
                started_at=started_at,
                finished_at=finished_at,
                outcome=outcome,
                instruments=sweep.instruments,
                requests=sweep.requests,
                error=error,
                interval=self._interval,
            )
        )

    def _judge(self, outcome: Outcome, error: str | None) -> None:
        if outcome in {Outcome.OK, Outcome.PARTIAL}:
            self._health.worked()
        elif outcome in {Outcome.FAILED, Outcome.EMPTY}:
            self._health.state.failed(error or "no rows")

    async def _record(self, record: PollRecord) -> None:
        try:
            await self._journal.append(record)
        except JournalError as error:
            log.error("poll.not_recorded", venue=self.name, error=str(error))  # noqa: TRY400
