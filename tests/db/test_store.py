"""Records become rows: exactly, once each, and a bad one costs nothing but itself."""

import contextlib
from datetime import timedelta
from decimal import Decimal

import msgspec
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
        "received_at": RECEIVED.replace(microsecond=123_000),
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


async def test_equal_numbers_in_other_digits_are_a_duplicate(
    database: Database, sql: Connection
) -> None:
    """In the same reply or the next: the first one's digits stay, and nobody is contradicted."""
    later = TICK + timedelta(minutes=1)

    await store(
        database,
        entries(
            reply(snapshot("A", "1.0"), snapshot("A", "1.00")),
            reply(snapshot("A", "1"), tick=later),
        ),
    )

    assert "1.0" == await sql.fetchval("SELECT open_interest_base::text FROM open_interest")
    assert await counters(sql) == [(2, 1, 1, 0, 0), (1, 0, 1, 0, 0)]


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
        "poll_interval": None,
    }


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
        "asset": "BTC",
        "units": 1,
        "selected": True,
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


async def test_a_clock_set_by_weeks_during_a_poll_does_not_cost_its_rows(
    database: Database, sql: Connection
) -> None:
    """What the column cannot hold is the nearest that it can."""
    late = msgspec.structs.replace(reply(snapshot("A")), received_at=TICK + timedelta(days=400))
    early = msgspec.structs.replace(reply(snapshot("B")), received_at=TICK - timedelta(days=400))

    assert (await store(database, entries(late, early))).stored == 2

    found = await sql.fetch("SELECT received_at - polled_at FROM open_interest ORDER BY symbol")
    assert [int(each / timedelta(milliseconds=1)) for (each,) in found] == [2**31 - 1, 1 - 2**31]


async def test_the_newest_row_of_each_instrument_is_at_hand(
    database: Database, sql: Connection
) -> None:
    """Late rows of before do not displace it, in the same batch or in a later one."""
    moments = [MOMENT + timedelta(seconds=second) for second in (1, 3, 2)]
    rows = [snapshot("A", str(n), exchange_ts=moment) for n, moment in enumerate(moments)]
    await store(database, entries(reply(*rows, snapshot("B", "7"))))
    await store(database, entries(reply(snapshot("A", "9", exchange_ts=MOMENT)), first=2))

    found = await sql.fetch(
        "SELECT symbol, exchange_ts, open_interest_base FROM collector_storage.latest"
        " JOIN collector_storage.series USING (series_id) ORDER BY symbol"
    )
    assert [tuple(row) for row in found] == [
        ("A", moments[1], Decimal(1)),
        ("B", MOMENT, Decimal(7)),
    ]


async def test_numbers_of_series_are_not_used_up_by_rows_that_have_one(
    database: Database, sql: Connection
) -> None:
    """Two thousand million would be gone in three years, one for each row."""
    for first in range(1, 4):
        await store(database, entries(reply(snapshot("A")), first=first))
    await store(database, entries(reply(snapshot("B")), first=4))

    assert await sql.fetchval("SELECT max(series_id) FROM collector_storage.series") == 2
