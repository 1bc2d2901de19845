"""The newest snapshot of each instrument, and how far it has moved."""

from datetime import timedelta
from decimal import Decimal

import asyncpg
import pytest

from collector.db import Connection, Database
from collector.models import DecimalText, Snapshot
from tests.db.measured import Filled
from tests.rows import instrument

pytestmark = pytest.mark.db


@pytest.fixture
async def filled(database: Database) -> Filled:
    """Rules, and four instruments of Bitget and one of HTX that are listed."""
    filled = Filled(database)
    await filled.rules()
    await filled.listed("bitget", *(instrument(symbol) for symbol in "ABCD"))
    await filled.listed("htx", instrument("H"))
    return filled


async def changes(sql: Connection, span: str) -> list[tuple[object, ...]]:
    """Return symbol, moment compared with, change and ratio."""
    rows = await sql.fetch(
        f"SELECT symbol, at_{span}, change_{span}, ratio_{span} FROM open_interest_change"
        " ORDER BY symbol"
    )
    return [tuple(row) for row in rows]


async def test_latest_has_one_row_for_each_instrument_with_its_age(
    filled: Filled, sql: Connection
) -> None:
    """The newest by the venue's clock, whichever was stored last."""
    await filled.reported("bitget", filled.ago("A", "7", minutes=2), filled.ago("A", "9", hours=2))
    await filled.reported("htx", filled.ago("H", "3", days=40))

    found = await sql.fetch(
        "SELECT venue, symbol, exchange_ts, open_interest, active, age = now() - exchange_ts,"
        " received_age = now() - received_at FROM latest_open_interest ORDER BY venue"
    )
    assert [tuple(row) for row in found] == [
        ("bitget", "A", filled.now - timedelta(minutes=2), 7, True, True, True),
        ("htx", "H", filled.now - timedelta(days=40), 3, True, True, True),
    ]


@pytest.mark.parametrize(
    ("span", "hours", "tolerance"), [("1h", 1, 10), ("24h", 24, 60), ("7d", 168, 360)]
)
async def test_change_is_against_the_last_snapshot_before_the_moment(
    filled: Filled, sql: Connection, span: str, hours: int, tolerance: int
) -> None:
    """One that is newer than that, or too old to stand for it, is not compared with."""
    minutes = hours * 60
    await filled.reported(
        "bitget",
        filled.ago("A", "8", minutes=minutes + 5),
        filled.ago("A", "10", minutes=minutes + 1),
        filled.ago("A", "11", minutes=minutes - 1),
        filled.ago("A", "12.5", minutes=0),
        filled.ago("B", "10", minutes=minutes + tolerance + 1),
        filled.ago("B", "12", minutes=minutes - 1),
        filled.ago("B", "12.5", minutes=0),
        filled.ago("C", "0", minutes=minutes + 1),
        filled.ago("C", "5", minutes=0),
    )

    assert await changes(sql, span) == [
        ("A", filled.now - timedelta(minutes=minutes + 1), Decimal("2.5"), Decimal("0.25")),
        ("B", None, None, None),
        ("C", filled.now - timedelta(minutes=minutes + 1), 5, None),  # of nothing, no fraction
    ]


async def test_a_stale_instrument_has_no_change(filled: Filled, sql: Connection) -> None:
    """Its newest snapshot may be as old as the tolerance of the span, and no older."""
    day, week = (24, 168), (168,)
    for symbol, minutes, before in (
        ("A", 9, (1, *day)),
        ("B", 11, (1, *day)),
        ("C", 61, day),
        ("D", 361, week),
    ):
        await filled.reported(
            "bitget",
            *(filled.ago(symbol, "4", hours=hours, minutes=1) for hours in before),
            filled.ago(symbol, "5", minutes=minutes),
        )

    found = await sql.fetch(
        "SELECT change_1h, change_24h, change_7d FROM open_interest_change ORDER BY symbol"
    )
    assert [tuple(row) for row in found] == [(1, 1, 1), (None, 1, 1), (None, None, 1), (None,) * 3]


def worth(filled: Filled, base: str, dollars: str, **before: float) -> Snapshot:
    """Return a snapshot of HTX that tells the price as well."""
    made = filled.ago("H", base, **before)
    return Snapshot(
        symbol="H",
        exchange_ts=made.exchange_ts,
        open_interest_base=made.open_interest_base,
        open_interest_quote=DecimalText(dollars),
    )


async def test_movers_are_ordered_by_relative_change_and_dust_is_left_out(
    filled: Filled, sql: Connection
) -> None:
    """A BTC is worth 60,000 by HTX's figures: B, twice as much as before, is below the least."""
    await filled.reported("htx", worth(filled, "11", "660000", hours=1, minutes=1))
    await filled.reported("htx", worth(filled, "10", "600000", minutes=0))
    for symbol, before, now in (("A", "10", "12"), ("B", "0.5", "1"), ("C", "10", "7")):
        await filled.reported(
            "bitget",
            filled.ago(symbol, before, hours=1, minutes=1),
            filled.ago(symbol, now, minutes=0),
        )

    query = "SELECT symbol, change, ratio, value FROM top_movers"
    third = Decimal("-0.090909")
    assert [tuple(row) for row in await sql.fetch(f"{query}()")] == [
        ("C", -3, Decimal("-0.3"), 600000),
        ("A", 2, Decimal("0.2"), 720000),
        ("H", -1, third, 660000),
    ]
    everything = await sql.fetch(f"{query}('1h', 2, 0)")
    assert [(row["symbol"], row["value"]) for row in everything] == [("B", 60000), ("C", 600000)]
    assert await sql.fetch(f"{query}('24h')") == []


async def test_movers_of_another_span_are_refused(sql: Connection) -> None:
    """Nobody takes an empty answer for a calm market."""
    with pytest.raises(asyncpg.InvalidTextRepresentationError, match="change_span"):
        await sql.fetch("SELECT * FROM top_movers('2h')")


async def test_what_nobody_tells_the_price_of_moves_only_if_asked_for(
    filled: Filled, sql: Connection
) -> None:
    """Its size is not known, so it cannot be told from dust."""
    await filled.listed("bitget", instrument("X", base="DOGE"))
    await filled.reported("htx", worth(filled, "11", "660000", hours=1, minutes=1))
    await filled.reported("htx", worth(filled, "10", "600000", minutes=0))
    await filled.reported(
        "bitget", filled.ago("X", "5", hours=1, minutes=1), filled.ago("X", "6", minutes=0)
    )

    assert [row["symbol"] for row in await sql.fetch("SELECT * FROM top_movers()")] == ["H"]
    found = await sql.fetch("SELECT symbol, ratio, value FROM top_movers('1h', 20, 0)")
    assert tuple(found[0]) == ("X", Decimal("0.2"), None)
    assert len(found) == 2


async def test_without_any_price_nothing_is_taken_for_dust(filled: Filled, sql: Connection) -> None:
    """HTX, which tells them, is switched off: that is no calm market."""
    await filled.reported(
        "bitget", filled.ago("A", "5", hours=1, minutes=1), filled.ago("A", "6", minutes=0)
    )

    (row,) = await sql.fetch("SELECT symbol, ratio, value FROM top_movers()")
    assert tuple(row) == ("A", Decimal("0.2"), None)
