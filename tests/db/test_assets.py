"""Open interest of an asset over instruments and venues, by the hour; and how it is counted."""

from datetime import timedelta
from decimal import Decimal

import pytest

from collector.db import Connection, Database
from collector.models import DecimalText, Kind
from tests.db.measured import Filled
from tests.rows import TICK, instrument, snapshot

pytestmark = pytest.mark.db

LATER = TICK + timedelta(minutes=30)
NEXT = TICK + timedelta(hours=1)


@pytest.fixture
async def filled(database: Database) -> Filled:
    """BONK at three venues: 500 of Bitget's bundles of 1000, HTX's two contracts, Synthetix."""
    filled = Filled(database)
    await filled.rules()
    size = DecimalText("10")
    await filled.listed(
        "bitget", instrument("1000BONKUSDT", base="1000BONK"), instrument("BTCUSDT", base="BTC")
    )
    await filled.listed(
        "htx",
        instrument("BONK-USDT", base="BONK", contract_size=size),
        instrument("BONK-USDT-261225", base="BONK", contract_size=size, kind=Kind.FUTURE),
        instrument("BONK-USDC", base="BONK", quote="USDC"),
    )
    await filled.listed("synthetix", instrument("BONK-USDT", base="BONK"))
    await filled.reported("bitget", snapshot("1000BONKUSDT", "400", exchange_ts=TICK))
    await filled.reported("bitget", snapshot("1000BONKUSDT", "500", exchange_ts=LATER))
    await filled.reported("bitget", snapshot("BTCUSDT", "9", exchange_ts=LATER))
    contracts = {"open_interest_contracts": DecimalText("3000"), "exchange_ts": LATER}
    quote = {"open_interest_quote": DecimalText("60.5")}
    await filled.reported(
        "htx",
        snapshot("BONK-USDT", None, **contracts, **quote),
        snapshot("BONK-USDT-261225", "2000", exchange_ts=LATER),
        snapshot("BONK-USDC", None, **contracts),
    )
    await filled.reported("synthetix", snapshot("BONK-USDT", "1001", exchange_ts=LATER))
    await filled.reported("bitget", snapshot("1000BONKUSDT", "501", exchange_ts=NEXT))
    return filled


async def test_an_asset_is_added_up_by_venue_kind_and_currency(
    filled: Filled, sql: Connection
) -> None:
    """At the end of the hour, in BONK; USDT and USDC stay apart, and what is unknown is counted."""
    del filled
    found = await sql.fetch(
        "SELECT venue, kind, quote, open_interest, open_interest_quote, instruments, unconverted,"
        " without_quote, snapshots FROM open_interest_by_asset_1h"
        " WHERE asset = 'BONK' AND bucket = $1 ORDER BY 1, 2, 3",
        TICK,
    )
    assert [tuple(row) for row in found] == [
        ("bitget", "perpetual", "USDT", 500_000, None, 1, 0, 1, 2),
        ("htx", "future", "USDT", 2000, None, 1, 0, 1, 1),
        ("htx", "perpetual", "USDC", None, None, 1, 1, 1, 1),
        ("htx", "perpetual", "USDT", 30_000, Decimal("60.5"), 1, 0, 0, 1),
        ("synthetix", "perpetual", "USDT", Decimal("500.5"), None, 1, 0, 1, 1),
    ]


async def test_the_total_says_who_is_in_it(filled: Filled, sql: Connection) -> None:
    """An hour without two of the venues is no fall in open interest, and can be told from one."""
    del filled
    found = await sql.fetch(
        "SELECT bucket, open_interest, perpetual, future, venues, instruments, unconverted,"
        " oldest_ts FROM open_interest_of_asset_1h WHERE asset = 'BONK' ORDER BY bucket"
    )
    assert [tuple(row) for row in found] == [
        (TICK, Decimal("532500.5"), Decimal("530500.5"), 2000, 3, 4, 1, LATER),
        (NEXT, 501_000, 501_000, None, 1, 1, 0, NEXT),
    ]


async def test_the_quote_currency_is_one_sided_as_well(filled: Filled, sql: Connection) -> None:
    """A rule is about all amounts of a venue."""
    await filled.rules({"COLLECTOR__VENUES__HTX__SIDES": "both"})

    row = await sql.fetchrow(
        "SELECT open_interest, open_interest_quote FROM open_interest_by_asset_1h"
        " WHERE asset = 'BONK' AND venue = 'htx' AND kind = 'perpetual' AND quote = 'USDT'"
    )
    assert row is not None
    assert tuple(row) == (15_000, Decimal("30.25"))


async def test_no_rule_means_no_sum(filled: Filled, sql: Connection) -> None:
    """Where nothing can be converted there is no figure, and above all no zero."""
    await filled.rules({"COLLECTOR__VENUES__BITGET__SIDES": "unknown"})

    row = await sql.fetchrow(
        "SELECT open_interest, venues, instruments, unconverted FROM open_interest_of_asset_1h"
        " WHERE asset = 'BTC'"
    )
    assert row is not None
    assert tuple(row) == (None, 0, 0, 1)


async def test_a_price_is_implied_where_a_venue_gives_both(
    database: Database, sql: Connection
) -> None:
    """The quote currency over the asset, of both contracts together."""
    filled = Filled(database)
    await filled.rules({"COLLECTOR__VENUES__HTX__SIDES": "both"})
    await filled.listed("htx", instrument("A"), instrument("B", base="1000BTC"), instrument("C"))
    for symbol, base, quote in (("A", "2", "100"), ("B", "0.001", "50"), ("C", "0", "0")):
        given = filled.ago(symbol, base, minutes=1)
        await filled.reported(
            "htx",
            snapshot(
                symbol,
                base,
                exchange_ts=given.exchange_ts,
                open_interest_quote=DecimalText(quote),
            ),
        )

    (row,) = await sql.fetch("SELECT asset, quote, price, instruments FROM implied_price")
    assert tuple(row) == ("BTC", "USDT", 50, 2)


@pytest.mark.parametrize(
    ("counts", "reading"),
    [
        ([2 * n for n in range(1, 21)], "none is odd: doubled counts, or positions in even"),
        ([*(2 * n for n in range(1, 20)), 41], "some are odd, and a doubled count is never odd"),
        ([2, 4, 6], "none is odd, and too few are known to tell"),
        (["2.5", 3], "some are not whole numbers, so this tells nothing"),
    ],
)
async def test_parity_tells_a_doubled_count(
    database: Database, sql: Connection, counts: list[object], reading: str
) -> None:
    """The same count twice is one observation; zero and what is older than a week is none."""
    filled = Filled(database)
    await filled.rules()
    for hours, count in enumerate([*counts, counts[0], 0], start=1):
        made = filled.ago("A", None, hours=hours)
        contracts = DecimalText(str(count))
        await filled.reported(
            "htx",
            snapshot("A", None, exchange_ts=made.exchange_ts, open_interest_contracts=contracts),
        )
    old = filled.ago("A", None, days=8).exchange_ts
    await filled.reported(
        "htx", snapshot("A", None, exchange_ts=old, open_interest_contracts=DecimalText("999"))
    )
    await filled.reported("bitget", filled.ago("B", "3", hours=1))

    rows = await sql.fetch("SELECT * FROM contract_parity ORDER BY symbol NULLS FIRST")
    whole = [int(str(count)) for count in counts if "." not in str(count)]
    odd = sum(count % 2 for count in whole)
    assert [("htx", None), ("htx", "A")] == [(row["venue"], row["symbol"]) for row in rows]
    for row in rows:
        assert (len(counts), len(whole), odd) == (row["counts"], row["whole"], row["odd"])
        assert row["reading"].startswith(reading)
        assert (row["sides"], row["sides_basis"]) == ("one", "measured")
