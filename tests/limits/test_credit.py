"""What makes round trips seem longer than the network's must not loosen the limit."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.limits import Limiter
from collector.venues.spec import RateLimit
from tests.limits import opened
from tests.limits.model import in_virtual_time, most_in_window
from tests.limits.traffic import Fate, Traffic

LIMIT = RateLimit("scope", 20, 1, "test")


@dataclass(frozen=True)
class Course:
    """What happens to one request; seconds."""

    connect: float = 0.0
    """Before it really leaves."""
    there: float = 0.01
    back: float = 0.01
    late: float = 0.0
    """Until our own process gets round to the reply."""


def most(courses: Callable[[int, float], Course], requests: int) -> int:
    """Send requests as fast as the limiter lets them; return the most in a window of the venue.

    Args:
        courses: for the n-th request, sent so many seconds after the first.
        requests: how many.
    """
    arrivals: list[float] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        limiter = Limiter(loop.time)
        limiter.declare([LIMIT], 1.0)
        await asyncio.sleep(2)
        started = loop.time()
        numbers = iter(range(requests))

        async def worker() -> None:
            for number in numbers:
                async with limiter.slot([LIMIT], 1e9) as slot:
                    course = courses(number, loop.time() - started)
                    await asyncio.sleep(course.connect)
                    slot.sent(loop.time())
                    arrivals.append(loop.time() + course.there)
                    await asyncio.sleep(course.there + course.back + course.late)
                    slot.answered("venue", loop.time(), None)

        await asyncio.gather(*(worker() for _ in range(20)))

    in_virtual_time(main)
    return most_in_window(arrivals, LIMIT.seconds)


@pytest.mark.parametrize("connect", [0.1, 0.3, 0.9])
def test_making_connections_is_not_taken_for_the_network(connect: float) -> None:
    """DNS, TCP and TLS take several round trips; the requests after them take one."""
    assert most(lambda n, _: Course(connect if n < 65 else 0.0), requests=300) <= 20


@pytest.mark.parametrize("late", [0.05, 0.3, 0.9])
def test_a_standstill_of_ours_is_not_taken_for_the_network(late: float) -> None:
    """The first replies of all are read late, because the process was busy starting up."""
    assert most(lambda n, _: Course(late=late if n < 20 else 0.0), requests=300) <= 20


@pytest.mark.parametrize("there", [0.05, 0.2, 0.6])
def test_the_first_burst_is_not_taken_for_the_network(there: float) -> None:
    """A venue or a machine that is busy at the start holds up all of it on its way there."""
    assert most(lambda n, _: Course(there=there if n < 20 else 0.01), requests=300) <= 20


def test_a_network_that_becomes_faster_is_noticed_at_its_first_reply() -> None:
    """Slots that would be given back early, for the slow network's sake, are held again."""

    async def main(limiter: Limiter) -> None:
        loop = asyncio.get_running_loop()

        async def asked(seconds: float) -> None:
            async with limiter.slot((opened.LIMIT,), 1e9) as slot:
                await asyncio.sleep(seconds)
                slot.answered("venue", loop.time(), None)

        for _ in range(30):  # until 0.15 s of credit are earned
            await asyncio.gather(asked(0.2), asked(0.2), asked(0.2))
        await asyncio.sleep(3)
        started = loop.time()
        await asyncio.gather(asked(0.2), asked(0.2))
        await asked(0.02)
        await opened.wait_for_slot(limiter)

        assert 1.18 < loop.time() - started < 1.21  # and not 0.15 s earlier

    opened.opened(main)


def test_no_credit_is_given_on_a_request_without_a_reply() -> None:
    """It may arrive at the moment at which it is given up, and not a way back before."""
    arrivals: list[float] = []

    async def main(limiter: Limiter) -> None:
        loop = asyncio.get_running_loop()

        async def asked(*, lost: bool) -> None:
            async with limiter.slot((opened.LIMIT,), 1e9) as slot:
                if lost:
                    await asyncio.sleep(1)
                arrivals.append(loop.time())
                if not lost:
                    await asyncio.sleep(0.2)  # all of it on the way back
                    slot.answered("venue", loop.time(), None)

        for _ in range(30):  # until 0.15 s of credit are earned
            await asyncio.gather(*(asked(lost=False) for _ in range(3)))
        for lost in (True, False):
            await asyncio.gather(*(asked(lost=lost) for _ in range(3)))

    opened.opened(main)

    assert most_in_window(arrivals, opened.LIMIT.seconds) == 3


part = st.sampled_from([0.0, 1.0]) | st.floats(0, 1)


@settings(deadline=None, max_examples=25)
@given(
    round_trip=st.sampled_from([0.02, 0.09, 0.3]),
    way_there=part,
    drawn=st.lists(
        st.tuples(
            part,
            part,
            st.sampled_from([0.0] * 5 + [2.0]),
            st.sampled_from([False] * 9 + [True]),
            st.none() | st.none() | st.floats(0, 3),
        ),
        max_size=25,
    ),
)
def test_the_credit_holds_beside_losses_cancellations_and_time_outs(
    round_trip: float,
    way_there: float,
    drawn: list[tuple[float, float, float, bool, float | None]],
) -> None:
    """Where no round trip takes less than three quarters of the fastest seen, as is assumed."""
    there, back = round_trip * way_there, round_trip * (1 - way_there)
    jitter = round_trip / 3 / 2  # on either way
    fates = [Fate(there, back + jitter)] + [
        Fate(there + a * jitter, back + b * jitter + late, lost=lost, cancelled_after=cancelled)
        for a, b, late, lost, cancelled in drawn
    ]

    async def main() -> Traffic:
        limiter = Limiter(asyncio.get_running_loop().time)
        limiter.declare([LIMIT], 1.0)
        traffic = Traffic(limiter, fates, hosts=("venue",), least_there=there)
        await asyncio.gather(*(traffic.worker([(LIMIT,)] * 6) for _ in range(20)))
        return traffic

    assert in_virtual_time(main).most(LIMIT) <= LIMIT.count
