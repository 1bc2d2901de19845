"""One-sided figures in the asset itself, and the rule that made them so."""

from decimal import Decimal

import pytest

from collector.db import Connection, Database
from collector.models import DecimalText, Kind
from tests.db.measured import Filled
from tests.rows import MOMENT, TICK, instrument, snapshot

pytestmark = pytest.mark.db


async def test_rules_are_written_once_and_again_only_if_they_change(
    database: Database, sql: Connection
) -> None:
    """A start that changes nothing leaves no trace; what is set replaces what is declared."""
    filled = Filled(database)
    await filled.rules()
    before = await sql.fetch(
        "SELECT venue, sides, factor, basis, xmin::text FROM venues ORDER BY 1"
    )
    await filled.rules()
    unchanged = await sql.fetch("SELECT venue, sides, factor, basis, xmin::text FROM venues")
    await filled.rules({"COLLECTOR__VENUES__HTX__SIDES": "both"})
    after = await sql.fetch("SELECT venue, sides, factor, basis, xmin::text FROM venues ORDER BY 1")

    half = Decimal("0.5")
    assert [tuple(rule)[:4] for rule in before] == [
        ("bitget", "one", 1, "measured"),
        ("htx", "one", 1, "measured"),
        ("synthetix", "both", half, "documented"),
    ]
    assert set(before) == set(unchanged)
    assert ("htx", "both", half, "configured") == tuple(after[1])[:4]
    assert [before[0], before[2]] == [after[0], after[2]]


async def test_each_venue_becomes_one_sided_by_its_own_rule(
    database: Database, sql: Connection
) -> None:
    """Half of long + short is the mean of the legs, to the last digit."""
    filled = Filled(database)
    await filled.rules()
    legs = {"long_base": DecimalText("450.156245"), "short_base": DecimalText("451.960479")}
    await filled.listed("bitget", instrument("BTCUSDT"))
    await filled.listed("synthetix", instrument("BTC-USDT"))
    await filled.reported("bitget", snapshot("BTCUSDT", "22919.7096"))
    await filled.reported("synthetix", snapshot("BTC-USDT", "902.116724", **legs))

    found = await sql.fetch(
        "SELECT venue, open_interest, long_open_interest, short_open_interest, sides, factor,"
        " sides_basis, converted_from FROM comparable_open_interest ORDER BY venue"
    )
    assert [tuple(row) for row in found] == [
        ("bitget", Decimal("22919.7096"), None, None, "one", 1, "measured", "base"),
        (
            *("synthetix", Decimal("451.058362"), Decimal("450.156245"), Decimal("451.960479")),
            *("both", Decimal("0.5"), "documented", "base"),
        ),
    ]
    mean = await sql.fetchval(
        "SELECT open_interest = (long_base + short_base) / 2 FROM comparable_open_interest AS c"
        " JOIN open_interest USING (venue, symbol, exchange_ts) WHERE c.venue = 'synthetix'"
    )
    assert mean is True


async def test_contracts_are_converted_where_the_venue_gives_nothing_else(
    database: Database, sql: Connection
) -> None:
    """By the size of a contract; without one the figure is missing, not zero."""
    filled = Filled(database)
    await filled.rules({"COLLECTOR__VENUES__HTX__SIDES": "both"})
    await filled.listed(
        "htx",
        instrument("A", contract_size=DecimalText("0.001")),
        instrument("B"),
        instrument("C", contract_size=DecimalText("0.001")),
    )
    contracts = {"open_interest_contracts": DecimalText("50096213")}
    await filled.reported("htx", snapshot("A", None, **contracts), snapshot("B", None, **contracts))
    quote = {"open_interest_quote": DecimalText("100.01")}
    await filled.reported("htx", snapshot("C", "7", **contracts, **quote))

    found = await sql.fetch(
        "SELECT symbol, open_interest, open_interest_quote, converted_from"
        " FROM comparable_open_interest ORDER BY symbol"
    )
    assert [tuple(row) for row in found] == [
        ("A", Decimal("25048.1065"), None, "contracts"),
        ("B", None, None, None),
        ("C", Decimal("3.5"), Decimal("50.005"), "base"),
    ]


async def test_an_unknown_rule_leaves_the_figure_open(database: Database, sql: Connection) -> None:
    """What was said stays to be seen in open_interest."""
    filled = Filled(database)
    await filled.rules({"COLLECTOR__VENUES__BITGET__SIDES": "unknown"})
    await filled.listed("bitget", instrument("BTCUSDT"))
    await filled.reported("bitget", snapshot("BTCUSDT", "1.50"))

    (row,) = await sql.fetch("SELECT * FROM comparable_open_interest")
    assert [None, None, "unknown", None, "configured"] == [
        row[name] for name in ("open_interest", "converted_from", "sides", "factor", "sides_basis")
    ]
    assert await sql.fetchval("SELECT open_interest_base FROM open_interest") == Decimal("1.50")


async def test_a_new_rule_holds_for_old_snapshots_and_changes_none(
    database: Database, sql: Connection
) -> None:
    """It is applied when the view is read."""
    filled = Filled(database)
    await filled.rules()
    await filled.listed("htx", instrument("A"))
    await filled.reported("htx", snapshot("A", "9"))
    stored = await sql.fetch("SELECT *, xmin::text FROM collector_storage.open_interest")
    await filled.rules({"COLLECTOR__VENUES__HTX__SIDES": "both"})

    assert await sql.fetchval("SELECT open_interest FROM comparable_open_interest") == Decimal(
        "4.5"
    )
    assert stored == await sql.fetch("SELECT *, xmin::text FROM collector_storage.open_interest")


async def test_a_snapshot_of_what_is_not_listed_yet_is_there(
    database: Database, sql: Connection
) -> None:
    """With what is known of it, which is its venue's rule."""
    filled = Filled(database)
    await filled.rules()
    await filled.reported("bitget", snapshot("NEWUSDT", "5"))

    (row,) = await sql.fetch("SELECT * FROM comparable_open_interest")
    assert (row["symbol"], row["exchange_ts"], row["sides"]) == ("NEWUSDT", MOMENT, "one")
    assert [row[name] for name in ("base", "asset", "open_interest", "converted_from")] == [
        None
    ] * 4


@pytest.mark.parametrize(
    ("base", "asset", "units"),
    [
        ("BTC", "BTC", 1),
        ("1000BONK", "BONK", 1000),
        ("10000SATS", "SATS", 10_000),
        ("1000000MOG", "MOG", 1_000_000),
        ("1MBABYDOGE", "BABYDOGE", 1_000_000),
        ("1000龙虾", "龙虾", 1000),
        ("1INCH", "1INCH", 1),  # a name that begins with a digit
        ("1000X", "1000X", 1),  # too short to tell
        ("1000", "1000", 1),
        ("100TRX", "100TRX", 1),  # nobody bundles by the hundred
        ("10004BULL", "10004BULL", 1),  # ten thousand and four?
        ("2000ABC", "2000ABC", 1),
        ("1MOON", "1MOON", 1),
        ("kPEPE", "kPEPE", 1),
    ],
)
async def test_names_of_bundles_are_taken_apart_by_rule(
    database: Database, sql: Connection, base: str, asset: str, units: int
) -> None:
    """And only by the rule: what does not fit it stays an asset of its own."""
    filled = Filled(database)
    await filled.rules()
    await filled.listed("bitget", instrument("S", base=base))
    await filled.reported("bitget", snapshot("S", "2.5"))

    found = await sql.fetchrow(
        "SELECT base, asset, units, open_interest FROM comparable_open_interest"
    )
    assert found is not None
    assert (base, asset, units, Decimal("2.5") * units) == tuple(found)


async def test_the_columns_of_the_listing_are_beside_the_figure(
    database: Database, sql: Connection
) -> None:
    """So that no join is needed to tell a quarterly from a perpetual."""
    filled = Filled(database)
    await filled.rules()
    await filled.listed("htx", instrument("F", kind=Kind.FUTURE, expires_at=TICK, settle="USDC"))
    await filled.reported("htx", snapshot("F", "1"))

    row = await sql.fetchrow(
        "SELECT base, quote, settle, kind, expires_at FROM comparable_open_interest"
    )
    assert row is not None
    assert tuple(row) == ("BTC", "USDT", "USDC", "future", TICK)
