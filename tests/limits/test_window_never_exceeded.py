"""The promise: in any window of the documented length the venue sees at most the count."""

import asyncio
import random
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.limits import Limiter
from collector.venues.spec import RateLimit
from tests.limits.model import Trip, VenueModel, in_virtual_time

delay = st.one_of(
    st.just(0.0),
    st.floats(0, 0.2, allow_nan=False),
    st.floats(0, 3, allow_nan=False),
)
trip = st.builds(Trip, delay, delay, st.booleans() | st.just(value=False))


def sweep(
    limits: tuple[RateLimit, ...],
    trips: Callable[[int], Trip],
    *,
    requests: int,
    workers: int,
    share: float = 1.0,
    hosts: tuple[str, ...] = ("venue",),
    cancel_every: int | None = None,
) -> VenueModel:
    """Send requests as fast as the limiter lets them, some of them cancelled under way."""

    async def main() -> VenueModel:
        loop = asyncio.get_running_loop()
        limiter = Limiter(loop.time)
        limiter.declare(limits, share)
        venue = VenueModel(limiter, trips, hosts=hosts)
        numbers = iter(range(requests))

        async def worker() -> None:
            for number in numbers:
                sending = asyncio.create_task(venue.request(limits))
                if cancel_every is not None and number % cancel_every == 0:
                    loop.call_later(number % 7 / 10, sending.cancel)
                await asyncio.wait([sending])

        await asyncio.gather(*(worker() for _ in range(workers)))
        return venue

    return in_virtual_time(main)


@settings(deadline=None, max_examples=60)
@given(
    trips=st.lists(trip, min_size=1, max_size=60),
    count=st.integers(1, 12),
    seconds=st.sampled_from([0.5, 1.0, 3.0]),
    share=st.sampled_from([1.0, 0.7, 0.35]),
    cancel_every=st.none() | st.integers(2, 5),
)
def test_whatever_the_network_does_no_window_holds_more(
    trips: list[Trip], count: int, seconds: float, share: float, cancel_every: int | None
) -> None:
    """Without the credit nothing is assumed about the network at all."""
    if int(count * share) < 1:
        share = 1.0
    limit = RateLimit("scope", count, seconds, "test")

    venue = sweep(
        (limit,),
        lambda n: trips[n % len(trips)],
        requests=60,
        workers=15,
        share=share,
        hosts=("one", "two"),  # with two hosts there is no credit
        cancel_every=cancel_every,
    )

    assert venue.most(limit) <= int(count * share)


@settings(deadline=None, max_examples=40)
@given(
    there=st.sampled_from([0.0, 0.005, 0.04, 0.15]),
    back=st.sampled_from([0.0, 0.005, 0.04, 0.15]),
    jitter_there=st.sampled_from([0.0, 0.01, 0.06, 0.3]),
    jitter_back=st.sampled_from([0.0, 0.01, 0.06, 0.3]),
    slow=st.sampled_from([0.0, 0.01, 0.2]),
    seed=st.integers(0, 2**32),
)
def test_with_the_credit_no_window_holds_more(
    there: float, back: float, jitter_there: float, jitter_back: float, slow: float, seed: int
) -> None:
    """The credit stays below what the network needs at the least, there and back."""
    rng = random.Random(seed)
    limit = RateLimit("scope", 20, 1, "test")

    def trips(_: int) -> Trip:
        late = 0.8 if rng.random() < slow else 0.0
        return Trip(there + rng.random() * jitter_there, back + rng.random() * jitter_back + late)

    venue = sweep((limit,), trips, requests=160, workers=20)

    assert venue.most(limit) <= 20


@settings(deadline=None, max_examples=30)
@given(trips=st.lists(trip, min_size=1, max_size=40), workers=st.integers(1, 20))
def test_several_windows_hold_at_once(trips: list[Trip], workers: int) -> None:
    """A short and a long window of one scope are both kept."""
    short = RateLimit("scope", 5, 1, "test")
    long = RateLimit("scope", 12, 10, "test")

    venue = sweep(
        (short, long),
        lambda n: trips[n % len(trips)],
        requests=40,
        workers=workers,
        hosts=("one", "two"),
    )

    assert venue.most(short) <= 5
    assert venue.most(long) <= 12


def test_a_fresh_process_does_not_add_to_what_the_last_one_sent() -> None:
    """After a restart the first window is left to the process before."""
    limit = RateLimit("scope", 20, 1, "test")
    arrivals: list[float] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        for _ in range(5):
            limiter = Limiter(loop.time)
            limiter.declare((limit,), 1.0)
            venue = VenueModel(limiter, lambda _: Trip(0.04, 0.04))
            sending = [asyncio.create_task(venue.request((limit,))) for _ in range(50)]
            await asyncio.sleep(1.3)  # and killed, in the middle of it
            for task in sending:
                task.cancel()
            await asyncio.wait(sending)
            arrivals.extend(venue.arrivals[limit])

    in_virtual_time(main)
    venue = VenueModel(Limiter(lambda: 0.0), lambda _: Trip(0, 0), arrivals={limit: arrivals})

    assert len(arrivals) >= 100
    assert venue.most(limit) <= 20


@pytest.mark.parametrize("slow", [0.0, 0.01])
@pytest.mark.parametrize("seed", range(3))
def test_a_bitget_sweep_is_safe_and_close_to_ideal(seed: int, slow: float) -> None:
    """500 requests at 20 per second over 80 ms and up to 60 more take at most 26 s, ideal 24."""
    rng = random.Random(seed)
    limit = RateLimit("scope", 20, 1, "test")
    ends: list[float] = []

    def trips(_: int) -> Trip:
        late = 0.8 if rng.random() < slow else 0.0
        return Trip(0.04 + rng.random() * 0.06, 0.04 + late)

    async def main() -> VenueModel:
        loop = asyncio.get_running_loop()
        limiter = Limiter(loop.time)
        limiter.declare((limit,), 1.0)
        venue = VenueModel(limiter, trips)
        await asyncio.sleep(2)  # the window that a process before may have used
        started = loop.time()
        await asyncio.gather(*(venue.request((limit,)) for _ in range(500)))
        ends.append(loop.time() - started)
        return venue

    venue = in_virtual_time(main)

    assert venue.most(limit) == 20
    assert ends[0] <= (26 if slow == 0 else 28)
