"""Slots and the queue for them: in order, in time, and none is lost."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from collector.errors import BudgetClosed
from collector.limits import Limiter
from tests.limits.model import Trip, VenueModel, in_virtual_time
from tests.limits.opened import LIMIT, NEVER, OTHER, answer, opened, wait_for_slot


def test_the_slot_comes_back_one_window_after_the_reply() -> None:
    """The fourth of three waits for the first reply and then for a window."""

    async def main(limiter: Limiter) -> None:
        venue = VenueModel(limiter, lambda _: Trip(0.2, 0.3))
        first = [asyncio.create_task(venue.request((LIMIT,))) for _ in range(3)]
        await asyncio.sleep(0)

        assert await wait_for_slot(limiter) == 1.5
        await asyncio.wait(first)

    opened(main)


def test_a_lost_reply_holds_its_slot_until_it_is_given_up() -> None:
    """A request without an answer may be counted at any moment up to its time-out."""

    async def main(limiter: Limiter) -> None:
        venue = VenueModel(limiter, lambda _: Trip(0.2, 0.3, lost=True), give_up=10)
        first = [asyncio.create_task(venue.request((LIMIT,))) for _ in range(3)]
        await asyncio.sleep(0)

        assert await wait_for_slot(limiter) == 11.0
        await asyncio.wait(first)

    opened(main)


def test_a_process_starts_with_its_budget_spent() -> None:
    """The process before may have used the window up, so the first request waits for one."""

    async def main() -> None:
        limiter = Limiter(asyncio.get_running_loop().time)
        limiter.declare((LIMIT,), 1.0)

        assert await wait_for_slot(limiter) == 1.0

    in_virtual_time(main)


def test_a_share_lowers_the_count() -> None:
    """Half of three is one: the second request waits."""

    async def main(limiter: Limiter) -> None:
        assert await wait_for_slot(limiter) == 0
        assert await wait_for_slot(limiter) == 1.0

    opened(main, share=0.5)


def test_a_share_that_leaves_nothing_is_refused() -> None:
    """A tenth of three requests is none at all."""
    limiter = Limiter(lambda: 0.0)

    with pytest.raises(ValueError, match="leaves no request of 3"):
        limiter.declare((LIMIT,), 0.1)


def test_two_venues_that_name_one_scope_share_one_budget() -> None:
    """The smaller of two shares counts, and what one uses the other lacks."""

    async def main(limiter: Limiter) -> None:
        limiter.declare((LIMIT,), 0.7)
        await asyncio.sleep(2)

        waits = [await wait_for_slot(limiter) for _ in range(3)]

        assert waits == [0, 0, 1.0]

    opened(main)


def test_one_exhausted_budget_does_not_delay_another() -> None:
    """Whoever waits for one scope is not in the way of another."""

    async def main(limiter: Limiter) -> None:
        waiting = [asyncio.create_task(wait_for_slot(limiter)) for _ in range(9)]
        await asyncio.sleep(0)

        assert await wait_for_slot(limiter, (OTHER,)) == 0
        await asyncio.wait(waiting)

    opened(main)


def test_who_cannot_wait_that_long_is_told_at_once() -> None:
    """A budget shut beyond the deadline raises now, to newcomers and to those who wait."""

    async def main(limiter: Limiter) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + 5

        async def ask() -> float:
            with pytest.raises(BudgetClosed) as closed:
                async with limiter.slot((LIMIT,), deadline):
                    pass
            assert closed.value.retry_after == pytest.approx(60)
            return loop.time()

        async with AsyncExitStack() as lent:
            slots = [await lent.enter_async_context(limiter.slot((LIMIT,), NEVER)) for _ in "123"]
            waiting = asyncio.create_task(ask())
            await asyncio.sleep(0.1)
            await answer(slots[0])
            slots[0].refused(loop.time(), retry_after=60, longest=300)

            assert await waiting == loop.time()
            assert await ask() == loop.time()

    opened(main)


def test_a_wait_ends_at_the_deadline() -> None:
    """Where only replies could make room and none come, the deadline ends the wait."""

    async def main(limiter: Limiter) -> None:
        loop = asyncio.get_running_loop()
        async with AsyncExitStack() as lent:
            for _ in "123":
                await lent.enter_async_context(limiter.slot((LIMIT,), NEVER))
            started = loop.time()
            with pytest.raises(BudgetClosed):
                async with limiter.slot((LIMIT,), started + 5):
                    pass

            assert loop.time() - started == 5

    opened(main)


def test_a_cancelled_wait_takes_no_slot_with_it() -> None:
    """Whoever is cancelled in the queue, or at the very moment of being let in, leaves no trace."""

    async def main(limiter: Limiter) -> None:
        for _ in "123":
            assert await wait_for_slot(limiter) == 0
        waiting = [asyncio.create_task(wait_for_slot(limiter)) for _ in range(6)]
        await asyncio.sleep(0.5)
        waiting[0].cancel()
        await asyncio.sleep(0.503)  # the three next have just been let in
        for task in waiting[1:]:
            task.cancel()
        await asyncio.wait(waiting)

        assert set(limiter.used().values()) <= {0, 1, 2, 3}
        await asyncio.sleep(2)
        assert set(limiter.used().values()) == {0}

    opened(main)


def test_a_slot_of_one_limit_is_returned_if_the_other_stays_shut() -> None:
    """A request that was never sent costs no budget anywhere."""

    async def main(limiter: Limiter) -> None:
        loop = asyncio.get_running_loop()
        async with limiter.slot((OTHER,), NEVER) as slot:
            await answer(slot)
            slot.refused(loop.time(), retry_after=60, longest=300)
        with pytest.raises(BudgetClosed):
            async with limiter.slot((LIMIT, OTHER), loop.time() + 1):
                pass

        assert limiter.used()[LIMIT] == 0

    opened(main)


def test_first_come_first_served() -> None:
    """Nobody overtakes in the queue."""

    async def main(limiter: Limiter) -> None:
        order: list[int] = []

        async def ask(number: int) -> None:
            async with limiter.slot((LIMIT,), NEVER):
                order.append(number)

        await asyncio.gather(*(ask(number) for number in range(10)))

        assert order == list(range(10))

    opened(main)


def test_after_the_stop_nobody_is_let_in_and_nobody_waits() -> None:
    """Whoever waits is told at once, however patient, and so is whoever comes."""

    async def main(limiter: Limiter) -> None:
        loop = asyncio.get_running_loop()

        async def told() -> float:
            with pytest.raises(BudgetClosed):
                await wait_for_slot(limiter)
            return loop.time()

        for _ in "123":
            await wait_for_slot(limiter)
        waiting = asyncio.create_task(told())
        await asyncio.sleep(0.1)
        limiter.stop()

        assert await waiting == await told() == loop.time()

    opened(main)
