"""Delays before and after arrival."""

import asyncio
from collections.abc import Awaitable, Callable
from statistics import mean
from time import perf_counter
from typing import Any

import pytest
from aiohttp import ClientResponse

from collector.simulator import Simulator, SimulatorOptions
from collector.simulator.latency import Latency
from collector.simulator.options import OptionError

Start = Callable[..., Awaitable[Simulator]]
Ask = Callable[..., Awaitable[ClientResponse]]

HTX = "/linear-swap-api/v1/swap_open_interest?contract_code=BTC-USDT"


def drawn(**options: Any) -> list[tuple[float, float]]:
    """Draw a thousand delays in milliseconds, before and after."""
    latency = Latency(SimulatorOptions(**options))
    return [
        (before * 1000, after * 1000) for before, after in (latency.draw() for _ in range(1000))
    ]


def test_the_round_trip_is_halved() -> None:
    """Half of it lies before arrival and half after."""
    assert set(drawn(latency_ms=30.0)) == {(15.0, 15.0)}
    assert set(drawn()) == {(0.0, 0.0)}


@pytest.mark.parametrize("after", [False, True])
def test_jitter_is_uniform_and_before_arrival_by_default(after: bool) -> None:  # noqa: FBT001 - a case
    """From nothing to the whole of it, on one side only."""
    pairs = drawn(jitter_ms=20.0, jitter_after=after)
    jitter = [pair[after] for pair in pairs]
    assert {pair[not after] for pair in pairs} == {0.0}
    assert 0 <= min(jitter) < 1
    assert 19 < max(jitter) <= 20
    assert 9 < mean(jitter) < 11


@pytest.mark.parametrize("before", [False, True])
def test_a_share_of_the_requests_is_slow(before: bool) -> None:  # noqa: FBT001 - a case
    """As many as the rate says, after arrival unless told otherwise."""
    pairs = drawn(slow_rate=0.1, slow_ms=500.0, slow_before=before)
    slow = [pair[not before] for pair in pairs]
    assert {*slow} == {0.0, 500.0}
    assert 70 < slow.count(500.0) < 130
    assert {pair[before] for pair in pairs} == {0.0}


def test_the_same_seed_draws_the_same_delays() -> None:
    """Another seed draws others."""
    assert drawn(jitter_ms=5.0) == drawn(jitter_ms=5.0) != drawn(jitter_ms=5.0, seed=2)


async def test_a_request_takes_the_round_trip(start: Start, ask: Ask) -> None:
    """Measured from outside, with room for a machine that is busy."""
    simulator = await start(latency_ms=60.0)
    await ask(simulator, "/_sim/stats")
    began = perf_counter()
    await ask(simulator, HTX)
    assert 0.06 <= perf_counter() - began < 5


@pytest.mark.parametrize(("before", "arrived"), [(True, 0), (False, 1)])
async def test_arrival_is_stamped_between_the_delays(
    start: Start,
    ask: Ask,
    before: bool,  # noqa: FBT001 - a case
    arrived: int,
) -> None:
    """While a slow request is under way it has arrived or not, as the option says."""
    simulator = await start(slow_rate=1.0, slow_ms=400.0, slow_before=before)
    request = asyncio.ensure_future(ask(simulator, HTX))
    await asyncio.wait({request}, timeout=0.15)
    venues: Any = simulator.stats()["venues"]
    assert (request.done(), venues["htx"]["limits"]["htx.v1"]["requests"]) == (False, arrived)
    assert (await request).status == 200


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"bitget": -1}, "bitget is a number from 0"),
        ({"slow_rate": 1.5}, "slow_rate is a number from 0 to 1"),
        ({"latency_ms": float("nan")}, "latency_ms is a number"),
        ({"port": 65_536}, "port is a number from 0 to 65535"),
        ({"port": ()}, "port is a number"),
        ({"retry_after": "soon"}, "retry_after is one of none, seconds, date"),
        ({"synthetix_cost": 0}, "synthetix_cost is a number from 1"),
    ],
)
def test_options_that_make_no_sense_are_refused(options: dict[str, Any], message: str) -> None:
    """The message names the option and what would be right."""
    with pytest.raises(OptionError, match=message):
        SimulatorOptions(**options)
