"""How long a sweep takes within a venue's limits, and what share of them it uses."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from collector.limits.window import Window
from collector.venues.spec import Request

_ROUND_TRIP = 0.1
"""Seconds that each window costs beside itself, roughly: what the limiter cannot win back."""


@dataclass(frozen=True)
class Budget:
    """What one sweep costs."""

    requests: int
    seconds: float
    """How long it takes at the documented limits, at the least."""
    windows: int
    """How many times the limit that takes longest is used up on the way."""
    load: float
    """Seconds of the limit that binds most: at this interval all that is permitted is used."""

    def used(self, interval: float) -> float:
        """Return which share of the permitted requests sweeps at this interval use."""
        return self.load / interval

    def fits(self, interval: float) -> bool:
        """Tell whether a sweep ends before the next one is due."""
        return self.seconds < interval and self.used(interval) <= 1

    def least_interval(self) -> int:
        """Return whole seconds that are enough, round trips included."""
        return 1 + math.ceil(max(self.seconds, self.load) + self.windows * _ROUND_TRIP)


def of(requests: Sequence[Request], share: float) -> Budget:
    """Return what requests cost that are sent as fast as a share of their limits allows."""
    charges = Counter(limit for request in requests for limit in request.limits)
    budget = Budget(len(requests), 0.0, 0, 0.0)
    for limit, count in charges.items():
        window = Window(limit, share, now=0.0)
        windows = math.ceil(count / window.count) - 1
        budget = Budget(
            len(requests),
            max(budget.seconds, windows * window.seconds),
            max(budget.windows, windows),
            max(budget.load, count / window.count * limit.seconds),
        )
    return budget
