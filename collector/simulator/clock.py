"""The two clocks of the simulator, passed in so that a test can hold them still."""

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Clock:
    """The monotonic clock stamps arrivals, the wall clock replies; both in nanoseconds."""

    monotonic_ns: Callable[[], int] = time.monotonic_ns
    wall_ns: Callable[[], int] = time.time_ns

    def wall_ms(self) -> int:
        """Unix time in milliseconds, the unit of every venue here."""
        return self.wall_ns() // 1_000_000
