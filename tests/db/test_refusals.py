"""Rows that the database does not take cost nothing but themselves, and say why."""

import hashlib
from datetime import timedelta
from decimal import Decimal

import pytest

from collector.db import Connection, Database
from collector.db.batch import Tally
from collector.db.store import store
from collector.errors import DatabaseUnavailable
from collector.models import DecimalText, Reject
from tests.db.test_store import counters
from tests.rows import RECEIVED, TICK, entries, instrument, listing, poll, reply, snapshot

pytestmark = pytest.mark.db

INCOMPRESSIBLE = "".join(hashlib.sha256(bytes([number])).hexdigest() for number in range(200))
"""Too long for an index row."""


async def test_a_different_value_for_a_stored_timestamp_is_set_aside(
    database: Database, sql: Connection
) -> None:
    """The first stays; the second is not dropped in silence, and its neighbours are stored."""
    await store(database, entries(reply(snapshot("A", "1.50"))))
    later = TICK + timedelta(minutes=1)

    tally = await store(
        database,
        entries(reply(snapshot("A", "1.6"), snapshot("B", "2"), tick=later), first=2),
    )

    assert tally == Tally(fetched=2, stored=1, rejected=1)
    stored = await sql.fetch("SELECT symbol, open_interest_base FROM open_interest ORDER BY 1")
    assert [tuple(row) for row in stored] == [("A", Decimal("1.50")), ("B", Decimal(2))]
    rejected = await sql.fetchrow("SELECT * FROM rejects")
    assert rejected is not None
    assert dict(rejected) == {
        "venue": "bitget",
        "received_at": later + (RECEIVED - TICK),
        "polled_at": later,
        "symbol": "A",
        "reason": "contradicts the row stored for the same exchange_ts",
        "raw": '{"symbol":"A","exchange_ts":"2026-11-21T12:00:00.789000Z",'
        '"open_interest_base":"1.6"}',
    }


async def test_the_same_number_written_differently_is_no_contradiction(
    database: Database, sql: Connection
) -> None:
    """1.5 and 1.50 are one value."""
    await store(database, entries(reply(snapshot("A", "1.50"))))

    tally = await store(database, entries(reply(snapshot("A", "1.5")), first=2))

    assert tally == Tally(fetched=1, stored=0, rejected=0)
    assert tally.duplicate == 1


async def test_one_row_that_the_database_refuses_costs_only_itself(
    database: Database, sql: Connection
) -> None:
    """4,999 of 5,000 are stored, one is in `rejects` with its reason, the counters are right."""
    await sql.execute("ALTER TABLE collector_storage.series ADD CHECK (symbol <> 'S2718')")
    rows = [snapshot(f"S{number}") for number in range(5000)]

    tally = await store(database, entries(reply(*rows), poll()))

    assert tally == Tally(fetched=5000, stored=4999, rejected=1)
    assert await sql.fetchval("SELECT count(*) FROM open_interest") == 4999
    rejected = await sql.fetch("SELECT symbol, reason FROM rejects")
    assert [row["symbol"] for row in rejected] == ["S2718"]
    assert "refused by the database: CheckViolationError" in rejected[0]["reason"]
    assert await counters(sql) == [(5000, 4999, 0, 1, 0)]


@pytest.mark.parametrize(
    "bad",
    [
        snapshot("NAN", "NaN"),
        snapshot("INFINITE", "Infinity"),
        snapshot("NEGATIVE", "-1"),
        snapshot("NOTHING", None),
        snapshot("WORD", "many"),
        snapshot("LONG", "1" * 200_000),
        snapshot(INCOMPRESSIBLE),
    ],
    ids=lambda row: row.symbol[:9],
)
async def test_the_schema_is_the_last_to_refuse_a_wrong_number(
    database: Database, sql: Connection, bad: object
) -> None:
    """No parser lets these through; if one did, the table would not take them."""
    tally = await store(database, entries(reply(snapshot("A"), bad, snapshot("B"))))  # type: ignore[arg-type]  # built wrong on purpose

    assert tally == Tally(fetched=3, stored=2, rejected=1)
    assert await sql.fetchval("SELECT count(*) FROM rejects") == 1


async def test_if_every_row_is_refused_the_rows_are_not_to_blame(
    database: Database, sql: Connection
) -> None:
    """A column that somebody added must not send everything to `rejects`: it is tried again."""
    await sql.execute("ALTER TABLE collector_storage.open_interest ADD COLUMN desk text NOT NULL")
    batch = entries(reply(*(snapshot(f"S{number}") for number in range(30))))

    with pytest.raises(DatabaseUnavailable, match="every single row is refused"):
        await store(database, batch)
    assert await sql.fetchval("SELECT count(*) FROM rejects") == 0

    await sql.execute("ALTER TABLE collector_storage.open_interest DROP COLUMN desk")
    assert await store(database, batch) == Tally(fetched=30, stored=30)


async def test_rejects_of_the_parser_are_kept(database: Database, sql: Connection) -> None:
    """With their reason, even if they hold what PostgreSQL's text cannot."""
    reject = Reject(reason="size: null", raw='{"a": "\0\ud800"}', symbol="A")

    await store(database, entries(reply(rejects=[reject])))

    found = await sql.fetchrow("SELECT venue, symbol, reason, raw FROM rejects")
    assert found is not None
    assert tuple(found) == ("bitget", "A", "size: null", '{"a": "\\x00\\ud800"}')


async def test_an_instrument_that_the_database_refuses_costs_only_itself(
    database: Database, sql: Connection
) -> None:
    """A contract of size zero is set aside; the list and the snapshots beside it are stored."""
    bad = instrument("ZERO", contract_size=DecimalText("0"))

    await store(database, entries(listing(instrument("A"), bad), reply(snapshot("A"))))

    assert await sql.fetchval("SELECT array_agg(symbol) FROM instruments") == ["A"]
    assert await sql.fetchval("SELECT symbol FROM rejects") == "ZERO"
    assert await sql.fetchval("SELECT count(*) FROM open_interest") == 1
