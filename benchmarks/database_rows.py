"""Fill a database with as many snapshots as asked for, as the collector would have stored them.

865 instruments of Bitget one after the other, 361 of HTX and 40 of Synthetix at once, each minute
up to now; what is asked for beyond what is there is older. The figures sway by a few percent and
have the digits that the venues give. They are made by the server, because at 200,000 rows a second
that is the only way to get to hundreds of millions; the simulator's own walk is what
`benchmarks/columnstore.py` compresses.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from collector.db import Connection

BITGET, HTX, SYNTHETIX = 865, 361, 40
A_MINUTE = BITGET + HTX + SYNTHETIX
_STEP = timedelta(hours=12)
_SECONDS = 3600.0

# Seventy assets are on all three venues, under names that each of them would give.
_INSTRUMENTS = """
WITH listed AS (
    SELECT 'bitget' AS venue, n, CASE WHEN n <= 70 THEN pg_temp.asset(n) ELSE 'B' || n END AS base
    FROM generate_series(1, $1) AS n
    UNION ALL
    SELECT 'htx', n, CASE WHEN n <= 70 THEN pg_temp.asset(n) ELSE 'H' || n END
    FROM generate_series(1, $2) AS n
    UNION ALL
    SELECT 'synthetix', n, pg_temp.asset(n) FROM generate_series(1, $3) AS n
)
INSERT INTO instruments (
    venue, symbol, base, quote, settle, kind, contract_size, sides, active, first_seen_at,
    last_seen_at
)
SELECT venue, base || CASE venue WHEN 'bitget' THEN 'USDT' ELSE '-USDT' END, base, 'USDT', 'USDT',
    'perpetual', CASE venue WHEN 'htx' THEN 10 END, 'unknown', true, now() - interval '3 years',
    now()
FROM listed ORDER BY venue, n
ON CONFLICT DO NOTHING
"""

_ASSET = """
CREATE OR REPLACE FUNCTION pg_temp.asset(n integer) RETURNS text LANGUAGE sql IMMUTABLE AS
    $$ SELECT CASE n WHEN 1 THEN 'BTC' WHEN 2 THEN 'ETH' WHEN 3 THEN 'SOL' ELSE 'A' || n END $$
"""

_SERIES = """
INSERT INTO collector_storage.series (venue, symbol)
SELECT venue, symbol FROM instruments ORDER BY venue, first_seen_at, symbol ON CONFLICT DO NOTHING
"""

# `place` is an instrument's turn in its venue's sweep. Powers of numeric are slow: they are here.
_PLACES = """
CREATE TEMPORARY TABLE places AS
SELECT series_id, venue, place,
    (10 ^ (2 + series_id % 6) * (1 + series_id % 17))::float8 AS size,
    (ARRAY[1, 0.1, 0.01, 0.001])[1 + series_id % 4] AS lot
FROM (
    SELECT series_id, venue, row_number() OVER (PARTITION BY venue ORDER BY series_id) AS place
    FROM collector_storage.series
) AS s
"""

_ROWS = """
WITH times AS (
    SELECT tick, p.*, extract(epoch FROM tick)::bigint / 60 AS minute
    FROM generate_series($1::timestamptz, $2::timestamptz - interval '1 minute', '1 minute')
        AS tick, places AS p
), moments AS (
    SELECT *,
        CASE venue WHEN 'bitget' THEN 50 * place ELSE 1100 END + abs(hashint8(
            minute * 1000 + CASE venue WHEN 'bitget' THEN series_id ELSE 0 END
        ) % 120) AS after_ms,
        floor(size * (1 + 0.05 * sin(minute / 500.0::float8 + series_id)
            + 0.000001 * (hashint8(minute * series_id) % 500)))::bigint::numeric AS lots
    FROM times
)
INSERT INTO collector_storage.open_interest
SELECT tick + after_ms * interval '1 millisecond', tick, series_id, after_ms + 90, lots * lot,
    CASE venue WHEN 'htx' THEN lots END,
    CASE venue WHEN 'htx' THEN lots * lot * (1 + series_id % 900) END,
    CASE venue WHEN 'synthetix' THEN lots * lot * 0.51 END,
    CASE venue WHEN 'synthetix' THEN lots * lot * 0.49 END
FROM moments ORDER BY tick + after_ms * interval '1 millisecond', series_id
ON CONFLICT DO NOTHING
"""

_POLLS = """
INSERT INTO polls (
    venue, polled_at, started_at, finished_at, outcome, instruments, requests, rows_fetched,
    rows_stored, rows_duplicate, rows_rejected, rows_unlisted, poll_interval
)
SELECT venue, tick, tick, tick + interval '1 second', 'ok', listed, 1, listed, listed, 0, 0, 0,
    interval '1 minute'
FROM generate_series($1::timestamptz, $2::timestamptz - interval '1 minute', '1 minute') AS tick,
    (SELECT venue, count(*) AS listed FROM instruments GROUP BY venue) AS v
ON CONFLICT DO NOTHING
"""

_TICKS = """
SELECT collector_storage.count_ticks(array_agg(venue), array_agg(polled_at))
FROM (
    SELECT venue, min(polled_at) AS polled_at FROM polls GROUP BY venue
    UNION ALL
    SELECT venue, max(polled_at) FROM polls GROUP BY venue
) AS bounds
"""

_LATEST = """
INSERT INTO collector_storage.latest AS l
SELECT newest.* FROM collector_storage.series AS s CROSS JOIN LATERAL (
    SELECT * FROM collector_storage.open_interest AS o
    WHERE o.series_id = s.series_id AND o.exchange_ts >= $1
    ORDER BY exchange_ts DESC LIMIT 1
) AS newest
ON CONFLICT (series_id) DO UPDATE SET
    exchange_ts = excluded.exchange_ts, polled_at = excluded.polled_at,
    received_after_ms = excluded.received_after_ms,
    open_interest_base = excluded.open_interest_base,
    open_interest_contracts = excluded.open_interest_contracts,
    open_interest_quote = excluded.open_interest_quote,
    long_base = excluded.long_base, short_base = excluded.short_base
"""


async def fill(connection: Connection, rows: int) -> None:
    """Bring a database to so many snapshots, the newest of the last minute."""
    await connection.execute(_ASSET)
    await connection.execute(_INSTRUMENTS, BITGET, HTX, SYNTHETIX)
    await connection.execute(_SERIES)
    await connection.execute(_PLACES)
    first, last = await connection.fetchrow("SELECT min(polled_at), max(polled_at) FROM polls") or (
        None,
        None,
    )
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    if first is None or last is None:
        first = last = now - timedelta(minutes=1)
    await _add(connection, last, now)
    oldest = now - timedelta(minutes=rows // A_MINUTE)
    for start, end in _steps(oldest, first):
        await _add(connection, start, end)
        print(f"back to {start:%Y-%m-%d %H:%M}", flush=True)
    await connection.execute(_TICKS, timeout=_SECONDS)
    await connection.execute(_LATEST, now - timedelta(days=1), timeout=_SECONDS)


async def _add(connection: Connection, start: datetime, end: datetime) -> None:
    await connection.execute(_ROWS, start, end, timeout=_SECONDS)
    await connection.execute(_POLLS, start, end, timeout=_SECONDS)


def _steps(oldest: datetime, first: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Give half days, newest first."""
    end = first
    while end > oldest:
        start = max(oldest, end - _STEP)
        yield start, end
        end = start
