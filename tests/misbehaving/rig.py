"""The collector's own parts in this process, with little patience: many polls in few seconds."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

from collector.db import Database
from collector.health import Health
from collector.http import Patience, VenueClient, open_session
from collector.instruments import Instruments
from collector.journal import Journal
from collector.limits import Limiter
from collector.poll import Poller
from collector.settings import VenueSettings
from collector.sink import Pace, Sink
from collector.sweep import Sweeper
from collector.venues import VENUES

SHORT = Patience(connect=2, read=3, total=6, attempts=3, backoff=0.01, backoff_max=0.05)
"""Far more than a reply here takes on a busy machine, and far less than the daemon's."""

PENALTY_SECONDS = 0.5
"""How long a venue is left alone after a ban; the daemon's is five minutes."""


@dataclass
class Rig:
    """Polls on demand, into the journal, and a sink that empties it."""

    pollers: Mapping[str, Poller]
    sink: Sink
    _ticks: Iterator[datetime]

    async def poll(self, venue: str, times: int = 1) -> None:
        """Poll a venue so many times, each for a tick of its own."""
        for _ in range(times):
            await self.pollers[venue].poll(next(self._ticks))


@asynccontextmanager
async def rig(
    folder: Path,
    database: Database,
    base_urls: Mapping[str, Sequence[str]],
    patience: Patience = SHORT,
) -> AsyncIterator[Rig]:
    """Build what `collector run` builds for these venues, without its schedule."""
    clock = asyncio.get_running_loop().time
    health = Health(clock)
    limiter = Limiter(clock)
    began = datetime.now(UTC).replace(microsecond=0)
    async with Journal(folder / "journal", 2**26) as journal, open_session(patience) as session:
        pollers = {}
        for name, urls in base_urls.items():
            venue = replace(VENUES[name], longest_penalty=PENALTY_SECONDS)
            limiter.declare(venue.limits, 1.0)
            client = VenueClient(session, venue, urls, limiter, patience)
            sweeper = Sweeper(client, Instruments(client, venue.default_product_types))
            pollers[name] = Poller(sweeper, journal, health.add(name, 1.0), VenueSettings())
        sink = Sink(journal, database, health, Pace(linger=0.05, backoff=0.05, backoff_max=0.2))
        draining = asyncio.create_task(sink.run())
        yield Rig(pollers, sink, (began + timedelta(seconds=number) for number in count()))
        await sink.drain()
        draining.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await draining
