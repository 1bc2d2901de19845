"""The limiter: no window at the venue ever holds more requests than the venue documents.

What is known for certain is that the venue counted a request somewhere between our send and its
reply. So a slot is taken before the send and given back one window *after the reply*. Whatever the
network does, N + 1 requests can then never reach the venue within one window:

    Let j be the one of them that was sent last. When it was sent, at most N slots were taken, its
    own included, so the slot of some other one, i, had been given back by then: j was sent at least
    one window after i's reply, therefore it arrived at least one window after i did.

That costs a round trip per window. Most of it is won back by giving the slot back a `credit`
earlier, and the argument still holds if the credit is at most f + r, where f is the shortest time
that any request needs to reach the venue and r the shortest that any reply needs to come back:

    i arrived r or more before its reply; j arrived f or more after its send. So j arrived at least
    f + r + window - credit, hence one window, after i.

f + r cannot be measured; the fastest round trip seen is close to it, from above. `RoundTrips` says
how far below that the credit stays. `docs/limiter.md` has the whole of it, with figures.
"""

import asyncio
import heapq
import math
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from statistics import median

from collector.errors import BudgetClosed
from collector.venues.spec import RateLimit

_CLOCK_RATE = 1.001
_CLOCK_STEP = 0.002  # seconds
"""Our second and the venue's may differ by a part in a thousand, and it may count whole ms."""

_REMEMBERED_START = 10.0  # seconds
"""A window up to this long starts as if a process before this one had just used it up."""

_RETRY_AFTER_MAX = 3600.0  # seconds


class RoundTrips:
    """The round trips of one budget, and how much earlier they let a slot be given back."""

    _ENOUGH = 20
    _SHARE = 0.75

    def __init__(self) -> None:
        self._fastest = math.inf
        self._recent: deque[float] = deque(maxlen=64)
        self._hosts: set[str] = set()

    def observe(self, host: str, seconds: float) -> None:
        """Take note of one reply that came `seconds` after its request was sent."""
        self._hosts.add(host)
        self._fastest = min(self._fastest, seconds)
        self._recent.append(seconds)

    def credit(self) -> float:
        """Return how many seconds before its window is over a slot may be given back.

        The fastest round trip seen overstates f + r: by what the network may gain one day (a
        quarter of it is kept back for that), and by the luck that there and back were not at their
        best together (half of the distance from the fastest to the median is kept back for that).

        Zero until there are enough replies, and where several hosts share the budget: a request to
        one and a reply from another have no round trip in common.
        """
        if len(self._recent) < self._ENOUGH or len(self._hosts) > 1:
            return 0.0
        spread = median(self._recent) - self._fastest
        return max(0.0, min(self._SHARE * self._fastest, self._fastest - spread / 2))


class Window:
    """The state of one `RateLimit`; it is told the time and never asks for it."""

    def __init__(self, limit: RateLimit, share: float, now: float) -> None:
        self.limit = limit
        self.count = math.floor(limit.count * share)
        if self.count < 1:
            raise ValueError(f"a share of {share} leaves no request of {limit.count}")
        self.seconds = limit.seconds * _CLOCK_RATE + _CLOCK_STEP
        self.in_flight = 0
        self.closed_until = -math.inf
        self._returns: list[float] = []
        self._others = 0
        self._others_until = -math.inf
        if limit.seconds <= _REMEMBERED_START:
            self.close(now + self.seconds)

    def used(self, now: float) -> int:
        """Return how many requests of ours the venue may count at this moment."""
        while self._returns and self._returns[0] <= now:
            heapq.heappop(self._returns)
        return self.in_flight + len(self._returns)

    def room(self, now: float) -> int:
        """Return how many requests may be sent at this moment."""
        if now < self.closed_until:
            return 0
        others = self._others if now < self._others_until else 0
        return min(self.count, self.limit.count - others) - self.used(now)

    def take(self) -> None:
        """Take a slot; the request may be sent from now on."""
        self.in_flight += 1

    def untake(self) -> None:
        """Give back a slot whose request was never sent."""
        self.in_flight -= 1

    def give_back(self, now: float, credit: float = 0.0) -> None:
        """Give back a slot: the venue has counted its request by now, if it ever does."""
        self.in_flight -= 1
        heapq.heappush(self._returns, now + self.seconds - credit)

    def close(self, until: float) -> None:
        """Let nothing through before `until`."""
        self.closed_until = max(self.closed_until, until)

    def remaining(self, left: int, now: float) -> None:
        """Believe the venue that only `left` more fit: what we did not use, others did."""
        others = self.limit.count - left - self.used(now)
        if others > 0:
            self._others = others
            self._others_until = now + self.seconds

    def next_room(self, now: float) -> float | None:
        """Return when to look again; None if only a reply can make room."""
        if now < self.closed_until:
            return self.closed_until
        moments = self._returns[:1]
        if now < self._others_until:
            moments.append(self._others_until)
        return min(moments, default=None)


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

    async def enter(self, deadline: float) -> None:
        """Wait for a slot and take it.

        Raises:
            BudgetClosed: there will be none before the deadline.
        """
        if not self._waiting and self.window.room(self._clock()) > 0:
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
        room = self.window.room(now)
        while self._waiting and room > 0:
            turn, _ = self._waiting.popleft()
            if not turn.done():
                self.window.take()
                turn.set_result(None)
                room -= 1
        later = self.window.next_room(now) if self._waiting else None
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


class Slot:
    """The right to send one request, and the duty to say what came of it."""

    def __init__(self, gates: list[Gate], now: float) -> None:
        self._gates = gates
        self._sent_at = now
        self._held = True

    def answered(self, host: str, now: float, remaining: int | None) -> None:
        """Say that the reply's first bytes came; `remaining` is the venue's own count, if any."""
        if remaining is not None:
            self._gates[0].window.remaining(remaining, now)
        for gate in self._gates:
            gate.round_trips.observe(host, now - self._sent_at)
            gate.window.give_back(now, gate.round_trips.credit())
            gate.grant()
        self._held = False

    def accepted(self) -> None:
        """Say that the venue served the request; refusals count from the start again."""
        for gate in self._gates:
            gate.refusals = 0

    def refused(self, now: float, retry_after: float | None, longest: float) -> float:
        """Say that the venue counts too many; return how many seconds it is left alone.

        Without a word from the venue that is its shortest window, twice as long each further time,
        and `longest` at the most. Replies to requests that were under way together count once.
        """
        first = self._gates[0]
        if self._sent_at >= first.refused_at:
            first.refusals += 1
            first.refused_at = now
        if retry_after is None:
            shortest = min(gate.window.limit.seconds for gate in self._gates)
            retry_after = min(longest, shortest * 2.0 ** min(first.refusals - 1, 30))
        wait = min(retry_after, _RETRY_AFTER_MAX)
        for gate in self._gates:
            gate.close(now + wait)
        return wait

    def abandon(self, now: float) -> None:
        """Say that no reply came; the venue may have counted the request up to now."""
        if self._held:
            self._held = False
            for gate in self._gates:
                gate.window.give_back(now)
                gate.grant()


class Limiter:
    """One gate for each budget, shared by all that name it."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._gates: dict[RateLimit, Gate] = {}

    def declare(self, limits: Iterable[RateLimit], share: float) -> None:
        """Set up the budgets of a venue; where venues share one, the smallest share counts."""
        for limit in limits:
            window = Window(limit, share, self._clock())
            known = self._gates.get(limit)
            if known is None or window.count < known.window.count:
                self._gates[limit] = Gate(window, self._clock)

    @asynccontextmanager
    async def slot(self, limits: Iterable[RateLimit], deadline: float) -> AsyncIterator[Slot]:
        """Wait until every limit has room, then lend a slot.

        Raises:
            BudgetClosed: there is no room before the deadline.
        """
        gates: list[Gate] = []
        try:
            for limit in limits:
                gate = self._gates[limit]
                await gate.enter(deadline)
                gates.append(gate)
        except BaseException:
            for gate in gates:
                gate.window.untake()
                gate.grant()
            raise
        slot = Slot(gates, self._clock())
        try:
            yield slot
        finally:
            slot.abandon(self._clock())

    def stop(self) -> None:
        """Let nothing through any more; whoever waits is told."""
        for gate in self._gates.values():
            gate.close(math.inf)

    def used(self) -> dict[RateLimit, int]:
        """Return how many slots of each budget are taken now."""
        now = self._clock()
        return {limit: gate.window.used(now) for limit, gate in self._gates.items()}
