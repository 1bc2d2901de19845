"""A queue in front of a window: first come, first served, and nobody waits for nothing."""

import asyncio
import math
from collections import deque
from collections.abc import Callable

from collector.errors import BudgetClosed
from collector.limits.window import RoundTrips, Window


class Gate:
    """A queue in front of a window, first come first served."""

    def __init__(self, window: Window, clock: Callable[[], float]) -> None:
        self.window = window
        self.round_trips = RoundTrips()
        self.refusals = 0
        self.refused_at = -math.inf
        self._clock = clock
        self._waiting: deque[tuple[asyncio.Future[None], float]] = deque()
        self._timer: asyncio.TimerHandle | None = None

    def room(self) -> int:
        """Return how many requests may be sent at this moment."""
        return self.window.room(self._clock(), self.round_trips.credit())

    async def enter(self, deadline: float) -> None:
        """Wait for a slot and take it.

        Raises:
            BudgetClosed: there will be none before the deadline.
        """
        if not self._waiting and self.room() > 0:
            self.window.take()
            return
        if self.window.closed_until > deadline:
            raise self._closed()
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        entry = (turn, deadline)
        self._waiting.append(entry)
        self.grant()
        try:
            async with asyncio.timeout_at(deadline):
                await turn
        except TimeoutError:
            self._leave(entry)
            raise self._closed() from None
        except BaseException:
            self._leave(entry)
            raise

    def grant(self) -> None:
        """Let in as many as there is room for, and look again when there may be more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        now = self._clock()
        room = self.room()
        while self._waiting and room > 0:
            turn, _ = self._waiting.popleft()
            if not turn.done():
                self.window.take()
                turn.set_result(None)
                room -= 1
        later = self.window.next_room(now, self.round_trips.credit()) if self._waiting else None
        if later is not None:
            self._timer = asyncio.get_running_loop().call_at(later, self.grant)

    def close(self, until: float) -> None:
        """Shut the gate; who cannot wait that long is told at once."""
        self.window.close(until)
        for turn, deadline in self._waiting:
            if deadline < until and not turn.done():
                turn.set_exception(self._closed())
        self.grant()

    def _leave(self, entry: tuple[asyncio.Future[None], float]) -> None:
        turn, _ = entry
        if turn.done() and not turn.cancelled() and turn.exception() is None:
            self.window.untake()
        elif entry in self._waiting:
            self._waiting.remove(entry)
        self.grant()

    def _closed(self) -> BudgetClosed:
        wait = max(0.0, self.window.closed_until - self._clock())
        return BudgetClosed(
            f"the budget of {self.window.limit.scope} stays shut beyond the poll's deadline",
            retry_after=wait,
        )
