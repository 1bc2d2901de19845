"""`collector check`: would this configuration work, and what does it ask of the venues."""

import asyncio
from dataclasses import dataclass

from collector import budget
from collector.app import sweepers
from collector.budget import Budget
from collector.db import Database
from collector.db.migrate import may_write, pending, shipped
from collector.errors import DatabaseError, VenueError
from collector.http import Patience
from collector.models import Instrument, Kind, Sides
from collector.settings import Settings, VenueSettings
from collector.sweep import Sweeper

_PATIENCE = Patience(connect=3, read=3, total=8, attempts=1)
_SECONDS = 15


@dataclass(frozen=True)
class VenuePlan:
    """What the configuration asks of one venue."""

    name: str
    instruments: int
    error: str | None
    """Why the venue could not be asked, in which case the number is a guess."""
    interval: float
    """Seconds."""
    budget: Budget

    @property
    def problem(self) -> str | None:
        """Return why the interval cannot be met, and which could; None if it can."""
        if self.budget.fits(self.interval):
            return None
        return (
            f"venues.{self.name}.interval: {self.interval:g}s is too short for"
            f" {self.budget.requests} requests, which take {self.budget.seconds:.1f} s at the"
            f" limit; permitted: {self.budget.least_interval()}s or more"
        )


async def plans(settings: Settings) -> list[VenuePlan]:
    """Ask each enabled venue what it lists, and work out what polling it takes."""
    enabled = settings.enabled()
    async with sweepers(settings, list(enabled), _PATIENCE) as (_, asking):
        return list(
            await asyncio.gather(*(_plan(asking[name], its) for name, its in enabled.items()))
        )


async def database_state(dsn: str) -> str:
    """Return a sentence about the database: its edition, and what its schema lacks."""
    database = Database(dsn, "collector check")
    try:
        async with database.session() as connection:
            todo = await pending(connection, shipped())
            version = await connection.fetchval(
                "SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'"
            )
            licence = await connection.fetchval(
                "SELECT current_setting('timescaledb.license', true)"
            )
            writes = bool(todo) or await may_write(connection)
    except DatabaseError as error:
        return f"{database.address}: {error}"
    finally:
        await database.close()
    edition = {"apache": "Apache-2", "timescale": "Community"}.get(licence or "", "no")
    schema = "the schema is up to date"
    if todo:
        schema = f"pending: {', '.join(each.name for each in todo)}; run `collector migrate`"
    elif not writes:
        schema += ", but this role may not write: run `collector migrate` as the owner"
    return f"{database.address}: TimescaleDB {version or ''} ({edition} edition), {schema}"


async def _plan(sweeper: Sweeper, settings: VenueSettings) -> VenuePlan:
    venue = sweeper.client.venue
    error: str | None = None
    try:
        await sweeper.instruments.refresh(asyncio.get_running_loop().time() + _SECONDS)
    except VenueError as failure:
        error = str(failure)
        instruments = [_anything(number) for number in range(venue.typical_instruments)]
    else:
        instruments = sweeper.instruments.selected()
    requests = venue.plan(instruments)
    cost = budget.of(requests, settings.limit_share)
    return VenuePlan(venue.name, len(instruments), error, settings.interval, cost)


def _anything(number: int) -> Instrument:
    """Stand for an instrument whose name is not known; only how many there are counts."""
    asset = "unknown"
    return Instrument(
        symbol=str(number),
        base=asset,
        quote=asset,
        settle=asset,
        kind=Kind.PERPETUAL,
        sides=Sides.UNKNOWN,
    )
