"""The real process is stopped and goes on: the venue sees no burst, and the sweep its end."""

import asyncio
import random
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator

import aiohttp
import pytest

from collector.db import Connection
from collector.simulator import Simulator, SimulatorOptions
from tests.daemon.conftest import Program

pytestmark = [pytest.mark.db, pytest.mark.slow]

STOPS = [1.2, 2.5, 6.0, 0.6, 1.2]
"""Seconds; the longest is beyond the HTTP client's time-out for a reply."""


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    """A Bitget that is far enough away for requests to be on their way at any moment."""
    options = SimulatorOptions(port=0, bitget=160, latency_ms=80, jitter_ms=60, ledger=True)
    async with Simulator(options) as simulator:
        yield simulator


@pytest.mark.parametrize("seed", [1, 2])
async def test_sigstop_in_the_middle_of_a_sweep(
    program: Program, simulator: Simulator, sql: Connection, seed: int
) -> None:
    """Several times, at random moments, with timers overdue: never a 21st request in a second."""
    rng = random.Random(seed)
    program.set(
        venues__bitget__interval="1d",
        venues__htx__enabled=False,
        venues__synthetix__enabled=False,
    )
    daemon = await program.start("run")
    await daemon.logged("collector.started")
    stopped_in_the_middle = 0
    for seconds in STOPS:
        await asyncio.sleep(rng.uniform(0.6, 1.4))
        daemon.process.send_signal(signal.SIGSTOP)
        before = _seen(simulator)["requests"]
        await asyncio.sleep(seconds)
        stopped_in_the_middle += 0 < before < 160
        daemon.process.send_signal(signal.SIGCONT)
    await daemon.logged("poll.done", venue="bitget", outcome="ok")
    await daemon.stop()
    seen = _seen(simulator)

    assert stopped_in_the_middle >= 2
    assert seen["rejected"] == 0
    assert 1 <= seen["most_arrivals_in_window"] <= 20
    assert seen["requests"] >= 160
    assert await sql.fetchval("SELECT count(DISTINCT symbol) FROM open_interest") == 160


@pytest.fixture
async def venue() -> AsyncIterator[tuple[Process, str]]:
    """A Bitget that is a process of its own, and its address."""
    options = ("--port=0", "--bitget=100", "--latency=80")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "collector.simulator", *options), stdout=PIPE
    )
    assert process.stdout is not None
    line = (await process.stdout.readline()).decode()
    yield process, line.partition("simulating on ")[2].partition(": ")[0]
    process.kill()
    await process.wait()


@pytest.mark.timeout(120)
async def test_a_venue_that_stands_still_and_reads_what_has_piled_up(
    program: Program, venue: tuple[Process, str], sql: Connection
) -> None:
    """We have given up by then; what it reads and what we ask after that is within the limit."""
    process, url = venue
    program.set(
        venues__bitget__base_urls=[url],
        venues__bitget__interval="1d",
        venues__htx__enabled=False,
        venues__synthetix__enabled=False,
    )
    daemon = await program.start("run")
    await daemon.logged("collector.started")
    async with aiohttp.ClientSession(url) as session:

        async def seen() -> dict[str, int]:
            async with session.get("/_sim/stats") as response:
                stats = await response.json()
            found: dict[str, int] = stats["venues"]["bitget"]["limits"]["bitget.open-interest"]
            return found

        while (await seen())["requests"] < 25:  # noqa: ASYNC110 - another process's
            await asyncio.sleep(0.05)
        process.send_signal(signal.SIGSTOP)
        await asyncio.sleep(7)
        process.send_signal(signal.SIGCONT)
        while not daemon.events("poll.done"):  # noqa: ASYNC110 - another process's
            await asyncio.sleep(0.5)  # half a minute, and then some
        after = await seen()
    await daemon.stop()

    assert after["rejected"] == 0
    assert after["most_arrivals_in_window"] <= 20
    assert await sql.fetchval("SELECT count(DISTINCT symbol) FROM open_interest") == 100


def _seen(simulator: Simulator) -> dict[str, int]:
    stats = simulator.stats()["venues"]
    assert isinstance(stats, dict)
    seen: dict[str, int] = stats["bitget"]["limits"]["bitget.open-interest"]
    return seen
