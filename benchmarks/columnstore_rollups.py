"""What the rollups take on Community, before the columnstore and in it."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta

import asyncpg

from benchmarks.columnstore_rows import Row
from collector.db import Connection, Database
from collector.db.migrate import migrate
from collector.db.policies import Policies

TABLE = "collector_storage.open_interest"
_POLICIES = Policies(compress_after=timedelta(days=14), keep_for=None, keep_rollups_for=None)
_SERIES = """
INSERT INTO collector_storage.series (series_id, venue, symbol) OVERRIDING SYSTEM VALUE
SELECT id, 'simulated', id::text FROM unnest($1::int[]) AS id
"""
_HYPERTABLES = """
SELECT name, hypertable FROM collector_storage.compressible_rollups() ORDER BY name DESC
"""
_BEFORE = "SELECT sum(total_bytes) FROM chunks_detailed_size($1::text::regclass)"
_AFTER = """
SELECT sum(after_compression_total_bytes) FROM chunk_compression_stats($1::text::regclass)
"""


async def measure(
    dsn: str, data: Sequence[Row], insert: Callable[[Connection], Awaitable[None]]
) -> None:
    """Fill the rollups of a new database, compress them, and print a line for each.

    Args:
        dsn: the database.
        data: the snapshots, of which `insert` stores each.
        insert: stores them in the table that `collector migrate` makes.
    """
    database = Database(dsn)
    await migrate(database, wanted_policies=_POLICIES)
    await database.close()
    sql = await asyncpg.connect(dsn, statement_cache_size=0)
    await sql.execute(_SERIES, sorted({row.series_id for row in data}))
    await insert(sql)
    print(f"\n{'Rollup':30}     rows   before  columnstore  for each snapshot")
    for name, hypertable in await sql.fetch(_HYPERTABLES):
        await sql.execute(f"CALL refresh_continuous_aggregate('{name}', NULL, NULL)")
        count = await sql.fetchval(f"SELECT count(*) FROM {hypertable}")
        before = float(await sql.fetchval(_BEFORE, hypertable))
        await sql.execute(f"SELECT compress_chunk(c) FROM show_chunks('{name}') AS c")
        after = float(await sql.fetchval(_AFTER, hypertable))
        each = f"{before / len(data):.1f} before, {after / len(data):.2f} in it"
        print(
            f"{name.rpartition('.')[2]:30} {count:8,}  {before / count:7.1f}"
            f"  {after / count:11.2f}  {each}",
            flush=True,
        )
    await sql.close()
