"""Climb the versions of the schema, one by one or all at once, with rows in each."""

import asyncpg

from collector.db import Connection, Database
from collector.db.migrate import migrate, shipped
from tests.upgrade.filled import expected, fill, latest, others, stored

_COMPRESS = """
SELECT compress_chunk(format('%I.%I', chunk_schema, chunk_name)::regclass)
FROM timescaledb_information.chunks JOIN timescaledb_information.hypertables
    USING (hypertable_schema, hypertable_name)
WHERE compression_enabled AND NOT is_compressed AND range_end < now()
    AND hypertable_schema IN ('public', 'collector_storage')
"""


async def migrate_to(dsn: str, version: int) -> None:
    """Migrate to a version, as `collector migrate` of that version would have."""
    database = Database(dsn)
    assert (await migrate(database, shipped()[:version])).problem is None
    await database.close()


async def climb(dsn: str, *, start: int, step: int) -> None:
    """Fill each version from `start` on, migrate on by `step`, and see that nothing has changed."""
    await migrate_to(dsn, start)
    filled: list[int] = []
    for version in range(start, len(shipped()), step):
        sql = await asyncpg.connect(dsn, statement_cache_size=0)
        await fill(sql, version)
        filled.append(version)
        if await sql.fetchval("SELECT current_setting('timescaledb.license')") == "timescale":
            await sql.execute(_COMPRESS)
        before = await others(sql)
        await sql.close()

        await migrate_to(dsn, min(version + step, len(shipped())))

        sql = await asyncpg.connect(dsn, statement_cache_size=0)
        await _unchanged(sql, filled, before)
        await sql.close()


async def _unchanged(
    sql: Connection, filled: list[int], before: dict[str, list[dict[str, object]]]
) -> None:
    narrow = await sql.fetchval("SELECT to_regclass('collector_storage.latest')") is not None
    assert expected(*filled, to_the_millisecond=narrow) == await stored(sql)
    if narrow:
        kept, newest = await latest(sql)
        assert kept == newest
    after = await others(sql)
    for table, rows in before.items():
        # A migration may add columns; it may not change what is in those that there were.
        known = [
            {name: row[name] for name in first}
            for first, row in zip(rows, after[table], strict=True)
        ]
        assert rows == known, table
