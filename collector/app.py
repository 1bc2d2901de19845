"""The composition root: builds the parts, starts them in order and stops them in reverse."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta

import structlog

from collector.config import require_dsn
from collector.db import Database
from collector.db.policies import Policies
from collector.errors import JournalError
from collector.health import Health
from collector.http import Patience, VenueClient, open_session
from collector.instruments import Instruments
from collector.journal import Journal
from collector.limits import Limiter
from collector.poll import Poller
from collector.records import PauseRecord
from collector.schedule import Schedule, WallClock
from collector.server import serve
from collector.settings import Settings, VenueSettings
from collector.sides import rules
from collector.sink import Pace, Sink
from collector.sweep import Sweeper
from collector.upkeep import INTERVAL, Upkeep
from collector.venues import VENUES

log = structlog.get_logger()

_SPREAD = timedelta(seconds=1)
"""Between the starts of two venues' polls."""

_LISTING_OFFSET = timedelta(seconds=30)

# The three together stay below the ten seconds that Docker waits before it kills.
_POLLS_END_SECONDS = 5.0
_DRAIN_SECONDS = 3.0


@asynccontextmanager
async def sweepers(
    settings: Settings, names: Sequence[str], patience: Patience
) -> AsyncIterator[tuple[Limiter, dict[str, Sweeper]]]:
    """Build what it takes to ask venues: one session and one limiter for all of them."""
    limiter = Limiter(asyncio.get_running_loop().time)
    async with open_session(patience) as session:
        built: dict[str, Sweeper] = {}
        for name in names:
            venue, its = VENUES[name], settings.venues[name]
            limiter.declare(venue.limits, its.limit_share)
            client = VenueClient(session, venue, its.base_urls, limiter, patience)
            instruments = Instruments(client, its.product_types, its.include, its.exclude)
            built[name] = Sweeper(client, instruments)
        yield limiter, built


async def run(settings: Settings) -> None:
    """Be the daemon until SIGTERM, SIGINT, or SIGHUP if that is not ignored, as by nohup.

    Raises:
        ConfigError: the database is not set.
        CollectorError: the journal or the HTTP address cannot be used.
    """
    dsn = require_dsn(settings)
    enabled = settings.enabled()
    stop = _told_to_stop()
    health = Health(asyncio.get_running_loop().time)
    async with AsyncExitStack() as parts:
        journal = await parts.enter_async_context(
            Journal(settings.journal.path, settings.journal.max_bytes)
        )
        await _tell_pauses(journal, settings)
        database = Database(dsn)
        parts.push_async_callback(database.close)
        limiter, asking = await parts.enter_async_context(
            sweepers(settings, list(enabled), Patience())
        )
        await parts.enter_async_context(serve(settings.http, health))
        schedule = Schedule()
        for position, (name, sweeper) in enumerate(asking.items()):
            its = enabled[name]
            watched = health.add(name, its.interval)
            await _put_on(schedule, Poller(sweeper, journal, watched, its), its, position)
        upkeep = Upkeep(Database(dsn, "collector upkeep"), Policies.of(settings.database))
        parts.push_async_callback(upkeep.close)
        schedule.add(upkeep.name, WallClock(INTERVAL, at_once=True), upkeep.run, upkeep.skip)
        sink = Sink(journal, database, health, Pace(), rules(settings))
        draining = asyncio.create_task(sink.run())
        log.info("collector.started", venues=list(enabled), database=database.address)
        schedule.start()
        stopped = asyncio.create_task(stop.wait())
        await asyncio.wait([draining, stopped], return_when=asyncio.FIRST_COMPLETED)
        log.info("collector.stopping")
        stopped.cancel()
        for sweeper in asking.values():
            sweeper.stop()
        limiter.stop()
        upkeep.stop()
        await schedule.stop(_POLLS_END_SECONDS)
        await _drain(sink, draining)
        log.info("collector.stopped", rows_left_in_journal=journal.depth.rows)


def _told_to_stop() -> asyncio.Event:
    """Return what is set by a signal."""
    stop = asyncio.Event()
    numbers = {signal.SIGTERM, signal.SIGINT}
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        numbers.add(signal.SIGHUP)  # the terminal is gone, or somebody hopes for a reload
    for number in numbers:
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


async def _tell_pauses(journal: Journal, settings: Settings) -> None:
    """Tell the database of venues that are switched off now, so that nobody misses them.

    Only of those that were polled with this journal: another collector may poll the others.
    """
    for name, its in settings.venues.items():
        if its.enabled or await journal.kept_listing(name) is None:
            continue
        try:
            await journal.append(PauseRecord(venue=name, since=datetime.now(UTC)))
            await journal.forget_listing(name)
        except JournalError as error:
            log.warning("venue.pause_not_told", venue=name, error=str(error))
        else:
            log.info("venue.switched_off", venue=name)


async def _put_on(
    schedule: Schedule, poller: Poller, settings: VenueSettings, position: int
) -> None:
    """Schedule a venue's polls, and fresh lists of its instruments in between."""
    await poller.recall()
    offset = position * _SPREAD
    schedule.add(
        poller.name,
        WallClock(timedelta(seconds=settings.interval), offset, at_once=True),
        poller.poll,
        poller.skip,
    )
    schedule.add(
        f"{poller.name} listing",
        WallClock(timedelta(seconds=settings.listing_interval), _LISTING_OFFSET + offset),
        poller.refresh_listing,
        poller.skip_listing,
    )


async def _drain(sink: Sink, draining: asyncio.Task[None]) -> None:
    """Give the sink a moment to empty the journal; what it does not get to stays there.

    Raises:
        Exception: what ended the sink, which never ends by itself.
    """
    emptied = asyncio.create_task(sink.drain())
    await asyncio.wait(
        [draining, emptied], timeout=_DRAIN_SECONDS, return_when=asyncio.FIRST_COMPLETED
    )
    emptied.cancel()
    draining.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await draining
