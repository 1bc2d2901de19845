"""What the database takes, and how long the questions take that analysts ask.

    make database MILLIONS=50
    python -m benchmarks.database [--millions 50] [--plans]

In the database of COLLECTOR__DATABASE__DSN, which keeps its rows: what is asked for beyond them is
added. Each question is asked six times on one connection, as psql would, planning included; the
first time is thrown away, and the median of the others and the slowest are printed. Beside them is
what its plan reads: pages of 8 kB, and chunks of snapshots.
"""

import argparse
import asyncio
import os
import re
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from statistics import median

from benchmarks.database_rows import fill
from collector.config import load
from collector.db import Connection, Database
from collector.db.migrate import migrate
from collector.db.policies import finish_hour, pack_chunk
from collector.db.venues import reconcile_sides
from collector.sides import rules

_SECONDS = 7200.0
_TIMES = 6


@dataclass(frozen=True)
class Question:
    """What somebody wants to know."""

    name: str
    sql: str
    most_ms: float | None = None
    """What issue 4 asks for; None where it says nothing."""


QUESTIONS: Sequence[Question] = (
    Question("latest of all instruments", "SELECT * FROM latest_open_interest", 20),
    Question(
        "30 days of one symbol by the hour",
        "SELECT bucket, open, high, low, close, average FROM open_interest_1h"
        " WHERE venue = 'bitget' AND symbol = 'BTCUSDT' AND bucket > now() - interval '30 days'"
        " ORDER BY bucket",
        10,
    ),
    Question(
        "the same with its coverage",
        "SELECT bucket, close, expected, coverage FROM open_interest_1h"
        " WHERE venue = 'bitget' AND symbol = 'BTCUSDT' AND bucket > now() - interval '30 days'"
        " ORDER BY bucket",
    ),
    Question(
        "one asset over all venues for a week by the hour",
        "SELECT bucket, venue, open_interest FROM open_interest_by_asset_1h"
        " WHERE asset = 'BTC' AND bucket > now() - interval '7 days' ORDER BY bucket, venue",
        50,
    ),
    Question("top movers, 1 hour", "SELECT * FROM top_movers('1h', 20)", 100),
    Question("top movers, 24 hours", "SELECT * FROM top_movers('24h', 20)", 100),
    Question("top movers, 7 days", "SELECT * FROM top_movers('7d', 20)", 100),
    Question(
        "a year of one symbol by the day",
        "SELECT bucket, close FROM open_interest_1d WHERE venue = 'htx' AND symbol = 'BTC-USDT'"
        " AND bucket > now() - interval '1 year' ORDER BY bucket",
    ),
    Question(
        "the last day of one symbol, every snapshot",
        "SELECT exchange_ts, open_interest_base FROM open_interest WHERE venue = 'bitget'"
        " AND symbol = 'BTCUSDT' AND exchange_ts > now() - interval '1 day' ORDER BY exchange_ts",
    ),
    Question(
        "the newest ten snapshots of all, no bound on time",
        "SELECT * FROM open_interest ORDER BY exchange_ts DESC LIMIT 10",
    ),
    Question(
        "the newest snapshot of one symbol, no bound on time",
        "SELECT * FROM open_interest WHERE venue = 'bitget' AND symbol = 'BTCUSDT'"
        " ORDER BY exchange_ts DESC LIMIT 1",
    ),
    Question(
        "the last ten minutes of all instruments",
        "SELECT * FROM open_interest WHERE exchange_ts > now() - interval '10 minutes'",
    ),
    Question(
        "coverage of one venue for a day",
        "SELECT * FROM venue_coverage WHERE venue = 'bitget'"
        " AND hour > now() - interval '1 day' ORDER BY hour",
    ),
    Question(
        "gaps of all instruments for a day",
        "SELECT * FROM open_interest_gaps(now() - interval '1 day', now())",
    ),
    Question(
        "coverage of all instruments for a day",
        "SELECT * FROM open_interest_coverage(now() - interval '1 day', now())",
    ),
)

_SIZES = """
SELECT sum(table_bytes), sum(index_bytes), sum(total_bytes), count(*)
FROM chunks_detailed_size('collector_storage.open_interest')
"""
_CHUNKS = """
SELECT chunk_name FROM timescaledb_information.chunks
WHERE (hypertable_schema, hypertable_name) = ('collector_storage', 'open_interest')
"""
_OLDEST = "SELECT min(polled_at) FROM polls"

# What is added behind hours and chunks that are over does not come through the sink, which would
# add it to them.
_BEGIN_AGAIN = """
TRUNCATE collector_storage.rollup_finished, collector_storage.packed_chunks;
UPDATE collector_storage.rollup_state SET finished_before = '-infinity', raw_from = '-infinity'
"""

_ROWS = "SELECT sum(rows_stored) FROM polls"
_ROLLUPS = "SELECT hypertable_size('collector_storage.rollup_finished')"


async def _prepare(connection: Connection, millions: float) -> None:
    """Bring the database to where a collector would have it."""
    oldest = await connection.fetchval(_OLDEST)
    await fill(connection, int(millions * 1_000_000))
    if oldest is not None and await connection.fetchval(_OLDEST) < oldest:
        await connection.execute(_BEGIN_AGAIN)
    hours = 0
    while await finish_hour(connection, timedelta(minutes=10)) is not None:
        hours += 1
    print(f"{hours} hours finished", flush=True)
    while (chunk := await pack_chunk(connection, timedelta(days=1))) is not None:
        print(f"packed {chunk}", flush=True)
    await connection.execute("VACUUM (ANALYZE)", timeout=_SECONDS)


async def _sizes(connection: Connection) -> None:
    table, indexes, total, chunks = await connection.fetchrow(_SIZES) or (0, 0, 0, 0)
    rows = await connection.fetchval(_ROWS)
    rollups = await connection.fetchval(_ROLLUPS)
    print(
        f"\n{rows:,} snapshots in {chunks} chunks: {total / rows:.1f} bytes each,"
        f" {table / rows:.1f} of the table and {indexes / rows:.1f} of indexes;"
        f" finished hours and days take {rollups / rows:.1f} more\n"
    )


def _executed(plan: Sequence[str]) -> set[str]:
    """Return the names in those lines of a plan that were executed."""
    return {word for line in plan if "never executed" not in line for word in line.split()}


def _pages(plan: Sequence[str]) -> int:
    """Return how many pages a plan read, in memory or not: its first line of buffers has all."""
    buffers = next((line for line in plan if "Buffers: shared" in line), "")
    return sum(int(count) for count in re.findall(r"(?:hit|read)=(\d+)", buffers))


async def _ask(
    connection: Connection, question: Question, chunks: Sequence[str], *, plans: bool
) -> bool:
    """Print how long it takes; tell whether that is what was asked for."""
    took: list[float] = []
    rows: Sequence[object] = ()
    for _ in range(_TIMES):
        started = time.perf_counter()
        rows = await connection.fetch(question.sql)
        took.append((time.perf_counter() - started) * 1000)
    middle, slowest = median(took[1:]), max(took[1:])
    bound = "" if question.most_ms is None else f"{question.most_ms:.0f} ms"
    lines = await connection.fetch(f"EXPLAIN (ANALYZE, BUFFERS) {question.sql}")
    plan = [line for (line,) in lines]
    pages, read = _pages(plan), sum(chunk in _executed(plan) for chunk in chunks)
    print(
        f"{question.name:50}{len(rows):8,}{middle:10.1f} ms{slowest:10.1f} ms{bound:>9}"
        f"{pages:8,}{read:8}"
    )
    if plans:
        print("\n".join(f"    {line}" for line in plan), flush=True)
    return question.most_ms is None or middle <= question.most_ms


async def _run(dsn: str, millions: float, *, plans: bool) -> bool:
    database = Database(dsn, "collector benchmark")
    await migrate(database)
    await reconcile_sides(database, rules(load(None, {})))
    async with database.session() as connection:
        await _prepare(connection, millions)
    await database.close()
    async with database.session() as connection:
        await connection.execute("SET plan_cache_mode = 'force_custom_plan'")
        # The rows of the last minutes, so that what is asked about now has an answer.
        await fill(connection, int(millions * 1_000_000))
        await _sizes(connection)
        chunks = [name for (name,) in await connection.fetch(_CHUNKS)]
        print(
            f"{'':50}{'rows':>8}{'median':>13}{'slowest':>13}{'bound':>9}{'pages':>8}{'chunks':>8}"
        )
        kept = [await _ask(connection, each, chunks, plans=plans) for each in QUESTIONS]
    await database.close()
    return all(kept)


def main() -> int:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--millions", type=float, default=50.0)
    parser.add_argument("--plans", action="store_true", help="print the plans as well")
    asked = parser.parse_args()
    dsn = os.environ["COLLECTOR__DATABASE__DSN"]
    return 0 if asyncio.run(_run(dsn, asked.millions, plans=asked.plans)) else 1


if __name__ == "__main__":
    sys.exit(main())
