"""The state of the data, from what is quick to ask: polls, the newest rows, the catalogue.

Nothing here reads the hypertable, so none of it takes longer as the table grows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from collector.db import Database
from collector.db.migrate import pending, shipped

_SERVER = """
SELECT now(), current_setting('server_version'),
    (SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'),
    coalesce(current_setting('timescaledb.license', true), ''),
    pg_database_size(current_database())
"""

_HYPERTABLE = """
SELECT hypertable_size('collector_storage.open_interest'),
    approximate_row_count('collector_storage.open_interest'),
    count(*), count(*) FILTER (WHERE is_compressed)
FROM timescaledb_information.chunks
WHERE hypertable_schema = 'collector_storage' AND hypertable_name = 'open_interest'
"""

_SCHEMA_VERSION = "SELECT name FROM schema_migrations ORDER BY version DESC LIMIT 1"

# Ticks are counted when a poll is stored. After the newest poll they are missing when they are as
# late as in the view venue_ticks.
_POLLS = """
SELECT venue, newest.polled_at, newest.outcome, newest.error, good.polled_at,
    coalesce(counted.made, 0), coalesce(counted.expected, 0) + coalesce(silent.expected, 0),
    coalesce(stored, 0), coalesce(rejected, 0)
FROM unnest($1::text[]) AS wanted (venue)
LEFT JOIN LATERAL (
    SELECT polled_at, outcome, error FROM polls AS p
    WHERE p.venue = wanted.venue AND outcome <> 'running'
        AND polled_at < now() + INTERVAL '1 minute' ORDER BY polled_at DESC LIMIT 1
) AS newest ON true
LEFT JOIN LATERAL (
    SELECT polled_at FROM polls AS p
    WHERE p.venue = wanted.venue AND rows_fetched > 0
        AND polled_at < now() + INTERVAL '1 minute' ORDER BY polled_at DESC LIMIT 1
) AS good ON true
CROSS JOIN LATERAL (
    SELECT sum(rows_stored) AS stored, sum(rows_rejected) AS rejected
    FROM polls AS p WHERE p.venue = wanted.venue AND polled_at > now() - INTERVAL '1 day'
) AS day
CROSS JOIN LATERAL (
    SELECT sum(ok + partial) AS made, sum(expected - running) AS expected
    FROM collector_storage.ticks AS k
    WHERE k.width = INTERVAL '5 minutes' AND k.venue = wanted.venue
        AND k.bucket > now() - INTERVAL '1 day' AND k.bucket <= now()
) AS counted
LEFT JOIN LATERAL (
    SELECT count(*) AS expected FROM collector_storage.silences AS s CROSS JOIN LATERAL
        generate_series(
            s.since + s.poll_interval, now() - greatest(3 * s.poll_interval, INTERVAL '1 minute'),
            s.poll_interval
        ) AS missed
    WHERE s.venue = wanted.venue AND s.until IS NULL AND now() - s.since <= INTERVAL '31 days'
        AND missed > now() - INTERVAL '1 day'
) AS silent ON true
"""

# Active: in the newest list of the venue, expected to report, and selected by include and exclude.
_INSTRUMENTS = """
SELECT wanted.venue, latest.exchange_ts, latest.received_at, active, reporting
FROM unnest($1::text[], $2::float8[], $3::text[], $4::text[])
    AS wanted (venue, patience, included, excluded)
LEFT JOIN (
    SELECT venue, max(exchange_ts) AS exchange_ts,
        max(polled_at + received_after_ms * INTERVAL '1 millisecond') AS received_at
    FROM collector_storage.latest JOIN collector_storage.series USING (series_id) GROUP BY venue
) AS latest USING (venue)
CROSS JOIN LATERAL (
    SELECT count(*) AS active, count(*) FILTER (
            WHERE l.polled_at + l.received_after_ms * INTERVAL '1 millisecond'
                > now() - make_interval(secs => patience)
        ) AS reporting
    FROM instruments AS i
    LEFT JOIN collector_storage.series AS s ON (s.venue, s.symbol) = (i.venue, i.symbol)
    LEFT JOIN collector_storage.latest AS l USING (series_id)
    WHERE i.venue = wanted.venue AND i.active AND i.symbol ~ included
        AND (excluded IS NULL OR i.symbol !~ excluded)
        AND i.last_seen_at = (
            SELECT max(last_seen_at) FROM instruments AS o
            WHERE o.venue = wanted.venue AND last_seen_at < now() + INTERVAL '1 minute'
        )
) AS counted
"""


@dataclass(frozen=True)
class Server:
    """What the database is."""

    now: datetime
    """By the server's clock."""
    postgresql: str
    timescaledb: str | None
    licence: str
    database_bytes: int
    schema: str | None
    """The migration that was applied last."""
    pending: Sequence[str]


@dataclass(frozen=True)
class Hypertable:
    """How large the table of snapshots is."""

    size: int
    """Bytes, with indexes."""
    rows: int
    """About."""
    chunks: int
    compressed_chunks: int


@dataclass(frozen=True)
class Asked:
    """What is to be known of a venue."""

    venue: str
    patience: float
    """Seconds after which an instrument without a row is stale."""
    included: str | None
    excluded: str | None
    """Regular expressions for symbols."""


@dataclass(frozen=True)
class Polled:
    """What `polls` says of a venue."""

    last_polled_at: datetime | None
    last_outcome: str | None
    last_error: str | None
    last_good_at: datetime | None
    """The newest tick that brought rows."""
    made: int
    """Polls of the last day that brought rows."""
    expected: int
    """Ticks of the last day at which there was a poll, or should have been one."""
    stored: int
    rejected: int
    """Rows of the last day."""


@dataclass(frozen=True)
class Reported:
    """What the newest rows of a venue say."""

    exchange_ts: datetime | None
    received_at: datetime | None
    active: int
    reporting: int
    """Instruments of those with a row that is not stale."""


async def server(database: Database) -> Server:
    """Ask what it is.

    Raises:
        DatabaseError: it cannot be asked, or the schema is of a newer collector.
    """
    async with database.session() as connection:
        [row] = await connection.fetch(_SERVER)
        todo = await pending(connection, shipped())
        made = len(todo) < len(shipped())
        schema = await connection.fetchval(_SCHEMA_VERSION) if made else None
    now, postgresql, timescaledb, licence, size = row
    names = [each.name for each in todo]
    return Server(now, postgresql, timescaledb, licence, size, schema, names)


async def hypertable(database: Database) -> Hypertable:
    """Ask how large it is.

    Raises:
        DatabaseError: it cannot be asked.
    """
    async with database.session() as connection:
        [row] = await connection.fetch(_HYPERTABLE)
    return Hypertable(*row)


async def polled(database: Database, venues: Sequence[Asked]) -> dict[str, Polled]:
    """Ask what became of the polls.

    Raises:
        DatabaseError: it cannot be asked.
    """
    async with database.session() as connection:
        rows = await connection.fetch(_POLLS, [each.venue for each in venues])
    return {venue: Polled(*facts) for venue, *facts in rows}


async def reported(database: Database, venues: Sequence[Asked]) -> dict[str, Reported]:
    """Ask for the newest rows.

    Raises:
        DatabaseError: it cannot be asked.
    """
    async with database.session() as connection:
        rows = await connection.fetch(
            _INSTRUMENTS,
            [each.venue for each in venues],
            [each.patience for each in venues],
            [each.included for each in venues],
            [each.excluded for each in venues],
        )
    return {venue: Reported(*facts) for venue, *facts in rows}
