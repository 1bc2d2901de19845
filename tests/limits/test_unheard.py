"""A venue that stands still, and reads what has piled up when it goes on."""

import asyncio
from itertools import accumulate

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.limits import Limiter
from collector.venues.spec import RateLimit
from tests.limits.model import in_virtual_time, most_in_window

LIMIT = RateLimit("scope", 20, 1, "test")
PATIENCE = 5.0
ROUND_TRIP = 0.1


def most(stops: list[tuple[float, float]], requests: int, workers: int = 40) -> tuple[int, int]:
    """Send requests to a venue that stands still from time to time.

    Args:
        stops: how long it works, and how long it then stands still; seconds.
        requests: how many.
        workers: how many at once.

    Returns:
        The most in a window, and how many were answered.
    """
    arrivals: list[float] = []
    answered = 0

    async def main() -> None:
        nonlocal answered
        loop = asyncio.get_running_loop()
        limiter = Limiter(loop.time)
        limiter.declare([LIMIT], 1.0)
        started = loop.time()
        moments = list(accumulate((part for stop in stops for part in stop), initial=started))
        numbers = iter(range(requests))

        def read_at(arrival: float) -> float:
            """Return when the venue reads what has arrived."""
            for still, on in zip(moments[1::2], moments[2::2], strict=True):
                if still <= arrival < on:
                    return on
            return arrival

        async def worker() -> None:
            nonlocal answered
            for _ in numbers:
                async with limiter.slot([LIMIT], 1e9) as slot:
                    slot.sent(loop.time())
                    counted = read_at(loop.time() + ROUND_TRIP / 2)
                    arrivals.append(counted)
                    back = counted + ROUND_TRIP / 2 - loop.time()
                    await asyncio.sleep(min(PATIENCE, back))
                    if back <= PATIENCE:
                        slot.answered("venue", loop.time(), None)
                        answered += 1

        await asyncio.gather(*(worker() for _ in range(workers)))

    in_virtual_time(main)
    return most_in_window(arrivals, LIMIT.seconds), answered


@pytest.mark.parametrize("still", [7.0, 12.0, 30.0])
def test_everything_is_asked_when_it_goes_on(still: float) -> None:
    """Twenty are lost, and their slots are back after half a minute at the latest."""
    assert most([(3.0, still)], requests=200) == (20, 180)


def test_one_reply_is_enough_to_have_the_slots_back() -> None:
    """One request in ten is lost on the way there: what is answered goes on at its pace."""

    async def main() -> float:
        loop = asyncio.get_running_loop()
        limiter = Limiter(loop.time)
        limiter.declare([LIMIT], 1.0)
        await asyncio.sleep(2)
        started = loop.time()
        numbers = iter(range(400))

        async def worker() -> None:
            for number in numbers:
                async with limiter.slot([LIMIT], 1e9) as slot:
                    slot.sent(loop.time())
                    if number % 10 == 0:
                        await asyncio.sleep(PATIENCE)
                    else:
                        await asyncio.sleep(ROUND_TRIP)
                        slot.answered("venue", loop.time(), None)

        await asyncio.gather(*(worker() for _ in range(40)))
        return loop.time() - started

    # Twenty a second, of which one in ten is held for six seconds instead of one: 400 take
    # 400 / 20 * (0.9 * 1.1 + 0.1 * 6.1) seconds, and a little.
    assert in_virtual_time(main) < 36


@settings(deadline=None, max_examples=60)
@given(
    stops=st.lists(st.tuples(st.floats(0.2, 20), st.floats(0.2, 30)), min_size=1, max_size=4),
    workers=st.integers(1, 40),
)
def test_what_has_piled_up_is_within_the_limit(
    stops: list[tuple[float, float]], workers: int
) -> None:
    """However often it stands still, for up to half a minute after we have given up."""
    assert most(stops, requests=300, workers=workers)[0] <= 20
