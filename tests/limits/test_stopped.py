"""The process is stopped for a while and goes on: no burst, nobody is sent too late."""

import asyncio
from itertools import repeat
from typing import cast

from hypothesis import given, settings
from hypothesis import strategies as st
from looptime import LoopTimeEventLoop

from collector.limits import Limiter
from collector.venues.spec import RateLimit
from tests.limits.model import in_virtual_time
from tests.limits.traffic import Fate, Traffic

delay = st.sampled_from([0.0, 0.01, 0.05]) | st.floats(0, 4)
fate = st.builds(
    Fate,
    delay,
    delay,
    lost=st.sampled_from([False] * 4 + [True]),
    patience=st.sampled_from([1e9, 1e9]) | st.floats(0, 40),
    refused=st.sampled_from([False] * 9 + [True]),
)


def stand_still(seconds: float) -> None:
    """Let time pass in which nothing of this process runs; every timer is overdue then."""
    loop = cast("LoopTimeEventLoop", asyncio.get_running_loop())
    loop.setup_looptime(start=loop.time() + seconds)


@settings(deadline=None, max_examples=80)
@given(
    fates=st.lists(fate, min_size=1, max_size=30),
    stops=st.lists(
        st.tuples(st.floats(0.01, 3), st.sampled_from([0.5, 1.0, 5.0, 60.0])),
        min_size=1,
        max_size=6,
    ),
    count=st.integers(1, 8),
    workers=st.integers(1, 20),
)
def test_a_standstill_is_followed_by_no_burst(
    fates: list[Fate], stops: list[tuple[float, float]], count: int, workers: int
) -> None:
    """With requests under way, whose replies lie there unread, and with others in the line."""
    limit = RateLimit("scope", count, 1, "test")

    async def main() -> Traffic:
        loop = asyncio.get_running_loop()
        limiter = Limiter(loop.time)
        limiter.declare((limit,), 1.0)
        traffic = Traffic(limiter, fates)
        async with asyncio.TaskGroup() as group:
            for _ in range(workers):
                group.create_task(traffic.worker([(limit,)] * 4))
            for pause, seconds in stops:
                await asyncio.sleep(pause)
                stand_still(seconds)
        return traffic

    traffic = in_virtual_time(main)

    assert traffic.most(limit) <= count
    assert traffic.looser_than_without_headers(limit, count) == []
    assert traffic.lent_while_shut() == []
    assert traffic.overtaken() == []
    assert all(each.ended for each in traffic.asked)
    for each in traffic.asked:
        assert each.lent is None or each.lent <= each.deadline + 1e-5


def test_a_minute_in_the_middle_of_a_sweep() -> None:
    """Twenty are under way and others wait: the next second sees twenty, not forty."""
    limit = RateLimit("scope", 20, 1, "test")

    async def main() -> tuple[Traffic, float]:
        loop = asyncio.get_running_loop()
        limiter = Limiter(loop.time)
        limiter.declare((limit,), 1.0)
        await asyncio.sleep(2)
        traffic = Traffic(limiter, [Fate(0.05, 0.05)])
        async with asyncio.TaskGroup() as group:
            for _ in range(50):
                group.create_task(traffic.worker(list(repeat((limit,), 4))))
            await asyncio.sleep(1.12)  # the second twenty have been sent, no reply has been read
            assert len(traffic.lent()) == 40
            stand_still(60)
            resumed = loop.time()
        return traffic, resumed

    traffic, resumed = in_virtual_time(main)
    after = [moment - resumed for moment in traffic.lent() if moment >= resumed]

    assert traffic.most(limit) == 20
    assert len(after) == 160
    assert 1.0 <= after[0] < 1.01  # those replies may have been late: a window from now
    assert after[20] >= 2.0


def test_a_deadline_that_passed_meanwhile_is_told_and_nothing_is_sent() -> None:
    """A place came free during the standstill, too, before the deadline: it is too late for it."""
    limit = RateLimit("scope", 1, 1, "test")

    async def main() -> Traffic:
        limiter = Limiter(asyncio.get_running_loop().time)
        limiter.declare((limit,), 1.0)
        await asyncio.sleep(2)
        traffic = Traffic(limiter, [Fate(), Fate(patience=5)])
        async with asyncio.TaskGroup() as group:
            group.create_task(traffic.worker([(limit,)]))
            await asyncio.sleep(0.2)
            group.create_task(traffic.worker([(limit,)]))
            await asyncio.sleep(0.2)
            stand_still(60)
        return traffic

    _, late = in_virtual_time(main).asked

    assert late.lent is None
    assert late.told is not None
