"""The real process is stopped and goes on: the venue sees no burst, and the sweep its end."""

import asyncio
import random
import signal
from collections.abc import AsyncIterator

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


def _seen(simulator: Simulator) -> dict[str, int]:
    stats = simulator.stats()["venues"]
    assert isinstance(stats, dict)
    seen: dict[str, int] = stats["bitget"]["limits"]["bitget.open-interest"]
    return seen
