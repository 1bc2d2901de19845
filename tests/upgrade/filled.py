"""Rows in the shape of any version of the schema, and what they must still be in a newer one."""

import itertools
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from collector.db import Connection

AMOUNTS = (
    ("0", None, None, None, None),
    ("0.000000000000000001", None, None, None, None),
    ("22919.7096", "50096213", "3195422013.554100000000000000", None, None),
    (None, "7", None, None, None),
    (None, None, "99999999999999999999999999.999999999999999999", None, None),
    ("902.11672400", None, None, "450.156245", "451.960479"),
    ("1.50", None, None, "0", "0.000"),
)
"""Base, contracts, quote, long, short, as a venue may write them: digits that mean nothing too."""

SERIES = (
    ("bitget", "BTCUSDT"),
    ("htx", "BTC-USDT"),
    ("htx", "BTC-USDT-211231"),
    ("synthetix", "BTC-USDT"),
)
OUTCOMES = ("running", "ok", "empty", "partial", "failed", "skipped", "refused", "interrupted")
START = datetime(2026, 9, 1, 23, 59, tzinfo=UTC)
WEEKS = 3

Snapshot = tuple[str, str, datetime, datetime, datetime, tuple[str | None, ...]]
"""venue, symbol, exchange_ts, received_at, polled_at, the five amounts"""

_TEXT_KEYS = """
INSERT INTO open_interest VALUES ($1, $2, $3, $4, $5, $6::text::numeric, $7::text::numeric,
    $8::text::numeric, $9::text::numeric, $10::text::numeric)
"""
_SERIES = """
INSERT INTO collector_storage.series (venue, symbol) VALUES ($1, $2) ON CONFLICT DO NOTHING
"""
_NUMBERS = """
WITH stored AS (
    INSERT INTO collector_storage.open_interest (series_id, exchange_ts, received_after_ms,
        polled_at, open_interest_base, open_interest_contracts, open_interest_quote, long_base,
        short_base)
    SELECT series_id, $3, floor(extract(epoch FROM $4::timestamptz - $5) * 1000)::integer, $5,
        $6::text::numeric, $7::text::numeric, $8::text::numeric, $9::text::numeric,
        $10::text::numeric
    FROM collector_storage.series WHERE (venue, symbol) = ($1, $2)
    RETURNING *
), gone AS (
    DELETE FROM collector_storage.latest AS l USING stored AS s
    WHERE l.series_id = s.series_id AND l.exchange_ts < s.exchange_ts
    RETURNING l.series_id
)
SELECT FROM stored, (SELECT count(*) FROM gone) AS g
"""
_LATEST = """
INSERT INTO collector_storage.latest (exchange_ts, polled_at, series_id, received_after_ms,
    open_interest_base, open_interest_contracts, open_interest_quote, long_base, short_base)
SELECT DISTINCT ON (series_id) exchange_ts, polled_at, series_id, received_after_ms,
    open_interest_base, open_interest_contracts, open_interest_quote, long_base, short_base
FROM collector_storage.open_interest ORDER BY series_id, exchange_ts DESC
ON CONFLICT (series_id) DO NOTHING
"""
_INSTRUMENT = """
INSERT INTO instruments (venue, symbol, base, quote, settle, kind, contract_size, expires_at, sides,
    product_type, active, first_seen_at, last_seen_at)
VALUES ($1, $2, 'BTC', 'USDT', 'USDT', $3, $4::text::numeric, $5, $6, $7, $8, $9, $9)
ON CONFLICT DO NOTHING
"""
_POLL = """
INSERT INTO polls (venue, polled_at, started_at, finished_at, outcome, instruments, requests,
    rows_fetched, rows_stored, rows_duplicate, rows_rejected, rows_unlisted, error)
VALUES ($1, $2, $2, $3, $4, 3, 1, 6, 3, 2, 1, 4, $5)
"""
_REJECT = """
INSERT INTO rejects (venue, received_at, polled_at, symbol, reason, raw)
VALUES ($1, $2, $3, $4, 'not a number', $5)
"""
_MARK = "INSERT INTO journal_marks VALUES (gen_random_uuid(), $1, $2)"


def snapshots(version: int) -> Sequence[Snapshot]:
    """Return the rows that a version is filled with: each its own."""
    rows: list[Snapshot] = []
    for week, (number, (venue, symbol)) in itertools.product(range(WEEKS), enumerate(SERIES)):
        for minute, amounts in enumerate(AMOUNTS):
            tick = START + timedelta(weeks=week, hours=version, minutes=minute)
            # A reply may be before its tick, for clocks are set.
            received = tick + timedelta(seconds=number - 1, microseconds=123_999)
            moment = tick + timedelta(milliseconds=100 * number + 7)
            rows.append((venue, symbol, moment, received, tick, amounts))
    return rows


async def fill(sql: Connection, version: int) -> None:
    """Put rows into every table that the schema has at this version."""
    rows = [(*row[:5], *row[5]) for row in snapshots(version)]
    if await sql.fetchval("SELECT to_regclass('collector_storage.open_interest')") is None:
        await sql.executemany(_TEXT_KEYS, rows)
    else:
        await sql.executemany(_SERIES, SERIES)
        await sql.executemany(_NUMBERS, rows)
        await sql.execute(_LATEST)
    moment = START + timedelta(hours=version)
    for table, statement, values in (
        ("instruments", _INSTRUMENT, _instruments(moment)),
        ("polls", _POLL, _polls(moment)),
        ("rejects", _REJECT, _rejects(moment)),
        ("journal_marks", _MARK, [(version, moment), (2**62, moment)]),
    ):
        if await sql.fetchval("SELECT to_regclass($1)", table) is not None:
            await sql.executemany(statement, values)


def _instruments(moment: datetime) -> Sequence[Sequence[object]]:
    return [
        (*SERIES[0], "perpetual", None, None, "unknown", "USDT-FUTURES", True, moment),
        (*SERIES[1], "perpetual", "0.001", None, "one", None, True, moment),
        (*SERIES[2], "future", "0.000000000000000001", moment, "both", None, False, moment),
        ("htx", f"NEVER-POLLED-{moment:%H}", "future", None, moment, "one", "x", True, moment),
    ]


def _polls(moment: datetime) -> Sequence[Sequence[object]]:
    return [
        (venue, moment + timedelta(minutes=minute), ended, outcome, error)
        for venue in ("bitget", "htx")
        for minute, outcome in enumerate(OUTCOMES)
        for ended, error in [(None, None) if outcome == "running" else (moment, f"because {venue}")]
    ]


def _rejects(moment: datetime) -> Sequence[Sequence[object]]:
    return [
        ("htx", moment + timedelta(weeks=week), tick, symbol, '{"a": "é\\u0000"}')
        for week in range(WEEKS)
        for tick, symbol in ((None, None), (moment, "BTC-USDT"), (moment, "BTC-USDT"))
    ]


async def stored(sql: Connection) -> Sequence[Snapshot]:
    """Return what an analyst finds, digit for digit."""
    rows = await sql.fetch(
        "SELECT venue, symbol, exchange_ts, received_at, polled_at, open_interest_base::text,"
        " open_interest_contracts::text, open_interest_quote::text, long_base::text,"
        " short_base::text FROM open_interest ORDER BY 1, 2, 3"
    )
    return [(*row[:5], tuple(row[5:])) for row in map(tuple, rows)]


def expected(*versions: int, to_the_millisecond: bool) -> Sequence[Snapshot]:
    """Return what `stored` must find after these versions have been filled."""
    rows = sorted((row for each in versions for row in snapshots(each)), key=lambda row: row[:3])
    if not to_the_millisecond:
        return rows
    return [
        (*row[:3], row[3].replace(microsecond=row[3].microsecond // 1000 * 1000), *row[4:])
        for row in rows
    ]


async def others(sql: Connection) -> dict[str, list[dict[str, object]]]:
    """Return the rows of the tables that have no other shape behind them."""
    tables = ("instruments", "polls", "rejects", "journal_marks")
    return {
        table: [
            dict(row) for row in await sql.fetch(f"SELECT * FROM {table} ORDER BY {table}::text")
        ]
        for table in tables
        if await sql.fetchval("SELECT to_regclass($1)", table) is not None
    }


async def latest(sql: Connection) -> tuple[set[object], set[object]]:
    """Return what the table of newest rows has, and what it should have."""
    columns = "exchange_ts, polled_at, received_after_ms, open_interest_base::text,"
    columns += " open_interest_contracts::text, open_interest_quote::text, long_base::text,"
    columns += " short_base::text"
    kept = await sql.fetch(f"SELECT series_id, {columns} FROM collector_storage.latest")
    newest = await sql.fetch(
        f"SELECT DISTINCT ON (series_id) series_id, {columns} FROM collector_storage.open_interest"
        " ORDER BY series_id, exchange_ts DESC"
    )
    return {tuple(row) for row in kept}, {tuple(row) for row in newest}
