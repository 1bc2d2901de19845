"""Whatever a venue's headers say, true or not: never looser, and never shut for good."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.limits import Limiter
from collector.venues.spec import RateLimit
from tests.limits.model import in_virtual_time
from tests.limits.opened import LIMIT, NEVER, answer, opened, wait_for_slot
from tests.limits.traffic import GIVE_UP, LONGEST, Fate, Traffic

SOON = 1e-3
RETRY_MAX = 20

delay = st.sampled_from([0.0, 0.01]) | st.floats(0, 0.3) | st.floats(0, 4)
lie = st.none() | st.integers(-5, 25) | st.integers()
fate = st.builds(
    Fate,
    delay,
    delay,
    lost=st.sampled_from([False] * 4 + [True]),
    cancelled_after=st.none() | st.none() | st.floats(0, 5),
    remaining=lie,
    refused=st.sampled_from([False, False, True]),
    retry_after=st.none() | st.integers(0, RETRY_MAX).map(float),
)


def run(
    fates: list[Fate], limits: tuple[RateLimit, ...], share: float, workers: int, each: int
) -> tuple[Traffic, float]:
    """Let workers ask; return the books, and how long one more request had to wait after it all."""

    async def main() -> tuple[Traffic, float]:
        loop = asyncio.get_running_loop()
        limiter = Limiter(loop.time)
        limiter.declare(limits, share)
        traffic = Traffic(limiter, fates)
        async with asyncio.TaskGroup() as group:
            for _ in range(workers):
                group.create_task(traffic.worker([limits] * each))
        quiet = max([loop.time(), *(until for _, until, _ in traffic.shut)])
        async with limiter.slot(limits, NEVER):
            return traffic, loop.time() - quiet

    return in_virtual_time(main)


@settings(deadline=None, max_examples=60)
@given(
    fates=st.lists(fate, min_size=1, max_size=40),
    count=st.integers(1, 12),
    seconds=st.sampled_from([0.5, 1.0, 3.0]),
    share=st.sampled_from([1.0, 0.7, 0.35]),
    workers=st.integers(1, 15),
)
def test_headers_never_loosen_and_never_stall(
    fates: list[Fate], count: int, seconds: float, share: float, workers: int
) -> None:
    """The window holds; a pause that was asked for is kept; the next slot comes in known time."""
    permitted = int(count * share) or count
    limit = RateLimit("scope", count, seconds, "test")

    traffic, wait = run(fates, (limit,), share if int(count * share) else 1.0, workers, each=4)

    assert traffic.most(limit) <= permitted
    assert traffic.looser_than_without_headers(limit, permitted) == []
    assert traffic.lent_while_shut() == []
    assert wait <= seconds * 1.001 + 0.002 + SOON
    assert traffic.longest_gap() <= GIVE_UP + max(RETRY_MAX, LONGEST, seconds) + SOON


@settings(deadline=None, max_examples=30)
@given(fates=st.lists(fate, min_size=1, max_size=40), workers=st.integers(1, 15))
def test_headers_never_loosen_several_windows(fates: list[Fate], workers: int) -> None:
    """The count of what is left is about the first limit; a refusal shuts all of them."""
    limits = (RateLimit("scope", 5, 1, "test"), RateLimit("all", 12, 10, "test"))

    traffic, wait = run(fates, limits, 1.0, workers, each=4)

    for limit in limits:
        assert traffic.most(limit) <= limit.count
        assert traffic.looser_than_without_headers(limit, limit.count) == []
    assert traffic.lent_while_shut() == []
    assert wait <= 10 * 1.001 + 0.002 + SOON
    assert traffic.longest_gap() <= GIVE_UP + RETRY_MAX + SOON


@settings(deadline=None, max_examples=40)
@given(
    others=st.lists(st.floats(0, 3), max_size=11),
    trip=st.tuples(st.floats(0, 0.4), st.floats(0, 0.4)),
)
def test_an_honest_count_of_what_others_used_is_believed(
    others: list[float], trip: tuple[float, float]
) -> None:
    """Once a reply has told of others, we and they together stay within the limit."""
    limit = RateLimit("scope", 12, 3, "test")
    there, back = trip

    async def main() -> int:
        loop = asyncio.get_running_loop()
        limiter = Limiter(loop.time)
        limiter.declare((limit,), 1.0)
        await asyncio.sleep(4)
        arrived = sorted(loop.time() - at for at in others)
        await asyncio.sleep(0.001)

        async def ask() -> None:
            async with limiter.slot((limit,), NEVER) as slot:
                await asyncio.sleep(there)
                arrived.append(loop.time())
                used = sum(1 for at in arrived if at > loop.time() - limit.seconds)
                most.append(used)
                await asyncio.sleep(back)
                await answer(slot, remaining=max(0, limit.count - used))

        most: list[int] = []
        await ask()  # nobody can know of others before the first reply
        most.clear()
        await asyncio.gather(*(ask() for _ in range(20)))
        return max(most)

    assert in_virtual_time(main) <= limit.count


@pytest.mark.parametrize("retry_after", [0, 0.5])
def test_a_retry_after_shorter_than_our_own_wait_does_not_shorten_it(retry_after: float) -> None:
    """A venue that refuses again and again and says "at once" each time is left alone longer."""

    async def main(limiter: Limiter) -> None:
        loop = asyncio.get_running_loop()
        waits = []
        for _ in range(5):
            async with limiter.slot((LIMIT,), NEVER) as slot:
                await answer(slot)
                waits.append(slot.refused(loop.time(), retry_after, longest=6))

        assert waits == [1, 2, 4, 6, 6]

    opened(main)


def test_a_smaller_count_of_others_does_not_undo_a_larger_one() -> None:
    """Replies change places on their way: the smaller count may be the older one."""

    async def main(limiter: Limiter) -> None:
        async with limiter.slot((LIMIT,), NEVER) as slow:
            await asyncio.sleep(0.1)
            async with limiter.slot((LIMIT,), NEVER) as fast:
                await asyncio.sleep(0.1)
                await answer(fast, remaining=-1)  # two are ours, two others'
            await answer(slow, remaining=0)  # two are ours, one others'

        assert await wait_for_slot(limiter) == 1.0

    opened(main)
