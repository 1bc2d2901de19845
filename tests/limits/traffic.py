"""Traffic as bad as it comes: what happens to each request is drawn, and everything is noted."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import cycle, pairwise

from collector.errors import BudgetClosed
from collector.limits import Limiter
from collector.venues.spec import RateLimit
from tests.limits.model import most_in_window

GIVE_UP = 6.0
"""Seconds until the client stops waiting for a reply."""
LONGEST = 8.0
"""The venue's longest penalty."""
Limits = tuple[RateLimit, ...]


@dataclass(frozen=True)
class Fate:
    """What happens to one request; seconds."""

    there: float = 0.05
    back: float = 0.05
    lost: bool = False
    cancelled_after: float | None = None
    """Counted from when it is asked for, so it may still be in the queue."""
    patience: float = 1e9
    """Until the deadline."""
    remaining: int | None = None
    refused: bool = False
    retry_after: float | None = None


@dataclass
class Asked:
    """One request, from being asked for to its end."""

    limits: Limits
    at: float
    deadline: float
    lent: float | None = None
    told: float | None = None
    """When the limiter said that there will be no slot in time."""
    over: float | None = None
    """When its reply was read, or it was given up."""
    ended: bool = False


@dataclass
class Traffic:
    """Sends requests through a limiter, each with the next fate, and keeps the books."""

    limiter: Limiter
    fates: Sequence[Fate]
    hosts: tuple[str, ...] = ("one", "two")
    """With two there is no credit: nothing is assumed about the network."""
    least_there: float = 0.0
    """Nothing arrives faster than that; what is given up before never does."""
    asked: list[Asked] = field(default_factory=list)
    arrivals: dict[RateLimit, list[float]] = field(default_factory=dict)
    shut: list[tuple[float, float, Limits]] = field(default_factory=list)
    """From when until when the venue is left alone."""

    def __post_init__(self) -> None:
        self._fates = cycle(self.fates)
        self._hosts = cycle(self.hosts)

    async def worker(self, kinds: Sequence[Limits]) -> None:
        """Ask again and again, one request after the other."""
        for limits in kinds:
            fate = next(self._fates)
            task = asyncio.create_task(self.request(limits, fate))
            if fate.cancelled_after is not None:
                asyncio.get_running_loop().call_later(fate.cancelled_after, task.cancel)
            try:
                await asyncio.wait([task])
            except asyncio.CancelledError:
                task.cancel()
                await asyncio.wait([task])
                raise
            if not task.cancelled():
                task.result()

    async def request(self, limits: Limits, fate: Fate) -> None:
        """Send one request as the HTTP layer does."""
        now = asyncio.get_running_loop().time
        asked = Asked(limits, now(), now() + fate.patience)
        self.asked.append(asked)
        try:
            async with self.limiter.slot(limits, asked.deadline) as slot:
                asked.lent = now()
                try:
                    await self._travel(limits, fate)
                finally:
                    asked.over = now()
                slot.answered(next(self._hosts), now(), fate.remaining)
                if fate.refused:
                    wait = slot.refused(now(), fate.retry_after, LONGEST)
                    self.shut.append((now(), now() + wait, limits))
                else:
                    slot.accepted()
        except BudgetClosed:
            asked.told = now()
        except TimeoutError:
            pass  # given up
        finally:
            asked.ended = True

    async def _travel(self, limits: Limits, fate: Fate) -> None:
        """Arrive and come back; who is given up on the way arrives at that moment at the latest."""
        now = asyncio.get_running_loop().time
        sent, arrival = now(), now() + fate.there
        try:
            async with asyncio.timeout(GIVE_UP):
                await asyncio.sleep(2 * GIVE_UP if fate.lost else fate.there + fate.back)
        finally:
            if now() >= sent + self.least_there - 1e-5:
                for limit in limits:
                    self.arrivals.setdefault(limit, []).append(min(arrival, now()))

    def most(self, limit: RateLimit) -> int:
        """Return the most arrivals that any window of this limit held."""
        return most_in_window(self.arrivals.get(limit, []), limit.seconds)

    def lent(self) -> list[float]:
        """Return when slots were lent."""
        return sorted(each.lent for each in self.asked if each.lent is not None)

    def looser_than_without_headers(self, limit: RateLimit, count: int) -> list[float]:
        """Return when a slot was lent although our own requests alone filled the window."""
        ours = [each for each in self.asked if limit in each.limits and each.lent is not None]

        def held(moment: float) -> int:
            return sum(
                1
                for each in ours
                if (each.lent or 0.0) <= moment
                and (each.over is None or moment < each.over + limit.seconds)
            )

        return [each.lent for each in ours if each.lent and held(each.lent) > count]

    def lent_while_shut(self) -> list[float]:
        """Return when slots were lent of a budget that was to be left alone."""
        return [
            each.lent
            for since, until, limits in self.shut
            for each in self.asked
            if each.lent is not None
            and since < each.lent < until - 1e-5
            and not set(limits).isdisjoint(each.limits)
        ]

    def longest_gap(self) -> float:
        """Return the longest time in which nobody was lent a slot although somebody waited."""
        lent = self.lent()
        gaps = [
            later - max(earlier, min(each.at for each in waiting))
            for earlier, later in pairwise([0.0, *lent])
            if (waiting := [each for each in self.asked if each.lent == later])
        ]
        return max(gaps, default=0.0)

    def overtaken(self) -> list[Asked]:
        """Return who was lent a slot after somebody who asked later for the same."""
        found = []
        for kind in {each.limits for each in self.asked}:
            last = 0.0
            for each in self.asked:
                if each.limits == kind and each.lent is not None:
                    if each.lent < last:
                        found.append(each)
                    last = max(last, each.lent)
        return found
