"""What makes round trips seem longer than the network's must not loosen the limit."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from collector.limits import Limiter
from collector.venues.spec import RateLimit
from tests.limits import opened
from tests.limits.model import in_virtual_time, most_in_window

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
