"""Climb the versions of the schema, one by one or all at once, with rows in each."""

import asyncpg

from collector.db import Connection, Database
from collector.db.migrate import migrate, shipped
from tests.upgrade.filled import expected, fill, latest, others, stored

_COLUMNSTORE = """
ALTER TABLE collector_storage.open_interest SET (timescaledb.compress,
    timescaledb.compress_segmentby = 'series_id', timescaledb.compress_orderby = 'exchange_ts')
"""
_COMPRESS = "SELECT compress_chunk(c) FROM show_chunks('collector_storage.open_interest') AS c"


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
        await _compress(sql)
        before = await others(sql)
        await sql.close()

        await migrate_to(dsn, min(version + step, len(shipped())))

        sql = await asyncpg.connect(dsn, statement_cache_size=0)
        await _unchanged(sql, filled, before)
        await sql.close()


async def _compress(sql: Connection) -> None:
    """Put the snapshots into the columnstore, where there is one, as the policies would in time."""
    edition = await sql.fetchval("SELECT current_setting('timescaledb.license')")
    if edition == "timescale" and await _is_narrow(sql):
        await sql.execute(_COLUMNSTORE)
        assert len(await sql.fetch(_COMPRESS)) > 0


async def _is_narrow(sql: Connection) -> bool:
    """Tell whether the schema has migration 0007."""
    return await sql.fetchval("SELECT to_regclass('collector_storage.latest')") is not None


async def _unchanged(
    sql: Connection, filled: list[int], before: dict[str, list[dict[str, object]]]
) -> None:
    narrow = await _is_narrow(sql)
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
