"""Clocks that lie, hosts that are dead, and replies that come from elsewhere or are refusals."""

import time
from pathlib import Path

import pytest

from collector.db import Connection, Database
from collector.simulator import Simulator, SimulatorOptions
from collector.simulator.clock import Clock
from tests.http.scripted import reply, scripted
from tests.misbehaving.rig import rig
from tests.misbehaving.served import served, stored

pytestmark = pytest.mark.db

HOUR = 3_600_000
POLLS = "SELECT * FROM polls ORDER BY polled_at"
REJECTED = """
SELECT count(*) FROM rejects
WHERE venue = $1 AND polled_at = $2 AND reason LIKE 'ts: implausible time %' AND raw <> ''
"""


@pytest.mark.parametrize(
    "fault", ["clock-offset:1:3600", "clock-offset:1:-3600", "clock-backwards:1"]
)
async def test_a_clock_that_is_plausible_is_stored_as_given(
    tmp_path: Path, simulator: Simulator, database: Database, sql: Connection, fault: str
) -> None:
    """It is the venue's own time, an hour off or running backwards; every row arrives."""
    simulator.faults.add(f"synthetix:{fault}")
    async with rig(tmp_path, database, {"synthetix": [simulator.base_url]}) as collector:
        await collector.poll("synthetix", 3)

    sent = served(simulator)
    times = [value.key[2] for value in sent]
    assert {value.key: value.amounts for value in sent} == await stored(sql)
    assert ["ok"] * 3 == [poll["outcome"] for poll in await sql.fetch(POLLS)]
    assert len(sent) == 15
    assert times == sorted(times, reverse=fault.startswith("clock-backwards"))
    if fault.startswith("clock-offset"):
        assert abs(abs(times[0] - time.time_ns() // 1_000_000) - HOUR) < HOUR / 10


@pytest.mark.parametrize("seconds", [-40 * 86_400, 2 * 86_400])
async def test_a_clock_that_is_far_off_stores_nothing(
    tmp_path: Path, simulator: Simulator, database: Database, sql: Connection, seconds: int
) -> None:
    """Its rows are rejects, also where one time is given for all, and the poll has failed."""
    simulator.faults.add(f"*:clock-offset:1:{seconds}")
    hosts = {"bitget": simulator.base_urls, "htx": simulator.base_urls}
    async with rig(tmp_path, database, hosts) as collector:
        await collector.poll("bitget")
        await collector.poll("htx")

    bitget, htx = await sql.fetch(POLLS)
    assert {} == await stored(sql)
    for poll, rows in ((bitget, 24), (htx, 26)):
        assert rows == poll["rows_rejected"] == poll["rows_fetched"]
        assert rows == await sql.fetchval(REJECTED, poll["venue"], poll["polled_at"])
        assert ("failed", True) == (poll["outcome"], "first: ts: implausible" in poll["error"])


async def test_a_frozen_clock_is_counted(
    tmp_path: Path, simulator: Simulator, database: Database, sql: Connection
) -> None:
    """The first figure for a time stays; an equal one is a duplicate, another one is a reject."""
    simulator.faults.add("htx:frozen-clock:1")
    async with rig(tmp_path, database, {"htx": [simulator.base_url]}) as collector:
        await collector.poll("htx", 3)

    polls = await sql.fetch(POLLS)
    first = {value.key: value.amounts for value in served(simulator)[:26] if value.good}
    assert first == await stored(sql)
    assert [10, 0, 0] == [poll["rows_stored"] for poll in polls]
    assert [10] * 2 == [poll["rows_duplicate"] + poll["rows_rejected"] for poll in polls[1:]]


@pytest.mark.parametrize(("form", "seconds"), [("3", 3.0), ("date", 2.0)])
async def test_nothing_is_sent_before_a_retry_after_is_over(
    tmp_path: Path, database: Database, sql: Connection, form: str, seconds: float
) -> None:
    """Seconds or a date: longer than the second that is waited without a word from the venue."""
    arrivals: list[float] = []

    def stamp() -> int:
        arrivals.append(time.monotonic())
        return time.monotonic_ns()

    options = SimulatorOptions(port=0, bitget=1, htx=1, synthetix=5)
    async with (
        Simulator(options, Clock(stamp)) as simulator,
        rig(tmp_path, database, {"synthetix": simulator.base_urls}) as collector,
    ):
        await collector.poll("synthetix")
        before = len(arrivals)
        simulator.faults.add({"venue": "synthetix", "kind": "429", "param": form, "times": 1})
        await collector.poll("synthetix")

    refused, again = arrivals[before:]
    assert again - refused >= seconds
    assert ["ok"] * 2 == [poll["outcome"] for poll in await sql.fetch(POLLS)]


async def test_a_ban_ends_the_poll_and_nothing_is_sent_before_it_is_over(
    tmp_path: Path, simulator: Simulator, database: Database, sql: Connection
) -> None:
    """Of 24 requests at most the twenty under way are sent; the next poll is as good as any."""
    async with rig(tmp_path, database, {"bitget": [simulator.base_url]}) as collector:
        await collector.poll("bitget")
        simulator.faults.add("bitget:ban:1")
        await collector.poll("bitget")
        simulator.faults.clear()
        await collector.poll("bitget")

    polls = await sql.fetch(POLLS)
    assert ["ok", "failed", "ok"] == [poll["outcome"] for poll in polls]
    assert polls[1]["requests"] <= 20


async def test_half_of_the_hosts_dead_costs_one_try(
    tmp_path: Path, simulator: Simulator, database: Database, sql: Connection, unused_port: int
) -> None:
    """Nobody listens on the first of HTX's hosts: the first request of all turns to the second."""
    hosts = [f"http://127.0.0.1:{unused_port}", simulator.base_url]
    async with rig(tmp_path, database, {"htx": hosts}) as collector:
        await collector.poll("htx", 4)

    polls = await sql.fetch(POLLS)
    assert ["ok"] * 4 == [poll["outcome"] for poll in polls]
    assert [4, 1, 1, 1] == [poll["requests"] for poll in polls]


async def test_nobody_follows_a_redirect_or_takes_another_symbols_row(
    tmp_path: Path, simulator: Simulator, database: Database, sql: Connection
) -> None:
    """The other host sees nothing, the other symbol's row is set aside; both are said."""
    async with scripted(reply("{}")) as elsewhere:
        simulator.faults.add(f"htx:redirect:1:{elsewhere.url}/", "bitget:wrong-symbol:1")
        hosts = {"bitget": simulator.base_urls, "htx": simulator.base_urls}
        async with rig(tmp_path, database, hosts) as collector:
            await collector.poll("bitget")
            await collector.poll("htx")

    bitget, htx = await sql.fetch(POLLS)
    assert [] == elsewhere.requests
    assert ("failed", True) == (htx["outcome"], f"redirected to '{elsewhere.url}" in htx["error"])
    assert (0, 24) == (bitget["rows_stored"], bitget["rows_rejected"])
    assert 24 == await sql.fetchval("SELECT count(*) FROM rejects WHERE reason LIKE '%asked for%'")
    assert {} == await stored(sql)
