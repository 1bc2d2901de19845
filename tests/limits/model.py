"""A venue and a network in virtual time: who arrives when, and what a window then holds."""

import asyncio
from bisect import bisect_right
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import TypeVar

import looptime

from collector.limits import Limiter
from collector.venues.spec import RateLimit

T = TypeVar("T")


def most_in_window(arrivals: list[float], seconds: float) -> int:
    """Return the most arrivals that any half-open window [t, t + seconds) holds."""
    ordered = sorted(arrivals)
    return max(
        (i + 1 - bisect_right(ordered, moment - seconds) for i, moment in enumerate(ordered)),
        default=0,
    )


@dataclass(frozen=True)
class Trip:
    """What the network does to one request: seconds there, seconds back."""

    there: float
    back: float
    lost: bool = False
    """The reply never comes."""


@dataclass
class VenueModel:
    """Stamps arrivals by limit; the round trip of the n-th request is `trips(n)`."""

    limiter: Limiter
    trips: Callable[[int], Trip]
    give_up: float = 10.0
    """Seconds until the client stops waiting for a reply."""
    arrivals: dict[RateLimit, list[float]] = field(default_factory=dict)
    hosts: tuple[str, ...] = ("venue",)
    sent: int = 0
    answered: int = 0

    async def request(self, limits: tuple[RateLimit, ...], deadline: float = 1e9) -> None:
        """Send one request through the limiter, as the HTTP layer does."""
        loop = asyncio.get_running_loop()
        async with self.limiter.slot(limits, deadline) as slot:
            trip = self.trips(self.sent)
            self.sent += 1
            arrival = loop.time() + trip.there
            for limit in limits:
                self.arrivals.setdefault(limit, []).append(arrival)
            if trip.lost:
                await asyncio.sleep(max(self.give_up, trip.there))
                return
            await asyncio.sleep(trip.there + trip.back)
            self.answered += 1
            host = self.hosts[self.answered % len(self.hosts)]
            slot.answered(host, loop.time(), None)

    def most(self, limit: RateLimit) -> int:
        """Return the most arrivals that any window of this limit held."""
        return most_in_window(self.arrivals.get(limit, []), limit.seconds)


def in_virtual_time(main: Callable[[], Coroutine[None, None, T]]) -> T:
    """Run a coroutine on a loop whose clock jumps from one timer to the next."""
    loop = looptime.new_event_loop(start=1000.0)
    try:
        return loop.run_until_complete(main())
    finally:
        loop.close()
