"""Export and status on many rows: how long, and how much memory at the most.

    scripts/timescaledb.py run export-bench -- .venv/bin/python -m benchmarks.export --rows 5000000

Rows as the three venues have them: 1,266 instruments, once a minute, HTX's with 18 places.
"""

import argparse
import asyncio
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from collector.db import Database
from collector.db.migrate import migrate

_INSTRUMENTS = 1266

_SERIES = """
INSERT INTO collector_storage.series (venue, symbol)
SELECT CASE WHEN n <= 865 THEN 'bitget' WHEN n <= 1200 THEN 'htx' ELSE 'synthetix' END,
    'COIN' || n || '-USDT'
FROM generate_series(1, $1::int) AS n ON CONFLICT DO NOTHING
"""

_LISTED = """
INSERT INTO instruments
SELECT venue, symbol, 'COIN', 'USDT', 'USDT', 'perpetual', NULL, NULL, 'unknown', NULL, true,
    now(), now()
FROM collector_storage.series ON CONFLICT DO NOTHING
"""

_ROWS = """
INSERT INTO collector_storage.open_interest
SELECT tick + n * INTERVAL '1 millisecond', tick, series_id, 1000 + n,
    round(1000 * n + (random() * 1000)::numeric, 4),
    CASE WHEN venue = 'htx' THEN round((1e6 * random())::numeric, 0)::numeric(40, 18) END,
    CASE WHEN venue = 'htx' THEN round((1e10 * random())::numeric, 6) END,
    CASE WHEN venue = 'synthetix' THEN round((1000 * random())::numeric, 9) END,
    CASE WHEN venue = 'synthetix' THEN round((1000 * random())::numeric, 9) END
FROM generate_series($1::timestamptz, $2::timestamptz, INTERVAL '1 minute') AS tick
CROSS JOIN (
    SELECT *, row_number() OVER (ORDER BY series_id) AS n FROM collector_storage.series
) AS s
"""

_POLLS = """
INSERT INTO polls
SELECT venue, tick, tick, tick, 'ok', 1, 1, 1, 1, 0, 0, 0, NULL
FROM generate_series($1::timestamptz, $2::timestamptz, INTERVAL '1 minute') AS tick
CROSS JOIN (SELECT DISTINCT venue FROM collector_storage.series) AS v
"""

_LATEST = """
INSERT INTO collector_storage.latest
SELECT newest.* FROM collector_storage.series AS s CROSS JOIN LATERAL (
    SELECT * FROM collector_storage.open_interest AS o WHERE o.series_id = s.series_id
    ORDER BY exchange_ts DESC LIMIT 1
) AS newest ON CONFLICT DO NOTHING
"""

_TICKS = "SELECT date_trunc('minute', now()) - $1::int * INTERVAL '1 minute', now()"


async def fill(dsn: str, rows: int) -> None:
    """Put that many rows into a database, unless it has some."""
    database = Database(dsn)
    await migrate(database)
    async with database.session() as connection:
        if await connection.fetchval("SELECT EXISTS (SELECT FROM collector_storage.latest)"):
            return
        [[first, last]] = await connection.fetch(_TICKS, rows // _INSTRUMENTS)
        await connection.execute(_SERIES, _INSTRUMENTS)
        await connection.execute(_LISTED)
        await connection.execute(_ROWS, first, last, timeout=7200)
        await connection.execute(_POLLS, first, last)
        await connection.execute(_LATEST, timeout=600)
        await connection.execute("ANALYZE", timeout=600)
    await database.close()


def measure(*arguments: str) -> None:
    """Run a command and print its time, and the most memory of any command so far."""
    started = time.monotonic()
    done = subprocess.run(  # noqa: S603 - our own program, and no shell
        [sys.executable, "-m", "collector", *arguments], capture_output=True, text=True, check=False
    )
    seconds = time.monotonic() - started
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    said = done.stderr.strip().replace("\n", "; ")
    print(f"{' '.join(arguments)}: {seconds:.1f} s, peak {peak:.0f} MB; {said}", flush=True)


def main() -> None:
    """Fill, export both ways, and look."""
    options = argparse.ArgumentParser()
    options.add_argument("--rows", type=int, default=5_000_000)
    rows = options.parse_args().rows
    started = time.monotonic()
    asyncio.run(fill(os.environ["COLLECTOR__DATABASE__DSN"], rows))
    print(f"filled in {time.monotonic() - started:.0f} s", flush=True)
    measure("status", "--json")
    measure("status")
    with tempfile.TemporaryDirectory() as folder:
        for name, *more in (
            ("hour.csv", "--from", "1h"),
            ("one.parquet", "--symbol", "COIN1-USDT"),
            ("all.csv",),
            ("all.parquet",),
        ):
            path = Path(folder) / name
            measure("export", str(path), *more)
            print(f"    {path.stat().st_size / 1e6:,.1f} MB", flush=True)


if __name__ == "__main__":
    main()
