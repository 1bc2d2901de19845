"""Venues, collector, wire and database together, each to be broken by itself."""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from random import Random

import asyncpg

from collector.db import Database
from collector.db.migrate import migrate
from tests.torture.daemon import Daemon, Event, variables
from tests.torture.proxy import Proxy
from tests.torture.server import WRITER, Server
from tests.torture.venues import SMALL, Sizes, Venues, simulated
from tests.torture.verdict import Verdict, judge

CAUGHT_UP_SECONDS = 240.0
_LOOK_SECONDS = 0.05
_LOGGED_IN = timedelta(milliseconds=200)
_ENDED = """
SELECT count(*) > 0 FROM polls
WHERE venue = $1 AND polled_at = $2 AND finished_at >= $3 OR finished_at > $4
"""
INTERVALS = {"bitget": 2, "htx": 1, "synthetix": 1}
_NO_VENUES = {f"venues__{name}__enabled": False for name in INTERVALS}


@dataclass
class Rig:
    """The parts, and what was measured of them."""

    server: Server
    database: str
    proxy: Proxy
    venues: Venues
    daemon: Daemon
    random: Random
    intervals: Mapping[str, int]
    """Seconds between the polls of each venue."""
    catch_ups: list[float] = field(default_factory=list)
    """Seconds from each mending to the moment at which the database had everything."""

    @contextmanager
    def catching_up(self) -> Iterator[None]:
        """Measure how long the block takes."""
        started = asyncio.get_running_loop().time()
        yield
        self.catch_ups.append(asyncio.get_running_loop().time() - started)

    async def caught_up(self) -> datetime:
        """Wait until the database has what was collected up to now; return that moment.

        Rows arrive oldest first, which the verdict checks: so once the newest poll that was
        reported done is there, or a later one, all before it are.
        """
        newest = max(self.daemon.done(), key=lambda poll: poll.finished, default=None)
        if newest is None:
            return datetime.now(UTC)
        with self.catching_up():
            # Its own time is a little earlier than the one in the log.
            await self.sees(
                _ENDED,
                newest.venue,
                newest.polled_at,
                newest.finished - _LOGGED_IN,
                newest.finished,
            )
        return newest.finished

    async def sees(self, question: str, *values: object) -> None:
        """Wait until a query says true; the database may be away or locked meanwhile."""
        async with asyncio.timeout(CAUGHT_UP_SECONDS):
            while not await self._looks(question, *values):
                await asyncio.sleep(_LOOK_SECONDS)

    async def _looks(self, question: str, *values: object) -> bool:
        try:
            async with self.server.session(self.database) as sql:
                return bool(await sql.fetchval(question, *values))
        except (OSError, asyncpg.PostgresError):
            return False

    async def start(self) -> None:
        """Start the collector, and wait until every venue's rows are in the database."""
        await self.daemon.start()
        await self.sees(
            "SELECT count(DISTINCT venue) = $1 FROM polls WHERE outcome = 'ok'", len(self.intervals)
        )

    async def polls_go_on(self, times: int) -> None:
        """Wait until every venue has been polled so often again, whatever else is broken.

        Raises:
            TimeoutError: it was not.
        """
        place = len(self.daemon.events)
        async with asyncio.timeout(2 * times + 10):
            for venue, interval in self.intervals.items():
                since = place
                for _ in range(max(1, times // interval)):
                    event = await self.daemon.hears(
                        "poll.done", partial(_is_good, venue), since=since
                    )
                    since = self.daemon.events.index(event, since) + 1

    async def verdict(self, until: datetime | None = None) -> Verdict:
        """Judge what is there; the polls up to a moment, or all of them, must be."""
        done = [poll for poll in self.daemon.done() if until is None or poll.finished < until]
        async with self.server.session(self.database) as sql:
            # Read after the table, the ledger can only have more.
            verdict = await judge(sql, self.venues.served, done)
        verdict.problems += await self.venues.limits_broken()
        verdict.problems += self.daemon.trouble
        return verdict

    async def mend(self) -> None:
        """Put everything back to work, whatever was broken."""
        await self.proxy.mend()
        if not self.server.up:
            await self.server.start()
        if not self.daemon.running:
            await self.daemon.start()

    async def finish(self) -> Verdict:
        """Stop the collector, see to it that its journal is empty, and judge."""
        async with asyncio.timeout(CAUGHT_UP_SECONDS):
            while await self.daemon.stop() > 0:
                await self.daemon.start(**_NO_VENUES)
        return await self.verdict()


def _is_good(venue: str, event: Event) -> bool:
    return bool(event["venue"] == venue and event["outcome"] == "ok")


@asynccontextmanager
async def rigged(
    server: Server,
    database: str,
    *,
    seed: int = 1,
    sizes: Sizes = SMALL,
    intervals: Mapping[str, int] = INTERVALS,
    settings: Mapping[str, object] | None = None,
) -> AsyncIterator[Rig]:
    """Build a rig around a database that exists; nothing of it has started but the venues."""
    folder = Path(tempfile.mkdtemp(prefix="torture-"))
    async with AsyncExitStack() as parts:
        parts.callback(shutil.rmtree, folder, ignore_errors=True)
        proxy = Proxy(server.port)
        await proxy.listen()
        parts.push_async_callback(proxy.close)
        venues = await parts.enter_async_context(simulated(sizes, seed))
        keys: dict[str, object] = {
            **(settings or {}),
            "database__dsn": server.dsn(database, port=proxy.port),
            "http__port": 0,
            "log__format": "json",
            "log__level": "debug",
            "journal__path": "journal/journal",
        }
        for name in INTERVALS:
            keys[f"venues__{name}__enabled"] = name in intervals
            keys[f"venues__{name}__interval"] = f"{intervals.get(name, 1)}s"
            keys[f"venues__{name}__base_urls"] = [venues.base_url]
        daemon = Daemon(folder, variables(keys))
        parts.push_async_callback(daemon.close)
        yield Rig(server, database, proxy, venues, daemon, Random(seed), intervals)


async def new_database(server: Server, name: str, *options: str) -> str:
    """Create a database with the whole schema, into which the collector may only write."""
    await server.create(name, *options)
    database = Database(server.dsn(name, "postgres"))
    try:
        await migrate(database)
    finally:
        await database.close()
    await server.execute(f"GRANT collector_writer TO {WRITER}", database=name)
    return name
