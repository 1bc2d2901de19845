"""The analysts' views on Community: the same figures, over aggregates and columnstore."""

from collections.abc import AsyncIterator
from datetime import timedelta
from decimal import Decimal

import asyncpg
import pytest

from collector.db import Connection, Database
from collector.db.migrate import migrate
from collector.models import DecimalText
from tests.db.measured import Filled
from tests.rows import instrument, snapshot

pytestmark = pytest.mark.community

COLUMNSTORE = """
ALTER TABLE collector_storage.open_interest SET (
    timescaledb.compress, timescaledb.compress_segmentby = 'series_id',
    timescaledb.compress_orderby = 'exchange_ts'
)
"""


@pytest.fixture
async def filled(empty_community_dsn: str) -> AsyncIterator[Filled]:
    """Instruments of three venues, with snapshots of now and of the moments before."""
    database = Database(empty_community_dsn)
    assert (await migrate(database)).problem is None
    filled = Filled(database)
    await filled.rules()
    await filled.listed("bitget", instrument("A", base="1000BONK"))
    await filled.listed("htx", instrument("A", base="BONK", contract_size=DecimalText("10")))
    await filled.listed("synthetix", instrument("A", base="BONK"))
    moments = ((0, "12"), (1, "11"), (24, "10"), (168, "8"))
    for hours, amount in moments:
        await filled.reported("bitget", filled.ago("A", amount, hours=hours, minutes=1))
        await filled.reported("synthetix", filled.ago("A", amount, hours=hours, minutes=1))
        at = filled.ago("A", None, hours=hours, minutes=1).exchange_ts
        contracts = {"open_interest_contracts": DecimalText(amount + "1"), "exchange_ts": at}
        await filled.reported("htx", snapshot("A", None, **contracts))
    await database.close()
    yield filled
    await database.close()


@pytest.fixture
async def sql(empty_community_dsn: str, filled: Filled) -> AsyncIterator[Connection]:
    """A connection to the database that is filled, once the aggregates know of it."""
    del filled
    connection = await asyncpg.connect(empty_community_dsn)
    for level in ("5m", "1h", "1d"):
        await connection.execute(
            f"CALL refresh_continuous_aggregate('collector_storage.aggregate_{level}', NULL, NULL)"
        )
    yield connection
    await connection.close()


async def test_the_figures_are_those_of_the_other_edition(sql: Connection, filled: Filled) -> None:
    """By venue: thousands of Bitget's bundles, ten of each contract, half of both sides."""
    latest = await sql.fetch("SELECT venue, open_interest FROM latest_open_interest ORDER BY venue")
    total = await sql.fetchrow(
        "SELECT open_interest, venues, unconverted FROM open_interest_of_asset_1h"
        " WHERE asset = 'BONK' AND bucket = date_trunc('hour', $1::timestamptz, 'UTC')",
        filled.now - timedelta(minutes=1),
    )
    parity = await sql.fetchrow("SELECT counts, odd FROM contract_parity WHERE symbol IS NULL")

    assert [("bitget", 12_000), ("htx", 1210), ("synthetix", 6)] == [tuple(row) for row in latest]
    assert total is not None
    assert tuple(total) == (13_216, 3, 0)
    assert parity is not None
    assert tuple(parity) == (3, 3)  # that of a week and a minute ago is too old


async def test_changes_reach_into_the_columnstore(sql: Connection) -> None:
    """As they do where a week ago is not compressed yet."""
    query = (
        "SELECT venue, change_1h, change_24h, change_7d, ratio_7d FROM open_interest_change"
        " ORDER BY venue"
    )
    before = [tuple(row) for row in await sql.fetch(query)]
    await sql.execute(COLUMNSTORE)
    compressed = await sql.fetch(
        "SELECT compress_chunk(c) FROM show_chunks('collector_storage.open_interest') AS c"
    )

    half = Decimal("0.5")
    assert before == [
        ("bitget", 1000, 2000, 4000, half),
        ("htx", 100, 200, 400, Decimal("0.493827")),
        ("synthetix", half, 1, 2, half),
    ]
    assert len(compressed) >= 2
    assert before == [tuple(row) for row in await sql.fetch(query)]
    movers = await sql.fetch("SELECT venue, ratio FROM top_movers('7d', 2, 0)")
    assert [tuple(row) for row in movers] == [("bitget", half), ("synthetix", half)]
