"""When to strike: at any time, or in the middle of what must not be interrupted."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from enum import StrEnum

from tests.torture.proxy import COMMIT, COPY, SwallowedError
from tests.torture.rig import Rig

Strike = Callable[[], Awaitable[object]]

_PATIENCE_SECONDS = 10.0


class Moment(StrEnum):
    """What is going on when it happens."""

    ANY = "any"
    STARTING = "starting"
    POLLING = "polling"
    """Replies come and are written to the journal: at the beginning of a second."""
    REPORTED = "reported"
    """A poll has just been reported done: what it brought must be on disk."""
    COPYING = "copying"
    COMMIT_UNHEARD = "commit-unheard"
    """The database has not been told to commit."""
    COMMIT_UNANSWERED = "commit-unanswered"
    """It has committed, and the collector does not know."""
    ACKNOWLEDGING = "acknowledging"
    """The collector knows, and forgets the rows in its journal."""


async def strike_at(moment: Moment, rig: Rig, strike: Strike) -> None:
    """Wait for a moment of that sort and strike; strike anyway if it does not come."""
    draw = rig.random.uniform
    match moment:
        case Moment.ANY:
            await asyncio.sleep(draw(0, 5))
        case Moment.STARTING:
            await asyncio.sleep(draw(0, 1))
        case Moment.POLLING:
            seconds = rig.random.randrange(5)
            await asyncio.sleep(seconds + _until_next_second() + draw(0, 0.05))
        case Moment.COPYING:
            await _heard(rig, COPY, draw(0, 0.02))
        case Moment.REPORTED:
            await _said(rig, "poll.done")
        case Moment.ACKNOWLEDGING:
            await _said(rig, "sink.stored")
            await asyncio.sleep(draw(0, 0.01))
        case Moment.COMMIT_UNHEARD | Moment.COMMIT_UNANSWERED:
            await _in_commit(rig, strike, unheard=moment is Moment.COMMIT_UNHEARD)
            return
    await strike()


async def _said(rig: Rig, event: str) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_PATIENCE_SECONDS):
            await rig.daemon.hears(event)


async def _heard(rig: Rig, words: bytes, delay: float) -> None:
    heard = asyncio.Event()

    async def hear() -> None:
        heard.set()

    rig.proxy.on(words, before=hear)
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(heard.wait(), _PATIENCE_SECONDS)
    rig.proxy.wire.hooks.clear()
    await asyncio.sleep(delay)


async def _in_commit(rig: Rig, strike: Strike, *, unheard: bool) -> None:
    heard, struck = asyncio.Event(), asyncio.Event()

    async def hold() -> None:
        heard.set()
        await struck.wait()
        raise SwallowedError

    if unheard:
        rig.proxy.on(COMMIT, before=hold)
    else:
        rig.proxy.on(COMMIT, after=hold)
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(heard.wait(), _PATIENCE_SECONDS)
    rig.proxy.wire.hooks.clear()
    await strike()
    struck.set()


def _until_next_second() -> float:
    return 1 - datetime.now(UTC).microsecond / 1e6
