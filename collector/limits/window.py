"""The arithmetic of the limiter: it is told the time and never asks for it."""

import bisect
import itertools
import math
from collections import deque
from statistics import median

from collector.venues.spec import RateLimit

_CLOCK_RATE = 1.001
_CLOCK_STEP = 0.002  # seconds
"""Our second and the venue's may differ by a part in a thousand, and it may count whole ms."""

_UNHEARD_SECONDS = 30.0
"""How long a venue that stands still may leave a request lying before it counts it after all."""

_REMEMBERED_START = 10.0  # seconds
"""A window up to this long starts as if a process before this one had just used it up."""


class RoundTrips:
    """The round trips of one budget, and how much earlier they let a slot be given back."""

    _ENOUGH = 60
    _ENOUGH_SECONDS = 2.0
    """The first burst is no measure: whatever held it up on its way held up all of it."""
    _SHARE = 0.75

    def __init__(self) -> None:
        self._fastest = math.inf
        self._recent: deque[float] = deque(maxlen=64)
        self._hosts: set[str] = set()
        self._first = math.inf
        self._last = -math.inf
        self._credit: float | None = 0.0
        """None if it has to be worked out anew."""

    def observe(self, host: str, sent_at: float, now: float) -> None:
        """Take note of a reply that comes now, to a request that really left at `sent_at`."""
        seconds = now - sent_at
        self._first = min(self._first, now)
        self._last = now
        self._hosts.add(host)
        self._fastest = min(self._fastest, seconds)
        self._recent.append(seconds)
        self._credit = None

    def credit(self) -> float:
        """Return how many seconds before its window is over a slot may be given back.

        The fastest round trip seen overstates f + r: by what the network may gain one day (a
        quarter of it is kept back for that), and by the luck that there and back were not at their
        best together (half of the distance from the fastest to the median is kept back for that).

        Zero until there are enough replies, and where several hosts share the budget: a request to
        one and a reply from another have no round trip in common.
        """
        if self._credit is None:
            self._credit = self._worked_out()
        return self._credit

    def _worked_out(self) -> float:
        seen_for = self._last - self._first
        if len(self._recent) < self._ENOUGH or seen_for < self._ENOUGH_SECONDS:
            return 0.0
        if len(self._hosts) > 1:
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
        self._taken = 0
        self._over = 0
        self._ends: deque[float] = deque()
        """When each request that was answered is out of the window for certain."""
        self._given_up: deque[float] = deque()
        """The same for each that was not; there is no credit on these."""
        self._unheard: deque[tuple[float, float]] = deque()
        """Of each that has left, and of which nothing was heard: given up when, and held until."""
        self._others: deque[tuple[int, float]] = deque()
        """How many others used, the most first, and until when that counts."""
        if limit.seconds <= _REMEMBERED_START:
            self.close(now + self.seconds)

    def used(self, now: float, credit: float = 0.0) -> int:
        """Return how many requests of ours may be in a window with one that is sent now."""
        for ends in (self._ends, self._given_up):
            while ends and ends[0] <= now:
                ends.popleft()
                self._over += 1
        while self._unheard and self._unheard[0][1] <= now:
            self._unheard.popleft()
            self._over += 1
        return self.in_flight + self._held(now, credit)

    def over(self, now: float) -> int:
        """Return how many requests of ours, so far, the venue cannot count any more."""
        self.used(now)
        return self._over

    def room(self, now: float, credit: float = 0.0) -> int:
        """Return how many requests may be sent at this moment."""
        if now < self.closed_until:
            return 0
        while self._others and self._others[0][1] <= now:
            self._others.popleft()
        return self._capacity(now) - self.used(now, credit)

    def room_in(self, seconds: float, now: float, credit: float) -> int:
        """Return how many more could be sent then at the most, if none were sent until then.

        Replies that are under way may come at once, and their slots be back after a window.
        """
        then = now + seconds
        if then < self.closed_until:
            return 0
        under_way = self.in_flight if seconds < self.seconds - credit else 0
        return self._capacity(then) - under_way - self._held(then, credit)

    def _held(self, at: float, credit: float) -> int:
        back = sum(1 for _ in itertools.takewhile(lambda end: end - credit <= at, self._ends))
        unheard = (end for _, end in self._unheard)
        given_up = itertools.chain(self._given_up, unheard)
        return len(self._ends) - back + sum(1 for end in given_up if end > at)

    def _capacity(self, at: float) -> int:
        others = next((count for count, until in self._others if at < until), 0)
        return min(self.count, self.limit.count - others)

    def take(self) -> None:
        """Take a slot; the request may be sent from now on."""
        self.in_flight += 1
        self._taken += 1

    def untake(self) -> None:
        """Give back a slot whose request was never sent."""
        self.in_flight -= 1
        self._taken -= 1

    def give_back(self, now: float) -> None:
        """Give back a slot: the venue has counted its request, and its reply is here."""
        self.in_flight -= 1
        self._ends.append(now + self.seconds)

    def give_up(self, now: float) -> None:
        """Give back a slot: the venue has counted its request by now, if it ever does."""
        self.in_flight -= 1
        self._given_up.append(now + self.seconds)

    def lose(self, now: float) -> None:
        """Hold a slot on: its request has left, and nobody knows when the venue will read it."""
        self.in_flight -= 1
        self._unheard.append((now, now + _UNHEARD_SECONDS + self.seconds))

    def heard(self, sent_at: float, now: float) -> None:
        """Take note of a reply: what was given up before its request was sent is counted by now."""
        while self._unheard and self._unheard[0][0] <= sent_at:
            _, end = self._unheard.popleft()
            bisect.insort(self._given_up, min(end, now + self.seconds))

    def close(self, until: float) -> None:
        """Let nothing through before `until`."""
        self.closed_until = max(self.closed_until, until)

    def remaining(self, left: int, over_at_send: int, now: float) -> None:
        """Believe the venue that only `left` more fit: what cannot be ours, others used.

        The venue counted at some moment between the request's send and now. Of ours it can have
        counted then all that was sent by now, except what was `over` when this request was sent.
        """
        others = self.limit.count - left - (self._taken - over_at_send)
        # A smaller count does not undo a larger one: its reply may be the older of the two.
        while self._others and self._others[-1][0] <= others:
            self._others.pop()
        if others > 0:
            self._others.append((others, now + self.seconds))

    def next_room(self, now: float, credit: float = 0.0) -> float | None:
        """Return when to look again; None if only a reply can make room."""
        if now < self.closed_until:
            return self.closed_until
        ends = (end - credit for end in self._ends if end - credit > now)
        unheard = (end for _, end in self._unheard)
        firsts = (itertools.islice(each, 1) for each in (ends, self._given_up, unheard))
        others = (until for _, until in self._others)
        moments = itertools.chain(*firsts, others)
        return min((moment for moment in moments if moment > now), default=None)
