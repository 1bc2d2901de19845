"""The limiter: no window at the venue ever holds more requests than the venue documents.

What is known for certain is that the venue counted a request somewhere between our send and its
reply. So a slot is taken before the send and given back one window *after the reply*. Whatever the
network does to requests until then, N + 1 of them can never reach the venue within one window:

    Let j be the one of them that was sent last. When it was sent, at most N slots were taken, its
    own included, so the slot of some other one, i, had been given back by then: j was sent at least
    one window after i's reply, therefore it arrived at least one window after i did.

Where no reply came, the slot is held until one window after a request that was sent later has been
answered, or for half a minute: a venue that stands still counts what has piled up when it goes on.

That costs a round trip per window. Most of it is won back by giving the slot back a `credit`
earlier, and the argument still holds if the credit is at most f + r, where f is the shortest time
that any request needs to reach the venue and r the shortest that any reply needs to come back:

    i arrived r or more before its reply; j arrived f or more after its send. So j arrived at least
    f + r + window - credit, hence one window, after i.

The credit is the one of the moment at which j is sent, so a faster round trip counts at once. f + r
cannot be measured; the fastest round trip seen is close to it, from above. `RoundTrips` says
how far below that the credit stays. `docs/limiter.md` has the whole of it, with figures.
"""

import math
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager

from collector.limits.gate import Gate
from collector.limits.line import Line
from collector.limits.window import Window
from collector.venues.spec import RateLimit

_RETRY_AFTER_MAX = 3600.0  # seconds


class Slot:
    """The right to send one request, and the duty to say what came of it."""

    def __init__(self, line: Line, gates: tuple[Gate, ...], now: float) -> None:
        self._line = line
        self._gates = gates
        self._taken_at = now
        self._sent_at = now
        self._has_left = False
        self._over_at_send = gates[0].window.over(now)
        self._held = True

    def sent(self, now: float) -> None:
        """Say that the request leaves only now: a connection had to be made first."""
        self._sent_at = now
        self._has_left = True

    def answered(self, host: str, now: float, remaining: int | None) -> None:
        """Say that the reply's first bytes came; `remaining` is the venue's own count, if any."""
        if remaining is not None:
            self._gates[0].window.remaining(remaining, self._over_at_send, now)
        for gate in self._gates:
            gate.round_trips.observe(host, self._sent_at, now)
            gate.window.give_back(now)
            gate.window.heard(self._sent_at, now)
        self._held = False
        self._line.grant()

    def accepted(self) -> None:
        """Say that the venue served the request; refusals count from the start again."""
        for gate in self._gates:
            gate.refusals = 0

    def refused(self, now: float, retry_after: float | None, longest: float) -> float:
        """Say that the venue counts too many; return how many seconds it is left alone.

        That is the venue's shortest window, twice as long each further time and `longest` at the
        most, or what the venue asks for if that is more, up to an hour. Replies to requests that
        were under way together count once.
        """
        first = self._gates[0]
        if self._taken_at >= first.refused_at:
            first.refusals += 1
            first.refused_at = now
        shortest = min(gate.window.limit.seconds for gate in self._gates)
        wait = min(longest, shortest * 2.0 ** min(first.refusals - 1, 30))
        if retry_after is not None:
            wait = max(wait, min(retry_after, _RETRY_AFTER_MAX))
        self._line.close(self._gates, now + wait)
        return wait

    def disconnected(self, now: float) -> None:
        """Say that the venue has ended the connection: it counts nothing of it any more."""
        self._has_left = False
        self.abandon(now)

    def abandon(self, now: float) -> None:
        """Say that no reply came, and that nobody waits for one any more.

        If the request has left, the venue may still read it: one that stands still reads all that
        has piled up when it goes on. Then the slot is held until a later request is answered.
        """
        if self._held:
            self._held = False
            for gate in self._gates:
                if self._has_left:
                    gate.window.lose(now)
                else:
                    gate.window.give_up(now)
            self._line.grant()


class Limiter:
    """One gate for each budget, shared by all that name it."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._gates: dict[RateLimit, Gate] = {}
        self._line = Line(clock)

    def declare(self, limits: Iterable[RateLimit], share: float) -> None:
        """Set up the budgets of a venue; where venues share one, the smallest share counts."""
        for limit in limits:
            window = Window(limit, share, self._clock())
            known = self._gates.setdefault(limit, Gate(window, self._clock))
            known.window.count = min(known.window.count, window.count)

    @asynccontextmanager
    async def slot(self, limits: Iterable[RateLimit], deadline: float) -> AsyncIterator[Slot]:
        """Wait until every limit has room, then lend a slot.

        Raises:
            BudgetClosed: there is no room before the deadline.
        """
        gates = tuple(self._gates[limit] for limit in dict.fromkeys(limits))
        await self._line.enter(gates, deadline)
        slot = Slot(self._line, gates, self._clock())
        try:
            yield slot
        finally:
            slot.abandon(self._clock())

    def stop(self) -> None:
        """Let nothing through any more; whoever waits is told."""
        self._line.close(self._gates.values(), math.inf)

    def used(self) -> dict[RateLimit, int]:
        """Return how many slots of each budget are taken now."""
        now = self._clock()
        return {
            limit: gate.window.used(now, gate.round_trips.credit())
            for limit, gate in self._gates.items()
        }
