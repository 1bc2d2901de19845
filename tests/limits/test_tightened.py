"""What the limiter does when a venue asks for less."""

import asyncio

from collector.limits import Limiter
from tests.limits.opened import LIMIT, NEVER, answer, opened, wait_for_slot


def test_retry_after_shuts_the_budget_for_that_long() -> None:
    """A venue that asks for seven seconds gets them."""

    async def main(limiter: Limiter) -> None:
        loop = asyncio.get_running_loop()
        async with limiter.slot((LIMIT,), NEVER) as slot:
            await answer(slot)

            assert slot.refused(loop.time(), retry_after=7, longest=300) == 7
        assert await wait_for_slot(limiter) == 7

    opened(main)


def test_refusals_without_retry_after_double_the_wait() -> None:
    """A window, two, four, up to the venue's longest penalty; a success starts over."""

    async def main(limiter: Limiter) -> None:
        loop = asyncio.get_running_loop()
        waits = []
        for _ in range(5):
            async with limiter.slot((LIMIT,), NEVER) as slot:
                await answer(slot)
                waits.append(slot.refused(loop.time(), retry_after=None, longest=6))
        async with limiter.slot((LIMIT,), NEVER) as slot:
            await answer(slot)
            slot.accepted()
        async with limiter.slot((LIMIT,), NEVER) as slot:
            await answer(slot)
            waits.append(slot.refused(loop.time(), retry_after=None, longest=6))

        assert waits == [1, 2, 4, 6, 6, 1]

    opened(main)


def test_refusals_of_requests_under_way_together_count_once() -> None:
    """Three refusals in one breath are one message from the venue."""

    async def main(limiter: Limiter) -> None:
        loop = asyncio.get_running_loop()

        async def refused() -> float:
            async with limiter.slot((LIMIT,), NEVER) as slot:
                await asyncio.sleep(0.1)
                await answer(slot)
                return slot.refused(loop.time(), retry_after=None, longest=300)

        assert set(await asyncio.gather(refused(), refused(), refused())) == {1}

    opened(main)


def test_an_absurd_retry_after_is_cut_to_an_hour() -> None:
    """A venue that names a week is asked again after an hour."""

    async def main(limiter: Limiter) -> None:
        async with limiter.slot((LIMIT,), NEVER) as slot:
            await answer(slot)
            now = asyncio.get_running_loop().time()

            assert slot.refused(now, retry_after=604800, longest=300) == 3600

    opened(main)


def test_what_others_used_is_not_there_for_us() -> None:
    """The venue says one is left although we used one of three: somebody else took one."""

    async def main(limiter: Limiter) -> None:
        async with limiter.slot((LIMIT,), NEVER) as slot:
            await answer(slot, remaining=1)

        waits = [await wait_for_slot(limiter) for _ in range(2)]

        assert waits == [0, 1.0]

    opened(main)


def test_our_own_requests_are_not_taken_for_others() -> None:
    """The venue's count falls as we ask; that alone tightens nothing."""

    async def main(limiter: Limiter) -> None:
        for left in (2, 1, 0):
            async with limiter.slot((LIMIT,), NEVER) as slot:
                await answer(slot, remaining=left)

        assert [await wait_for_slot(limiter) for _ in range(3)] == [1.0, 0, 0]

    opened(main)


def test_a_late_count_is_not_held_against_requests_that_are_over_by_now() -> None:
    """The venue's count in a slow reply is old: it is compared with what was ours back then."""

    async def main(limiter: Limiter) -> None:
        async with limiter.slot((LIMIT,), NEVER) as slow:
            for _ in range(2):
                assert await wait_for_slot(limiter) == 0
            await asyncio.sleep(2)
            await answer(slow, remaining=0)

        assert [await wait_for_slot(limiter) for _ in range(3)] == [0, 0, 1.0]

    opened(main)


def test_a_slot_given_back_early_is_still_ours_to_the_venue() -> None:
    """What the credit gives back before its window is over is not taken for somebody else's."""

    async def main(limiter: Limiter) -> None:
        async def asked() -> None:
            async with limiter.slot((LIMIT,), NEVER) as slot:
                await asyncio.sleep(0.2)
                await answer(slot)

        for _ in range(30):  # until 0.15 s of credit are earned
            await asyncio.gather(asked(), asked(), asked())
        await asyncio.sleep(3)
        await asyncio.gather(asked(), asked(), asked())
        async with limiter.slot((LIMIT,), NEVER) as slot:
            await asyncio.sleep(0.2)
            await answer(slot, remaining=0)

        assert [await wait_for_slot(limiter) for _ in range(2)] == [0, 0]

    opened(main)
