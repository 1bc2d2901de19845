"""How fast replies go into the journal, and from there into the hypertable, each row exactly once.

    make storing MINUTES=120

In the database of COLLECTOR__DATABASE__DSN, which has to be empty. All simulated instruments once a
minute, through the daemon's own journal and sink: every other minute in the order in which they
come; then, when their hours are finished, the minutes between, as after an outage; then all of them
again, of which nothing may be stored.
"""

import argparse
import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby
from pathlib import Path

from benchmarks.columnstore_rows import INTERVAL, Row, rows
from collector import log
from collector.config import load, require_dsn
from collector.db import Database
from collector.db.migrate import migrate
from collector.db.policies import finish_hour
from collector.health import Health
from collector.journal import Journal
from collector.models import DecimalText, Outcome, Snapshot
from collector.records import PollRecord, Record, ReplyRecord
from collector.sink import Pace, Sink, Totals

_JOURNAL_BYTES = 2**31


@dataclass(frozen=True)
class Phase:
    """Polls that are handed over together."""

    name: str
    records: Sequence[Record]
    stored: int
    """How many of their rows are new."""

    @property
    def rows(self) -> int:
        """How many rows they bring."""
        return sum(record.rows for record in self.records)


async def main(minutes: int) -> int:
    """Print a line for each phase; return 1 if a number is not what it has to be."""
    settings = load(None, os.environ)
    log.configure("warning", settings.log.format)
    database = Database(require_dsn(settings))
    await migrate(database)
    even, odd = records(minutes, 0), records(minutes, 1)
    half = Phase("in order, as they come", even, sum(record.rows for record in even))
    late = Phase("late, behind finished hours", odd, sum(record.rows for record in odd))
    again = Phase("all of them again", [*even, *odd], 0)
    print(f"{'':30} {'rows':>9}  into the journal    into the hypertable")
    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        async with Journal(Path(folder) / "journal", _JOURNAL_BYTES) as journal:
            sink = Sink(journal, database, Health(time.monotonic), Pace())
            for phase in (half, late, again):
                wrong += await measured(phase, journal, sink)
                async with database.session() as connection:
                    while await finish_hour(connection, timedelta()) is not None:
                        pass
    await database.close()
    print(f"\nRows that were lost or stored twice: {wrong}")
    return 1 if wrong else 0


async def measured(phase: Phase, journal: Journal, sink: Sink) -> int:
    """Hand over the polls; return by how many rows the sink's count is off."""
    begun = time.perf_counter()
    for record in phase.records:
        await journal.append(record)
    accepted = time.perf_counter()
    sink.totals = Totals()
    draining = asyncio.create_task(sink.run())
    await sink.drain()
    stored = time.perf_counter()
    draining.cancel()
    await asyncio.wait([draining])
    print(
        f"{phase.name:30} {phase.rows:9,}  {rate(phase.rows, accepted - begun)}"
        f"    {rate(phase.rows, stored - accepted)}",
        flush=True,
    )
    found = sink.totals
    return abs(found.stored - phase.stored) + abs(found.duplicate - phase.rows + phase.stored)


def rate(count: int, seconds: float) -> str:
    """Return how long it took, and how many in a second."""
    return f"{seconds:6.1f} s, {count / seconds:7,.0f}/s"


def records(minutes: int, parity: int) -> list[Record]:
    """Return what the poller would hand over, of every other minute."""
    out: list[Record] = []
    every = rows(minutes * INTERVAL / timedelta(days=1), 1)
    for (_, venue), polled in groupby(every, lambda row: (row.polled_at, venue_of(row))):
        poll = list(polled)
        tick = poll[0].polled_at
        if int(tick.timestamp() / INTERVAL.total_seconds()) % 2 == parity:
            out += replies(venue, poll)
            out.append(
                PollRecord(
                    venue=venue,
                    polled_at=tick,
                    started_at=tick,
                    finished_at=tick + INTERVAL / 2,
                    outcome=Outcome.OK,
                    instruments=len(poll),
                    requests=len(poll) if venue == "bitget" else 1,
                    interval=INTERVAL,
                )
            )
    return out


def replies(venue: str, poll: Sequence[Row]) -> Iterator[ReplyRecord]:
    """Yield the replies of a poll: Bitget's have one row each, those of others all of them."""
    size = 1 if venue == "bitget" else len(poll)
    for start in range(0, len(poll), size):
        some = poll[start : start + size]
        yield ReplyRecord(
            venue=venue,
            polled_at=some[0].polled_at,
            started_at=some[0].polled_at,
            received_at=some[0].polled_at + timedelta(milliseconds=some[0].received_after_ms),
            snapshots=[snapshot(row) for row in some],
            rejects=[],
            interval=INTERVAL,
        )


def snapshot(row: Row) -> Snapshot:
    """Return a row as a parser would."""
    base, contracts, quote, long, short = (
        None if each is None else DecimalText(each) for each in row.amounts
    )
    return Snapshot(
        symbol=f"SIM{row.series_id}",
        exchange_ts=row.exchange_ts,
        open_interest_base=base,
        open_interest_contracts=contracts,
        open_interest_quote=quote,
        long_base=long,
        short_base=short,
    )


def venue_of(row: Row) -> str:
    """Tell whose it is from what it gives."""
    _, contracts, _, long, _ = row.amounts
    return "htx" if contracts is not None else "bitget" if long is None else "synthetix"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=int, default=120, help="how many (120)")
    sys.exit(asyncio.run(main(parser.parse_args().minutes)))
