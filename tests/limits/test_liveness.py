"""Nobody waits for ever, nobody is overtaken, nobody is told late, and no room is left unused."""

import ast
import asyncio
import math
from collections.abc import Sequence
from itertools import cycle, islice
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import collector.limits
from collector.limits import Limiter
from collector.venues.spec import RateLimit
from tests.limits.model import Trip, VenueModel, in_virtual_time
from tests.limits.traffic import GIVE_UP, Fate, Limits, Traffic

SOON = 1e-3

SHORT = RateLimit("short", 3, 1, "test")
MIDDLE = RateLimit("middle", 2, 3, "test")
LONG = RateLimit("long", 6, 10, "test")
ALL = (SHORT, MIDDLE, LONG)

kind = st.lists(st.sampled_from(ALL), min_size=1, max_size=3, unique=True).map(tuple)
delay = st.sampled_from([0.0, 0.01]) | st.floats(0, 0.3) | st.floats(0, 4)
fate = st.builds(
    Fate,
    delay,
    delay,
    lost=st.sampled_from([False] * 4 + [True]),
    cancelled_after=st.none() | st.none() | st.floats(0, 5),
    patience=st.sampled_from([1e9, 1e9]) | st.floats(0, 20),
    refused=st.sampled_from([False] * 5 + [True]),
    retry_after=st.none() | st.integers(0, 20).map(float),
)


async def watched(limiter: Limiter, traffic: Traffic) -> None:
    """Look all the time that whoever is first in line waits only for something."""
    loop = asyncio.get_running_loop()
    while True:
        await asyncio.sleep(0.137)
        for _ in range(10):  # let everybody come to rest
            await asyncio.sleep(0)
        waiting = [each for each in traffic.asked if each.lent is None and not each.ended]
        if not waiting:
            continue
        first, used = waiting[0], limiter.used()
        shut = {limit for _, until, its in traffic.shut if loop.time() < until for limit in its}
        assert shut.intersection(first.limits) or any(
            used[limit] >= limit.count for limit in first.limits
        ), "there is room for the first in line"


def run(kinds: Sequence[Limits], fates: Sequence[Fate], workers: int, each: int) -> Traffic:
    """Let workers ask for several limits each, under the eyes of a watcher."""

    async def main() -> Traffic:
        loop = asyncio.get_running_loop()
        limiter = Limiter(loop.time)
        limiter.declare(ALL, 1.0)
        await asyncio.sleep(11)
        traffic = Traffic(limiter, fates)
        watcher = asyncio.create_task(watched(limiter, traffic))
        endless = cycle(kinds)
        async with asyncio.TaskGroup() as group:
            for _ in range(workers):
                group.create_task(traffic.worker(list(islice(endless, each))))
        await asyncio.sleep(11)
        assert set(limiter.used().values()) == {0}  # nothing leaked
        if watcher.done():
            watcher.result()
        watcher.cancel()
        return traffic

    return in_virtual_time(main)


@settings(deadline=None, max_examples=80)
@given(
    kinds=st.lists(kind, min_size=1, max_size=9),
    fates=st.lists(fate, min_size=1, max_size=30),
    workers=st.integers(1, 12),
)
def test_the_line_moves_in_order_and_in_time(
    kinds: list[Limits], fates: list[Fate], workers: int
) -> None:
    """Takes, cancellations, losses, refusals and deadlines in any order, over shared limits."""
    traffic = run(kinds, fates, workers, each=4)

    for limit in ALL:
        assert traffic.most(limit) <= limit.count
    assert all(each.ended for each in traffic.asked)
    assert traffic.overtaken() == []
    assert traffic.lent_while_shut() == []
    for each in traffic.asked:
        assert each.told is None or each.told <= max(each.at, each.deadline) + 1e-5
        assert each.lent is None or each.lent <= each.deadline + 1e-5


@settings(deadline=None, max_examples=40)
@given(
    kinds=st.lists(kind, min_size=1, max_size=9),
    trips=st.lists(st.builds(Fate, delay, delay), min_size=1, max_size=20),
    workers=st.integers(1, 12),
)
def test_nobody_waits_longer_than_those_in_front_of_him_take(
    kinds: list[Limits], trips: list[Fate], workers: int
) -> None:
    """Each round trip and one of the longest windows for each of them, at the very most."""
    traffic = run(kinds, trips, workers, each=4)

    for each in traffic.asked:
        assert each.lent is not None
        assert each.lent - each.at <= workers * (GIVE_UP + LONG.seconds + 0.1)


@settings(deadline=None, max_examples=40)
@given(
    count=st.integers(1, 20),
    seconds=st.sampled_from([0.5, 1.0, 3.0]),
    there=st.floats(0, 1.5),
    back=st.floats(0, 1.5),
    workers=st.integers(0, 30),
)
def test_what_is_permitted_is_used(
    count: int, seconds: float, there: float, back: float, workers: int
) -> None:
    """At least the count in each window and round trip, with nothing won back from the latter."""
    limit = RateLimit("scope", count, seconds, "test")
    requests = 10 * count

    async def main() -> float:
        loop = asyncio.get_running_loop()
        limiter = Limiter(loop.time)
        limiter.declare((limit,), 1.0)
        await asyncio.sleep(4)
        venue = VenueModel(limiter, lambda _: Trip(there, back), hosts=("one", "two"))
        started = loop.time()
        left = iter(range(requests))

        async def worker() -> None:
            for _ in left:
                await venue.request((limit,))

        await asyncio.gather(*(worker() for _ in range(count + workers)))
        assert venue.most(limit) <= count
        return loop.time() - started

    cycle_seconds = seconds * 1.001 + 0.002 + there + back
    assert in_virtual_time(main) <= 10 * (cycle_seconds + SOON)


def test_those_who_need_one_limit_use_what_those_who_need_two_cannot() -> None:
    """Twenty wait for three places in ten seconds; nineteen in twenty of the others go on."""

    async def main() -> int:
        loop = asyncio.get_running_loop()
        short = RateLimit("short", 20, 1, "test")
        long = RateLimit("long", 3, 10, "test")
        limiter = Limiter(loop.time)
        limiter.declare((short, long), 1.0)
        await asyncio.sleep(11)
        traffic = Traffic(limiter, [Fate()])
        crowd = [asyncio.create_task(traffic.worker([(short, long)] * 1000)) for _ in range(20)]
        others = [asyncio.create_task(traffic.worker([(short,)] * 1000)) for _ in range(20)]
        await asyncio.sleep(100)
        for task in (*crowd, *others):
            task.cancel()
        await asyncio.wait([*crowd, *others])
        assert traffic.most(short) <= 20
        assert sum(1 for each in traffic.asked if each.lent and long in each.limits) >= 3 * 9
        return sum(1 for each in traffic.asked if each.lent and long not in each.limits)

    windows = math.floor(100 / 1.11)  # 1.003 s and a round trip of 0.1
    assert in_virtual_time(main) >= (20 - 1) * windows


@pytest.mark.parametrize("file", sorted(Path(collector.limits.__file__).parent.glob("*.py")))
def test_the_limiter_knows_no_clock_but_the_one_it_is_given(file: Path) -> None:
    """That is the loop's, which is monotonic; setting the system's clock does nothing to it."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    imported = {
        name.partition(".")[0]
        for node in ast.walk(tree)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }

    assert not imported & {"time", "datetime", "calendar", "email", "os", "ctypes"}
