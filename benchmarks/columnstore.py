"""What a snapshot takes in the columnstore, and what it would take if it were stored otherwise.

    python -m benchmarks.columnstore --days 7 --every 40

Needs node and npm: the Community edition runs in memory, compiled to WebAssembly, so that sizes are
those of any server, and times are good only to be compared with each other. The first line is the
table that `collector migrate` makes. Other lines differ from it in what they say. The last two are
about the rollups.
"""

import argparse
import asyncio
import io
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import asyncpg

from benchmarks import columnstore_rollups
from benchmarks.columnstore_rows import Row, rows
from collector.db import Connection, Database
from collector.db.migrate import migrate
from tests.community.engine import Engine, missing

MOST_BYTES = 12.0
_COPY_ROWS = 20_000
_AMOUNTS = (
    "open_interest_base",
    "open_interest_contracts",
    "open_interest_quote",
    "long_base",
    "short_base",
)
_COLUMNS = ("exchange_ts", "polled_at", "series_id", "received_after_ms", *_AMOUNTS)


def as_given(amount: str) -> str:
    """Keep the venue's digits."""
    return amount


def mantissa(amount: str) -> str:
    """Return the digits without their point, which a scale of the series' own would remember."""
    digits = amount.rstrip("0").rstrip(".") if "." in amount else amount
    return digits.replace(".", "")


def trimmed(amount: str) -> str:
    """Drop the zeros at the end."""
    return amount.rstrip("0").rstrip(".") if "." in amount else amount


@dataclass(frozen=True)
class Variant:
    """A way to store snapshots."""

    name: str
    segment_by: str = "series_id"
    order_by: str = "exchange_ts"
    chunk_days: int | None = None
    amount_type: str = "numeric"
    amount: Callable[[str], str] = as_given


SHIPPED = Variant("as shipped")
VARIANTS = (
    SHIPPED,
    Variant("ordered by exchange_ts DESC", order_by="exchange_ts DESC"),
    Variant("not segmented", segment_by="", order_by="series_id, exchange_ts"),
    Variant("chunks of 1 day", chunk_days=1),
    Variant("numeric, end zeros dropped", amount=trimmed),
    Variant("double precision", amount_type="double precision"),
    Variant("scaled bigint", amount_type="bigint", amount=mantissa),
)


async def main(days: float, every: int) -> int:
    """Measure each variant; return 1 if the shipped one takes more than it may."""
    if (program := missing()) is not None:
        sys.stderr.write(f"{program} is needed for the Community edition, and is not here\n")
        return 1
    data = list(rows(days, every))
    series = len({row.series_id for row in data})
    print(f"{len(data):,} snapshots of {series} instruments, {days:g} days at 60 s\n")
    print(f"{'':30}   before  columnstore  bytes/row    insert  compress  a month  an hour")
    print(f"{'':30}  bytes/row     (ratio)                 s         s  by hour   of all, ms")
    engine, shipped = Engine(), 0.0
    for variant in VARIANTS:
        dsn = engine.create()
        database = Database(dsn)
        await migrate(database)
        await database.close()
        sql = await asyncpg.connect(dsn, statement_cache_size=0)
        size = await measure(sql, variant, data)
        shipped = size if variant is SHIPPED else shipped
        await sql.close()
        engine.drop(dsn)
    dsn = engine.create()
    await columnstore_rollups.measure(
        dsn, data, lambda sql: insert(sql, SHIPPED, data, columnstore_rollups.TABLE)
    )
    engine.close()
    verdict = "kept" if shipped <= MOST_BYTES else f"missed by {shipped - MOST_BYTES:.2f}"
    print(f"\nAt most {MOST_BYTES:g} bytes for each snapshot as shipped: {verdict}")
    return 0 if shipped <= MOST_BYTES else 1


async def measure(sql: Connection, variant: Variant, data: Sequence[Row]) -> float:
    """Store the rows, compress them, ask for some; print a line; return bytes for each row."""
    count = len(data)
    await prepare(sql, variant)
    inserting = await seconds(lambda: insert(sql, variant, data))
    before: float = await sql.fetchval("SELECT sum(total_bytes) FROM chunks_detailed_size('trial')")
    compressing = await seconds(
        lambda: sql.execute("SELECT compress_chunk(c) FROM show_chunks('trial') AS c")
    )
    after: float = await sql.fetchval(
        "SELECT sum(after_compression_total_bytes) FROM chunk_compression_stats('trial')"
    )
    first = data[0].polled_at
    month = await seconds(
        lambda: sql.fetch(
            "SELECT date_trunc('hour', exchange_ts), avg(open_interest_base) FROM trial"
            " WHERE series_id = 0 GROUP BY 1"
        )
    )
    hour = await seconds(
        lambda: sql.fetch(
            "SELECT series_id, max(open_interest_base) FROM trial"
            " WHERE exchange_ts >= $1 AND exchange_ts < $1 + INTERVAL '1 hour' GROUP BY 1",
            first,
        )
    )
    print(
        f"{variant.name:30}  {before / count:9.1f}  {f'({before / after:.1f}x)':>10}"
        f"  {after / count:9.2f}  {inserting:8.1f}  {compressing:8.1f}"
        f"  {month * 1000:7.0f}  {hour * 1000:7.0f}"
    )
    print(f"{'':30}  {await columns(sql, count)}", flush=True)
    return float(after) / count


async def seconds(step: Callable[[], object]) -> float:
    """Return how long something takes."""
    begun = time.perf_counter()
    await step()  # type: ignore[misc]  # a coroutine of any result
    return time.perf_counter() - begun


async def prepare(sql: Connection, variant: Variant) -> None:
    """Make a table like the shipped one, and say what is different."""
    shipped = "collector_storage.open_interest"
    interval = await sql.fetchval(
        "SELECT time_interval FROM timescaledb_information.dimensions"
        " WHERE format('%s.%s', hypertable_schema, hypertable_name) = $1",
        shipped,
    )
    days = variant.chunk_days or interval.days
    await sql.execute(f"CREATE TABLE trial (LIKE {shipped} INCLUDING ALL)")
    if variant.amount_type != "numeric":
        await sql.execute("ALTER TABLE trial DROP CONSTRAINT amounts_are_finite")
        for column in _AMOUNTS:
            await sql.execute(f"ALTER TABLE trial ALTER {column} TYPE {variant.amount_type}")
    await sql.execute(
        f"SELECT create_hypertable('trial', by_range('exchange_ts', INTERVAL '{days} days'),"
        " create_default_indexes => false)"
    )
    await sql.execute(
        "ALTER TABLE trial SET (timescaledb.compress,"
        f" timescaledb.compress_segmentby = '{variant.segment_by}',"
        f" timescaledb.compress_orderby = '{variant.order_by}')"
    )


async def insert(
    sql: Connection, variant: Variant, data: Sequence[Row], table: str = "trial"
) -> None:
    """Copy the rows in, in the order in which they arrive."""
    *schema, name = table.split(".")
    for start in range(0, len(data), _COPY_ROWS):
        text = "".join(line(row, variant.amount) for row in data[start : start + _COPY_ROWS])
        await sql.copy_to_table(
            name,
            schema_name=schema[0] if schema else None,
            source=io.BytesIO(text.encode()),
            columns=_COLUMNS,
            format="text",
        )


def line(row: Row, amount: Callable[[str], str]) -> str:
    """Return a row for COPY in text form."""
    amounts = ["\\N" if each is None else amount(each) for each in row.amounts]
    times = [row.exchange_ts.isoformat(), row.polled_at.isoformat()]
    return "\t".join([*times, str(row.series_id), str(row.received_after_ms), *amounts]) + "\n"


async def columns(sql: Connection, count: int) -> str:
    """Tell what each column takes of a row, the overhead of tables and indexes aside."""
    chunks = await sql.fetch(
        "SELECT format('%I.%I', c.schema_name, c.table_name)"
        " FROM _timescaledb_catalog.chunk AS u JOIN _timescaledb_catalog.chunk AS c"
        " ON c.id = u.compressed_chunk_id JOIN _timescaledb_catalog.hypertable AS h"
        " ON h.id = u.hypertable_id WHERE h.table_name = 'trial'"
    )
    sizes = dict.fromkeys(_COLUMNS, 0)
    for (chunk,) in chunks:
        sums = ", ".join(f"sum(pg_column_size({name}))" for name in _COLUMNS)
        found = await sql.fetchrow(f"SELECT {sums} FROM {chunk}") or [0] * len(_COLUMNS)
        for name, size in zip(_COLUMNS, found, strict=True):
            sizes[name] += size or 0
    return "  ".join(f"{name} {size / count:.2f}" for name, size in sizes.items())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=float, default=7, help="how long (7)")
    parser.add_argument("--every", type=int, default=40, help="one instrument in so many (40)")
    options = parser.parse_args()
    sys.exit(asyncio.run(main(options.days, options.every)))
