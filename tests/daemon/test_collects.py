"""From the venue's reply to the row: everything that was accepted, exactly, and nothing else."""

import signal
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from collector.db import Connection
from collector.simulator import Simulator
from tests.daemon.conftest import Program, Until, eventually

pytestmark = pytest.mark.db

ALL_VENUES = "SELECT count(DISTINCT venue) = 3 FROM open_interest"
SWEPT = "SELECT count(*) > 0 FROM polls WHERE venue = 'bitget' AND outcome = 'ok'"
COLUMNS = {
    "bitget": {"open_interest_base": "size"},
    "htx": {
        "open_interest_base": "amount",
        "open_interest_contracts": "volume",
        "open_interest_quote": "value",
    },
    "synthetix": {
        "open_interest_base": "openInterest",
        "long_base": "longOpenInterest",
        "short_base": "shortOpenInterest",
    },
}
STORED = """
SELECT venue, symbol, (extract(epoch FROM exchange_ts) * 1000)::bigint, open_interest_base::text,
    open_interest_contracts::text, open_interest_quote::text, long_base::text, short_base::text
FROM open_interest
"""


def served(simulator: Simulator) -> set[tuple[object, ...]]:
    """Return every value that the venues have sent, as the table would hold it."""
    names = (
        "open_interest_base",
        "open_interest_contracts",
        "open_interest_quote",
        "long_base",
        "short_base",
    )
    rows: set[tuple[object, ...]] = set()
    entries: list[Any] = list(simulator.ledger.entries())
    for entry in entries:
        venue, amounts = str(entry["venue"]), entry["amounts"]
        values = (amounts.get(COLUMNS[venue].get(name, "")) for name in names)
        rows.add((venue, entry["symbol"], entry["exchange_ms"], *values))
    return rows


async def stored(sql: Connection) -> set[tuple[object, ...]]:
    """Return every row of the table, amounts as text."""
    return {tuple(row) for row in await sql.fetch(STORED)}


async def test_all_three_venues_arrive_digit_for_digit(
    program: Program, simulator: Simulator, sql: Connection, until: Until
) -> None:
    """What is in the table is what was served; what was served of listed instruments is in it."""
    daemon = await program.start("run")
    await until(ALL_VENUES)
    await until(SWEPT)
    status, _ = await daemon.stop()

    there, sent = await stored(sql), served(simulator)
    dead = {row for row in sent if row[1] in simulator.venues["htx"].market.gone}
    assert status == 0
    assert there <= sent
    assert sent - there - dead == set()
    assert {symbol for venue, symbol, *_ in there if venue == "bitget"} >= {"BTCUSDT", "龙虾USDT"}


async def test_counters_add_up_and_every_poll_has_its_row(
    program: Program, sql: Connection, until: Until
) -> None:
    """Fetched is stored, duplicate or rejected; dead contracts are counted apart."""
    daemon = await program.start("run")
    await until(SWEPT)
    await until("SELECT count(*) >= 3 FROM polls WHERE venue = 'htx' AND outcome = 'ok'")
    await daemon.stop()

    polls = await sql.fetch("SELECT * FROM polls")
    (rows,) = await sql.fetch("SELECT count(*) FROM open_interest")
    assert sum(poll["rows_stored"] for poll in polls) == rows[0]
    for poll in polls:
        counted = poll["rows_stored"] + poll["rows_duplicate"] + poll["rows_rejected"]
        assert poll["rows_fetched"] == counted
    htx = [poll for poll in polls if poll["venue"] == "htx" and poll["outcome"] == "ok"]
    assert {poll["rows_unlisted"] for poll in htx} == {16}
    assert {poll["rows_fetched"] for poll in htx} == {20}
    done = len(daemon.events("poll.done")) + len(daemon.events("poll.skipped"))
    assert done == len(polls)


async def test_ticks_are_aligned_and_shared(
    program: Program, sql: Connection, until: Until
) -> None:
    """Rows of a tick carry the same time, on the clock, whatever moment they came at."""
    daemon = await program.start("run")
    await until(SWEPT)
    await daemon.stop()

    ticks = await sql.fetch("SELECT venue, polled_at FROM polls")
    assert all(tick["polled_at"].microsecond == 0 for tick in ticks)
    assert all(int(tick["polled_at"].timestamp()) % 4 == 0 for tick in ticks if tick[0] == "bitget")
    assert await sql.fetchval(
        "SELECT bool_and(received_at BETWEEN polled_at AND polled_at + interval '9 s')"
        " FROM open_interest"
    )


async def test_one_sick_venue_does_not_hold_up_the_others(
    program: Program, simulator: Simulator, sql: Connection, until: Until
) -> None:
    """Bitget fails throughout; HTX and Synthetix are polled on every tick, and it is all told."""
    simulator.faults.add("bitget:500:1")
    daemon = await program.start("run")
    await until("SELECT count(*) >= 4 FROM polls WHERE venue = 'synthetix' AND outcome = 'ok'")
    await until("SELECT count(*) >= 1 FROM polls WHERE venue = 'bitget' AND outcome = 'failed'")
    status, _ = await daemon.stop()

    down = daemon.events("venue.down")
    assert status == 0
    assert [event["venue"] for event in down] == ["bitget"]
    assert await sql.fetchval("SELECT count(*) FROM open_interest WHERE venue = 'bitget'") == 0
    assert "status 500" in await sql.fetchval(
        "SELECT error FROM polls WHERE venue = 'bitget' AND outcome = 'failed' LIMIT 1"
    )


async def test_a_bad_row_is_set_aside_and_its_neighbours_are_stored(
    program: Program, simulator: Simulator, sql: Connection, until: Until
) -> None:
    """Each HTX reply has one malformed row; nineteen of twenty arrive, one is a reject."""
    simulator.faults.add("htx:malformed-row:1")
    daemon = await program.start("run")
    await until("SELECT count(*) >= 3 FROM polls WHERE venue = 'htx' AND rows_rejected > 0")
    await daemon.stop()

    polls = await sql.fetch(
        "SELECT * FROM polls WHERE venue = 'htx' AND outcome = 'ok' AND rows_rejected > 0"
    )
    assert {(poll["rows_stored"], poll["rows_rejected"]) for poll in polls} <= {(19, 1), (20, 1)}
    rejects = await sql.fetch("SELECT reason, raw FROM rejects WHERE venue = 'htx'")
    assert len(rejects) == sum(poll["rows_rejected"] for poll in polls)
    assert all(row["reason"] and row["raw"] for row in rejects)
    assert await stored(sql) <= served(simulator)


async def test_the_same_reply_twice_is_stored_once_and_said(
    program: Program, simulator: Simulator, sql: Connection, until: Until
) -> None:
    """Bitget's timestamp and value stand still: the second poll's row says so."""
    program.set(venues__htx__enabled=False, venues__synthetix__enabled=False)
    simulator.faults.add("bitget:frozen-clock:1")
    daemon = await program.start("run")
    await until("SELECT count(*) >= 2 FROM polls WHERE outcome = 'ok'")
    await daemon.stop()

    first, second, *_ = await sql.fetch("SELECT * FROM polls ORDER BY polled_at")
    assert first["rows_stored"] == first["rows_fetched"] > 0
    assert second["rows_stored"] == 0
    assert second["rows_duplicate"] + second["rows_rejected"] == second["rows_fetched"]
    assert await sql.fetchval("SELECT count(*) FROM open_interest") == first["rows_stored"]


async def test_no_limit_is_exceeded_across_restarts(program: Program, simulator: Simulator) -> None:
    """Killed at the height of its first burst and started again at once, it keeps every window."""

    def asked() -> int:
        venues: Any = simulator.stats()["venues"]
        requests: int = venues["bitget"]["limits"]["bitget.open-interest"]["requests"]
        return requests

    for _ in range(4):
        before = asked()
        daemon = await program.start("run")
        await eventually(partial(more_than, before + 15, asked))
        await daemon.stop(signal.SIGKILL)

    venues: Any = simulator.stats()["venues"]
    for venue in venues.values():
        for seen in venue["limits"].values():
            assert seen["rejected"] == 0
            assert seen["most_arrivals_in_window"] <= seen["limit"]["count"]


async def more_than(few: int, count: Callable[[], int]) -> bool:
    """Compare, as something that is waited for."""
    return count() > few
