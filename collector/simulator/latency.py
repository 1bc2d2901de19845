"""How long a request travels: delays before its arrival is stamped and after."""

import asyncio

from collector.simulator.options import SimulatorOptions
from collector.simulator.seeding import seeded


async def pause(seconds: float) -> None:
    """Let time pass; a stopping server cancels the request that waits here."""
    await asyncio.sleep(seconds)  # noqa: TID251 - a simulated delay, cancelled with its request


class Latency:
    """The delays of one simulated network, in seconds, the same for the same seed."""

    def __init__(self, options: SimulatorOptions) -> None:
        self._options = options
        self._rng = seeded(options.seed, "latency")
        self._delays = bool(options.latency_ms or options.jitter_ms or options.slow_rate)

    def draw(self) -> tuple[float, float]:
        """Draw a request's delay before its arrival and after it."""
        if not self._delays:
            return 0.0, 0.0
        options = self._options
        before = after = options.latency_ms / 2000
        jitter = self._rng.uniform(0, options.jitter_ms) / 1000
        slow = options.slow_ms / 1000 if self._rng.random() < options.slow_rate else 0.0
        if options.jitter_after:
            after += jitter
        else:
            before += jitter
        if options.slow_before:
            before += slow
        else:
            after += slow
        return before, after
