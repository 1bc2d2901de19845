"""Requests that are charged to several limits: nobody waits for ever, nobody holds up others."""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack

import pytest

from collector.errors import BudgetClosed
from collector.limits import Limiter
from collector.limits.gate import Gate
from collector.limits.line import Line
from collector.limits.window import Window
from collector.venues.spec import RateLimit
from tests.limits.model import in_virtual_time
from tests.limits.opened import LIMIT, NEVER, OTHER, answer, opened, wait_for_slot

LONG = RateLimit("long", 3, 60, "test")


def with_long(main: Callable[[Limiter], Coroutine[None, None, None]]) -> None:
    """Run a test against a limiter that also has a window of a minute."""

    async def prepared(limiter: Limiter) -> None:
        limiter.declare((LONG,), 1.0)
        await main(limiter)

    opened(prepared)


def test_limits_named_in_different_orders_do_not_lock_each_other_out() -> None:
    """One holds the first and waits for the second, the other the other way round."""

    async def main(limiter: Limiter) -> None:
        loop = asyncio.get_running_loop()
        started = loop.time()
        async with AsyncExitStack() as lent:
            slots = [
                await lent.enter_async_context(limiter.slot((limit,), NEVER))
                for limit in (LIMIT, OTHER) * 3
            ]
            orders = [(LIMIT, OTHER), (OTHER, LIMIT)] * 3
            waiting = [asyncio.create_task(wait_for_slot(limiter, order)) for order in orders]
            await asyncio.sleep(0)
            for slot in slots:  # three places come back in each, for six that need both
                await answer(slot)
        done, _ = await asyncio.wait(waiting, timeout=60)

        assert len(done) == 6
        assert 2 <= loop.time() - started < 2.1

    opened(main)


def test_who_waits_for_a_long_window_is_not_in_the_way_of_a_short_one() -> None:
    """The minute is used up: those who need it as well take no place from those who do not."""

    async def main(limiter: Limiter) -> None:
        for _ in range(3):
            assert await wait_for_slot(limiter, (LONG,)) == 0
        waiting = [asyncio.create_task(wait_for_slot(limiter, (LIMIT, LONG))) for _ in range(9)]
        await asyncio.sleep(0)

        assert [await wait_for_slot(limiter) for _ in range(4)] == [0, 0, 0, 1.0]
        for task in waiting:
            task.cancel()
        await asyncio.wait(waiting)

    with_long(main)


def test_who_needs_two_limits_is_not_overtaken_for_ever_by_those_who_need_one() -> None:
    """Both budgets are always in use, and never both free by themselves at one moment."""

    async def main(limiter: Limiter) -> None:
        loop = asyncio.get_running_loop()

        async def stream(limit: RateLimit, offset: float) -> None:
            await asyncio.sleep(offset)
            while True:
                await wait_for_slot(limiter, (limit,))

        streams = [
            asyncio.create_task(stream(limit, offset))
            for limit, offset in ((LIMIT, 0.0), (OTHER, 0.5), (LONG, 0.7))
            for _ in range(8)
        ]
        await asyncio.sleep(100)
        started = loop.time()
        async with limiter.slot((OTHER, LIMIT, LONG), started + 300):
            waited = loop.time() - started
        for task in streams:
            task.cancel()
        await asyncio.wait(streams)

        assert waited <= 4 * LONG.seconds  # eight were there before: three windows

    with_long(main)


def test_a_limit_that_is_named_twice_is_charged_once() -> None:
    """A request is one request to the venue."""

    async def main(limiter: Limiter) -> None:
        async with limiter.slot((LIMIT, LIMIT), NEVER):
            assert limiter.used()[LIMIT] == 1

    opened(main)


def test_a_budget_that_is_shut_while_another_is_waited_for_stays_shut() -> None:
    """Retry-After counts for whoever has not sent yet, wherever he waits."""

    async def main(limiter: Limiter) -> None:
        loop = asyncio.get_running_loop()
        async with limiter.slot((LIMIT,), NEVER) as refused, AsyncExitStack() as lent:
            slots = [
                await lent.enter_async_context(limiter.slot((OTHER,), NEVER)) for _ in range(3)
            ]
            waiting = asyncio.create_task(wait_for_slot(limiter, (LIMIT, OTHER)))
            await asyncio.sleep(0.1)
            await answer(refused)
            refused.refused(loop.time(), retry_after=30, longest=300)
            for slot in slots:
                await answer(slot)

            assert await waiting == 30.1

    opened(main)


def test_a_deadline_that_is_over_gets_no_slot() -> None:
    """Who comes too late, from a pause between two tries, is told so."""

    async def main(limiter: Limiter) -> None:
        with pytest.raises(BudgetClosed):
            async with limiter.slot((LIMIT,), asyncio.get_running_loop().time() - 0.1):
                pass

        assert limiter.used()[LIMIT] == 0

    opened(main)


def test_a_smaller_share_that_is_declared_later_forgets_nothing() -> None:
    """What is taken stays taken, and who waits already is not forgotten."""

    async def main(limiter: Limiter) -> None:
        for _ in range(3):
            assert await wait_for_slot(limiter) == 0
        waiting = [asyncio.create_task(wait_for_slot(limiter)) for _ in range(2)]
        await asyncio.sleep(0.5)
        limiter.declare((LIMIT,), 0.4)

        assert limiter.used()[LIMIT] == 3
        assert await asyncio.wait_for(asyncio.gather(*waiting), 60) == [1.0, 2.01]

    opened(main)


def test_two_venues_with_different_shares_keep_the_smaller_one() -> None:
    """In either order of being declared."""

    async def main() -> None:
        for shares in ((1.0, 0.4), (0.4, 1.0)):
            limiter = Limiter(asyncio.get_running_loop().time)
            for share in shares:
                limiter.declare((LIMIT, LONG), share)
            await asyncio.sleep(2)

            assert [await wait_for_slot(limiter) for _ in range(2)] == [0, 1.0]

    in_virtual_time(main)


def test_a_place_that_is_kept_for_somebody_who_leaves_is_free_at_once() -> None:
    """He waits for one limit and is kept a place in another; cancelled, he keeps it no longer."""

    async def main(limiter: Limiter) -> None:
        limiter.declare((LIMIT, OTHER), 0.4)
        async with limiter.slot((LIMIT,), NEVER):
            leaves = asyncio.create_task(wait_for_slot(limiter, (LIMIT, OTHER)))
            await asyncio.sleep(0.1)
            behind = asyncio.create_task(wait_for_slot(limiter, (OTHER,)))
            await asyncio.sleep(0.1)
            assert not behind.done()
            leaves.cancel()

            assert await asyncio.wait_for(behind, 60) == 0.1

    opened(main)


def test_whoever_leaves_as_he_is_let_in_lets_in_the_next() -> None:
    """His place is free again, and no reply will come that would tell."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        gate = Gate(Window(LIMIT, 0.4, loop.time()), loop.time)
        line = Line(loop.time)
        await asyncio.sleep(2)
        await line.enter((gate,), NEVER)
        leaves, behind = (asyncio.create_task(line.enter((gate,), NEVER)) for _ in range(2))
        await asyncio.sleep(0.1)
        gate.window.untake()
        line.grant()
        leaves.cancel()

        await asyncio.wait_for(behind, 1)
        assert gate.window.in_flight == 1

    in_virtual_time(main)
