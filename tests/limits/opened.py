"""A limiter whose first window is over, and small things to do with it."""

import asyncio
from collections.abc import Callable, Coroutine

from collector.limits import Limiter, Slot
from collector.venues.spec import RateLimit
from tests.limits.model import in_virtual_time

LIMIT = RateLimit("scope", 3, 1, "test")
OTHER = RateLimit("other scope", 3, 1, "test")
NEVER = 1e9  # a deadline that does not matter


def opened(main: Callable[[Limiter], Coroutine[None, None, None]], share: float = 1.0) -> None:
    """Run a test against a limiter whose first window is over."""

    async def prepared() -> None:
        limiter = Limiter(asyncio.get_running_loop().time)
        limiter.declare((LIMIT, OTHER), share)
        await asyncio.sleep(2)
        await main(limiter)

    in_virtual_time(prepared)


async def wait_for_slot(limiter: Limiter, limits: tuple[RateLimit, ...] = (LIMIT,)) -> float:
    """Return how long it took to get a slot, which is then given back as answered at once."""
    loop = asyncio.get_running_loop()
    started = loop.time()
    async with limiter.slot(limits, NEVER) as slot:
        slot.answered("venue", loop.time(), None)
    return round(loop.time() - started, 2)


async def answer(slot: Slot, remaining: int | None = None) -> None:
    """Let a reply come at this moment."""
    slot.answered("venue", asyncio.get_running_loop().time(), remaining)
