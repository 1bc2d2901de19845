"""Rows with known digits in the test's database, put there the way the sink does it."""

from datetime import UTC, datetime, timedelta

from collector.db import Database
from collector.db.store import store
from collector.models import DecimalText, Outcome, Reject
from collector.records import Record
from tests.rows import entries, instrument, listing, poll, reply, snapshot

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
MINUTES = 3
LONGEST = "100000000000000000000.000000000000000001"
"""39 digits: more than any decimal of 38, with 18 places as HTX writes them."""
WORDS = 'it said "no",\nthen nothing'


def amount(text: str) -> DecimalText:
    """Return an amount."""
    return DecimalText(text)


async def store_rows(database: Database) -> None:
    """Three minutes of three instruments of two venues, a reject, and polls of both venues."""
    records: list[Record] = []
    for minute in range(MINUTES):
        tick = START + timedelta(minutes=minute)
        at = {"exchange_ts": tick + timedelta(milliseconds=789)}
        refused = [Reject(reason=WORDS, raw='{"size": null}', symbol="DOGEUSDT")]
        bitget = [
            snapshot("BTCUSDT", f"{22919 + minute}.7096", **at),
            snapshot("ETHUSDT", "0.000000000000000001", **at),
        ]
        contracts = {"open_interest_contracts": amount("50096213.000000000000000000")}
        quote = {"open_interest_quote": amount("3195422013.5541")}
        htx = [snapshot("BTC-USDT", "50096.213", **at, **contracts, **quote)]
        records += [
            reply(*bitget, tick=tick, rejects=refused),
            poll(tick=tick),
            reply(*htx, venue="htx", tick=tick),
            poll(Outcome.PARTIAL, venue="htx", tick=tick, error=WORDS),
        ]
    listed = listing(instrument("BTCUSDT"), instrument("ETHUSDT", base="ETH"), at=START)
    await store(database, entries(listed, *records))


async def store_longest(database: Database) -> None:
    """One row more, with a number that no reader has a decimal for."""
    tick = START + timedelta(minutes=MINUTES)
    row = snapshot("PEPE-USDT", LONGEST, exchange_ts=tick)
    await store(database, entries(reply(row, venue="htx", tick=tick), first=1000))
