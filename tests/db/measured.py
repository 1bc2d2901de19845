"""A database with the rules, instruments and snapshots in it, stored as the sink does."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from collector.config import load
from collector.db import Database
from collector.db.store import store
from collector.db.venues import reconcile_sides
from collector.models import Instrument, Snapshot
from collector.records import Record
from collector.sides import rules
from tests.rows import entries, listing, reply, snapshot


class Filled:
    """Fills a database; `now` is the moment at which that began, cut to the second."""

    def __init__(self, database: Database) -> None:
        self.now = datetime.now(UTC).replace(microsecond=0)
        self._database = database
        self._seq = 0

    def ago(self, symbol: str, base: str | None, **before: float) -> Snapshot:
        """Return a snapshot of some hours, minutes or days before `now`."""
        return snapshot(symbol, base, exchange_ts=self.now - timedelta(**before))

    async def rules(self, environment: Mapping[str, str] | None = None) -> None:
        """Bring `venues` to what is declared, or set."""
        await reconcile_sides(self._database, rules(load(None, environment or {})))

    async def listed(self, venue: str, *instruments: Instrument) -> None:
        """Store what a venue lists."""
        await self._store(listing(*instruments, venue=venue, at=self.now))

    async def reported(self, venue: str, *snapshots: Snapshot) -> None:
        """Store snapshots, each in the poll of its own minute."""
        for each in snapshots:
            tick = each.exchange_ts.replace(second=0, microsecond=0)
            await self._store(reply(each, venue=venue, tick=tick))

    async def _store(self, record: Record) -> None:
        self._seq += 1
        await store(self._database, entries(record, first=self._seq))
