"""Records become rows: exactly, once each, and a bad one costs nothing but itself."""

import contextlib
import hashlib
from datetime import timedelta
from decimal import Decimal

import pytest

from collector.db import Connection, Database
from collector.db.batch import Tally
from collector.db.store import store
from collector.errors import DatabaseUnavailable
from collector.models import DecimalText, Kind, Outcome, Reject
from tests.rows import (
    MOMENT,
    RECEIVED,
    STARTED,
    TICK,
    entries,
    instrument,
    listing,
    poll,
    reply,
    snapshot,
)

pytestmark = pytest.mark.db

INCOMPRESSIBLE = "".join(hashlib.sha256(bytes([number])).hexdigest() for number in range(200))
"""Too long for an index row."""

COUNTERS = "rows_fetched, rows_stored, rows_duplicate, rows_rejected, rows_unlisted"


async def counters(sql: Connection) -> list[tuple[int, ...]]:
    """Return the counters of all polls, oldest first."""
    found = await sql.fetch(f"SELECT {COUNTERS} FROM polls ORDER BY polled_at, venue")
    return [tuple(row) for row in found]


async def test_a_snapshot_is_stored_digit_for_digit(database: Database, sql: Connection) -> None:
    """Scale and all: 18 decimals stay 18 decimals, and a millisecond stays that millisecond."""
    row = snapshot(
        "BTC-USDT",
        "7192.610000000000000001",
        open_interest_contracts=DecimalText("7192610.000000000000000000"),
        open_interest_quote=DecimalText("99999999999999999999.999999999999999999"),
        long_base=DecimalText("0"),
        short_base=DecimalText("0.000000000000000000000000000000000001"),
    )

    await store(database, entries(reply(row)))

    found = await sql.fetchrow("SELECT * FROM open_interest")
    assert found is not None
    assert dict(found) == {
        "venue": "bitget",
        "symbol": "BTC-USDT",
        "exchange_ts": MOMENT,
        "received_at": RECEIVED,
        "polled_at": TICK,
        "open_interest_base": Decimal("7192.610000000000000001"),
        "open_interest_contracts": Decimal("7192610.000000000000000000"),
        "open_interest_quote": Decimal("99999999999999999999.999999999999999999"),
        "long_base": Decimal(0),
        "short_base": Decimal("0.000000000000000000000000000000000001"),
    }
    text = await sql.fetchval("SELECT open_interest_contracts::text FROM open_interest")
    assert text == "7192610.000000000000000000"


async def test_every_millisecond_is_stored_as_that_millisecond(
    database: Database, sql: Connection
) -> None:
    """A float between would be off for some of them."""
    moments = [MOMENT + timedelta(milliseconds=number) for number in range(1000)]

    await store(
        database,
        entries(*(reply(snapshot(exchange_ts=moment)) for moment in moments)),
    )

    found = await sql.fetch("SELECT exchange_ts FROM open_interest ORDER BY 1")
    assert [row["exchange_ts"] for row in found] == moments


async def test_names_of_any_alphabet_and_with_copy_characters(
    database: Database, sql: Connection
) -> None:
    """A backslash or the letters of a COPY escape are part of the name."""
    names = ["龙虾USDT", "BTC\\N", "\\.", "a\\tb"]

    await store(database, entries(reply(*(snapshot(name) for name in names))))

    found = await sql.fetch("SELECT symbol FROM open_interest")
    assert sorted(row["symbol"] for row in found) == sorted(names)


async def test_the_same_batch_twice_leaves_one_copy_and_counts_once(
    database: Database, sql: Connection
) -> None:
    """A batch that was written but not forgotten before a crash changes nothing."""
    batch = entries(
        reply(snapshot("A"), snapshot("B"), rejects=[Reject(reason="why", raw="{}")]), poll()
    )

    first = await store(database, batch)
    again = await store(database, batch)

    assert first == Tally(fetched=3, stored=2, rejected=1)
    assert again == Tally()
    assert await sql.fetchval("SELECT count(*) FROM open_interest") == 2
    assert await sql.fetchval("SELECT count(*) FROM rejects") == 1
    assert await counters(sql) == [(3, 2, 0, 1, 0)]


async def test_half_of_a_batch_again_with_more_behind(database: Database, sql: Connection) -> None:
    """What is new behind what is known is written."""
    known = entries(reply(snapshot("A")), reply(snapshot("B")))
    more = entries(reply(snapshot("C")), first=3)

    await store(database, known)
    tally = await store(database, [known[1], *more])

    assert tally == Tally(fetched=1, stored=1)
    assert await counters(sql) == [(3, 3, 0, 0, 0)]


async def test_numbers_of_another_session_are_other_records(
    database: Database, sql: Connection
) -> None:
    """A journal that was restored from a copy counts from there again; nothing of it is lost."""
    await store(database, entries(reply(snapshot("A")), reply(snapshot("B"))))
    await store(database, entries(reply(snapshot("C")), session="0" * 31 + "2"))

    assert await sql.fetchval("SELECT count(*) FROM open_interest") == 3


async def test_the_same_reply_at_the_next_poll_is_a_duplicate(
    database: Database, sql: Connection
) -> None:
    """One copy is stored, and the second poll's row says so."""
    later = TICK + timedelta(minutes=1)

    await store(
        database,
        entries(
            reply(snapshot("A"), snapshot("B")),
            poll(),
            reply(snapshot("A"), snapshot("B"), snapshot("C"), tick=later),
            poll(tick=later),
        ),
    )

    assert await sql.fetchval("SELECT count(*) FROM open_interest") == 3
    assert await counters(sql) == [(2, 2, 0, 0, 0), (3, 1, 2, 0, 0)]


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
    await sql.execute("ALTER TABLE open_interest ADD CHECK (symbol <> 'S2718')")
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
    await sql.execute("ALTER TABLE open_interest ADD COLUMN desk text NOT NULL")
    batch = entries(reply(*(snapshot(f"S{number}") for number in range(30))))

    with pytest.raises(DatabaseUnavailable, match="every single row is refused"):
        await store(database, batch)
    assert await sql.fetchval("SELECT count(*) FROM rejects") == 0

    await sql.execute("ALTER TABLE open_interest DROP COLUMN desk")
    assert await store(database, batch) == Tally(fetched=30, stored=30)


async def test_a_poll_has_one_row_that_fills_up(database: Database, sql: Connection) -> None:
    """It is there while the poll runs, and says at the end how it went."""
    await store(database, entries(reply(snapshot("A"), unlisted=2), reply(snapshot("B"))))
    running = await sql.fetchrow("SELECT * FROM polls")
    await store(
        database,
        entries(reply(snapshot("C")), poll(Outcome.PARTIAL, error="1 x ...", requests=4), first=3),
    )
    ended = await sql.fetchrow("SELECT * FROM polls")

    assert running is not None
    assert ended is not None
    assert (running["outcome"], running["finished_at"], running["rows_stored"]) == (
        "running",
        None,
        2,
    )
    assert dict(ended) == {
        "venue": "bitget",
        "polled_at": TICK,
        "started_at": STARTED,
        "finished_at": TICK + timedelta(seconds=2),
        "outcome": "partial",
        "instruments": 3,
        "requests": 4,
        "rows_fetched": 3,
        "rows_stored": 3,
        "rows_duplicate": 0,
        "rows_rejected": 0,
        "rows_unlisted": 2,
        "error": "1 x ...",
    }


async def test_rejects_of_the_parser_are_kept(database: Database, sql: Connection) -> None:
    """With their reason, even if they hold what PostgreSQL's text cannot."""
    reject = Reject(reason="size: null", raw='{"a": "\0\ud800"}', symbol="A")

    await store(database, entries(reply(rejects=[reject])))

    found = await sql.fetchrow("SELECT venue, symbol, reason, raw FROM rejects")
    assert found is not None
    assert tuple(found) == ("bitget", "A", "size: null", '{"a": "\\x00\\ud800"}')


async def test_instruments_keep_their_first_and_last_sight(
    database: Database, sql: Connection
) -> None:
    """What changes is updated; what is no longer listed stays, last seen when it was."""
    later = TICK + timedelta(hours=1)
    dated = instrument("B", kind=Kind.FUTURE, expires_at=later, contract_size=DecimalText("0.001"))

    await store(database, entries(listing(instrument("A"), dated)))
    await store(database, entries(listing(instrument("A", active=False), at=later), first=2))

    found = await sql.fetch("SELECT * FROM instruments ORDER BY symbol")
    common: dict[str, object] = {
        "venue": "bitget",
        "base": "BTC",
        "quote": "USDT",
        "settle": "USDT",
    }
    common |= {"sides": "unknown", "product_type": None, "first_seen_at": TICK}
    assert [dict(row) for row in found] == [
        common
        | {"symbol": "A", "kind": "perpetual", "contract_size": None, "expires_at": None}
        | {"active": False, "last_seen_at": later},
        common
        | {"symbol": "B", "kind": "future", "contract_size": Decimal("0.001")}
        | {"expires_at": later, "active": True, "last_seen_at": TICK},
    ]


async def test_an_instrument_that_the_database_refuses_costs_only_itself(
    database: Database, sql: Connection
) -> None:
    """A contract of size zero is set aside; the list and the snapshots beside it are stored."""
    bad = instrument("ZERO", contract_size=DecimalText("0"))

    await store(database, entries(listing(instrument("A"), bad), reply(snapshot("A"))))

    assert await sql.fetchval("SELECT array_agg(symbol) FROM instruments") == ["A"]
    assert await sql.fetchval("SELECT symbol FROM rejects") == "ZERO"
    assert await sql.fetchval("SELECT count(*) FROM open_interest") == 1


async def test_a_database_that_goes_away_writes_nothing_or_all(
    database: Database, sql: Connection
) -> None:
    """The connection is cut between two batches: sooner or later a new one is made."""
    await store(database, entries(reply(snapshot("A"))))
    await sql.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE application_name = 'collector' AND datname = current_database()"
    )
    batch = entries(reply(snapshot("B")), first=2)

    with contextlib.suppress(DatabaseUnavailable):  # whether it is noticed before is a race
        await store(database, batch)
    await store(database, batch)

    assert await counters(sql) == [(2, 2, 0, 0, 0)]
