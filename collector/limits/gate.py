"""One budget: its window, the round trips seen in it, and how often the venue refused."""

import math
from collections.abc import Callable

from collector.limits.window import RoundTrips, Window


class Gate:
    """One budget; how many may pass is a question of the moment."""

    def __init__(self, window: Window, clock: Callable[[], float]) -> None:
        self.window = window
        self.round_trips = RoundTrips()
        self.refusals = 0
        self.refused_at = -math.inf
        self._clock = clock

    def room(self) -> int:
        """Return how many requests may be sent at this moment."""
        return self.window.room(self._clock(), self.round_trips.credit())

    def room_in(self, seconds: float) -> int:
        """Return how many more could be sent at the most, if nobody passed for so long."""
        return self.window.room_in(seconds, self._clock(), self.round_trips.credit())

    def next_room(self) -> float | None:
        """Return when to look again; None if only a reply can make room."""
        return self.window.next_room(self._clock(), self.round_trips.credit())
