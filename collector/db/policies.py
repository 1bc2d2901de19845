"""What follows the settings in the database: policies, rollups, and what is too old."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from collector.db import Connection
from collector.settings import DatabaseSettings

_MAY_RECONCILE = """
SELECT has_function_privilege(to_regprocedure(
    'collector_reconcile_columnstore(interval, boolean)'
)::oid, 'EXECUTE')
"""
"""Null where the schema is older, false for a role that does not own the tables."""

_EDITION = "SELECT current_setting('timescaledb.license')"
_BUILD = "SELECT * FROM collector_build_rollups($1)"
_COLUMNSTORE = "SELECT * FROM collector_enable_columnstore($1, $2)"
_RECONCILE = """
SELECT * FROM collector_reconcile_policies($1, $2, $3, $4, $5)
UNION ALL
SELECT * FROM collector_reconcile_columnstore($2, $5)
"""
_STORED = "SELECT compress_after, keep_for, keep_rollups_for FROM collector_storage.rollup_state"
_AGGREGATES = "SELECT to_regclass('collector_storage.aggregate_5m') IS NOT NULL"

# Once there are policies, they see to it; and whoever was interrupted begins again.
_UNFILLED_SINCE = """
SELECT greatest(min(range_start), max(raw_from))
FROM timescaledb_information.chunks CROSS JOIN collector_storage.rollup_state
WHERE (hypertable_schema, hypertable_name) = ('collector_storage', 'open_interest')
    AND NOT EXISTS (
        SELECT FROM timescaledb_information.jobs
        WHERE proc_name = 'policy_refresh_continuous_aggregate'
    )
"""
_REFRESH = "CALL refresh_continuous_aggregate($1::text::regclass, $2::timestamptz, $3::timestamptz)"
_REFRESH_SECONDS = 3600.0
_STEP = timedelta(days=7)
_LEVELS = (
    ("collector_storage.aggregate_5m", timedelta(minutes=5)),
    ("collector_storage.aggregate_1h", timedelta(hours=1)),
    ("collector_storage.aggregate_1d", timedelta(days=1)),
)

_FINISH_HOUR = "SELECT collector_storage.finish_hour(now() - $1::interval)"
_DROP_EXPIRED = """
SELECT relation, dropped FROM collector_storage.drop_expired()
UNION ALL
SELECT relation, dropped FROM collector_storage.drop_expired_ticks()
"""
_PACK_CHUNK = "SELECT collector_storage.pack_chunk($1)"
_PACK_SECONDS = 600.0
_SECONDS = 60.0


@dataclass(frozen=True)
class Policies:
    """How long what is kept, and how; None: never, or for ever."""

    compress_after: timedelta | None
    keep_for: timedelta | None
    keep_rollups_for: timedelta | None

    @classmethod
    def of(cls, settings: DatabaseSettings) -> "Policies":
        """Return what the configuration says."""
        return cls(*(
            None if days is None else timedelta(days=days)
            for days in (settings.compress_after, settings.keep_for, settings.keep_rollups_for)
        ))  # fmt: skip

    def __str__(self) -> str:
        ages = {
            "compress_after": _shown(self.compress_after, "never"),
            "keep_for": _shown(self.keep_for, "forever"),
            "keep_rollups_for": _shown(self.keep_rollups_for, "forever"),
        }
        return ", ".join(f"{key} {age}" for key, age in ages.items())


def _shown(age: timedelta | None, forever: str) -> str:
    return forever if age is None else f"{age.days}d"


async def may_reconcile(connection: Connection) -> bool:
    """Tell whether this role owns the policies, and the schema has them."""
    return bool(await connection.fetchval(_MAY_RECONCILE))


async def stored(connection: Connection) -> Policies:
    """Return what the database was told last."""
    (row,) = await connection.fetch(_STORED)
    return Policies(*row)


async def plan(connection: Connection, wanted: Policies) -> Sequence[str]:
    """Return what `reconcile` would change, a line each."""
    edition = await connection.fetchval(_EDITION)
    lines = []
    if edition == "timescale" and not await connection.fetchval(_AGGREGATES):
        lines.append("the rollups become continuous aggregates, filled from the snapshots")
    lines += await _enable_columnstore(connection, wanted, apply=False)
    return lines + await _reconcile(connection, edition, wanted, apply=False)


async def reconcile(connection: Connection, wanted: Policies) -> Sequence[str]:
    """Bring about what the settings say and the edition permits; return what was done.

    Moving from Apache to Community is done here as well. Only for the owner of the tables.
    """
    edition = await connection.fetchval(_EDITION)
    lines = [line for (line,) in await connection.fetch(_BUILD, edition)]
    # First, since it says how long the chunks are that are filled then.
    lines += await _enable_columnstore(connection, wanted, apply=True)
    if await connection.fetchval(_AGGREGATES):
        await _fill(connection)
    return lines + await _reconcile(connection, edition, wanted, apply=True)


async def _enable_columnstore(
    connection: Connection, wanted: Policies, *, apply: bool
) -> list[str]:
    lines = await connection.fetch(_COLUMNSTORE, wanted.compress_after, apply)
    return [line for (line,) in lines]


async def _reconcile(
    connection: Connection, edition: str, wanted: Policies, *, apply: bool
) -> list[str]:
    lines = await connection.fetch(
        _RECONCILE, edition, wanted.compress_after, wanted.keep_for, wanted.keep_rollups_for, apply
    )
    return [line for (line,) in lines]


async def _fill(connection: Connection) -> None:
    """Aggregate the snapshots that there are, oldest first: what is newer is added live.

    An aggregate is refreshed up to a moment, and shows nothing before it that was left out. So
    this comes before the policies, which begin with the newest.
    """
    first: datetime | None = await connection.fetchval(_UNFILLED_SINCE)
    if first is None:
        return
    now: datetime = await connection.fetchval("SELECT now()")
    for aggregate, width in _LEVELS:
        since = first
        while since + 2 * width <= (until := min(since + _STEP, now - width)):
            await connection.execute(_REFRESH, aggregate, since, until, timeout=_REFRESH_SECONDS)
            since = until


async def finish_hour(connection: Connection, settled: timedelta) -> datetime | None:
    """Finish the next hour that ended so long ago; return when it ended, None if there is none."""
    ended: datetime | None = await connection.fetchval(_FINISH_HOUR, settled, timeout=_SECONDS)
    return ended


async def drop_expired(connection: Connection) -> Sequence[tuple[str, str]]:
    """Drop what the stored settings say is too old; return from what and how much."""
    rows = await connection.fetch(_DROP_EXPIRED, timeout=_SECONDS)
    return [(row["relation"], row["dropped"]) for row in rows]


async def finishes_hours(connection: Connection) -> bool:
    """Tell whether hours are finished here, and not aggregated by the server."""
    return not await connection.fetchval(_AGGREGATES)


async def pack_chunk(connection: Connection, settled: timedelta) -> str | None:
    """Build the index of a chunk anew that ended so long ago; return which, if there is one."""
    packed: str | None = await connection.fetchval(_PACK_CHUNK, settled, timeout=_PACK_SECONDS)
    return packed
