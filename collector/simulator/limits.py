"""Request limits, enforced as strictly as any reading of the venues' documents allows."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from math import ceil, isfinite
from typing import Protocol

from collector.simulator.windows import SlidingWindow, Tally

SECOND_NS = 1_000_000_000


class LimitError(ValueError):
    """A limit was named or written wrongly."""


@dataclass(frozen=True, slots=True)
class Limit:
    """`count` requests per `window_seconds` and client address; breaking it may cost a penalty."""

    scope: str
    count: int
    window_seconds: float
    penalty_seconds: float = 0.0
    bucket: bool = False

    @property
    def window_ns(self) -> int:
        """The window in nanoseconds."""
        return round(self.window_seconds * SECOND_NS)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a request got in, and what the venue may tell its client about the limit.

    `remaining` and `reset_ns`, until the oldest charge is forgotten, are of the first limit.
    """

    accepted: bool
    limit: Limit
    remaining: int
    reset_ns: int
    wait_ns: int

    @property
    def wait_seconds(self) -> int:
        """Whole seconds after which a request would get in, for Retry-After."""
        return max(1, ceil(self.wait_ns / SECOND_NS))


class Account(Protocol):
    """One client's standing with one limit."""

    def wait_ns(self, now_ns: int) -> int:
        """Say how long a request would have to wait; 0 when it may come now."""

    def charge(self, now_ns: int) -> None:
        """Count a request."""

    def remaining(self, now_ns: int) -> int:
        """Say how many more requests may come now."""

    def reset_ns(self, now_ns: int) -> int:
        """Say how long until the oldest charge is forgotten."""


class WindowAccount:
    """A strict sliding window: (t - window, t] never holds more than `count` charged arrivals."""

    __slots__ = ("_limit", "_window")

    def __init__(self, limit: Limit) -> None:
        self._limit = limit
        self._window = SlidingWindow(limit.window_ns)

    def wait_ns(self, now_ns: int) -> int:
        """Say how long until an old request leaves the window."""
        return self._window.wait_ns(now_ns, self._limit.count)

    def charge(self, now_ns: int) -> None:
        """Put a request into the window."""
        self._window.add(now_ns)

    def remaining(self, now_ns: int) -> int:
        """Say how many more the window takes."""
        return max(0, self._limit.count - self._window.held(now_ns))

    def reset_ns(self, now_ns: int) -> int:
        """Say how long until the oldest request leaves."""
        return self._window.wait_ns(now_ns, self._window.held(now_ns) or 1)


class BucketAccount:
    """A token bucket: full at first, refilled evenly (Synthetix's newest statement, facts 3.4)."""

    __slots__ = ("_cost", "_count", "_full", "_level", "_seen_ns", "_window_ns")

    def __init__(self, limit: Limit, cost: int) -> None:
        # One token is `window_ns` units, so that a nanosecond refills `count` units exactly.
        self._window_ns = limit.window_ns
        self._count = limit.count
        self._cost = cost * self._window_ns
        self._full = self._level = limit.count * self._window_ns
        self._seen_ns: int | None = None

    def _refill(self, now_ns: int) -> None:
        if self._seen_ns is not None:
            self._level = min(self._full, self._level + (now_ns - self._seen_ns) * self._count)
        self._seen_ns = now_ns

    def wait_ns(self, now_ns: int) -> int:
        """Say how long until the bucket holds the cost of a request."""
        self._refill(now_ns)
        missing = self._cost - self._level
        return 0 if missing <= 0 else -(-missing // self._count)

    def charge(self, now_ns: int) -> None:
        """Take a request's tokens out."""
        self._refill(now_ns)
        self._level = max(0, self._level - self._cost)

    def remaining(self, now_ns: int) -> int:
        """Say how many requests the tokens are good for."""
        self._refill(now_ns)
        return self._level // self._cost

    def reset_ns(self, now_ns: int) -> int:
        """Say how long until the bucket is full."""
        self._refill(now_ns)
        return -((self._level - self._full) // self._count)


class Meter:
    """One limit as its venue keeps it: an account, and perhaps a penalty, for each client."""

    def __init__(self, limit: Limit, bucket_cost: int) -> None:
        self.limit = limit
        self.tally = Tally(limit.window_ns)
        self._bucket_cost = bucket_cost
        self.forgive()

    def forgive(self) -> None:
        """Forget every charge and penalty, as if the venue had just started."""
        self._accounts: dict[str, Account] = {}
        self._banned_until_ns: dict[str, int] = {}

    def account(self, client: str) -> Account:
        """Find or open a client's account."""
        account = self._accounts.get(client)
        if account is None:
            limit = self.limit
            bucket = limit.bucket
            account = BucketAccount(limit, self._bucket_cost) if bucket else WindowAccount(limit)
            self._accounts[client] = account
        return account

    def wait_ns(self, client: str, now_ns: int) -> int:
        """Say how long the client must stay away; breaking the limit starts the penalty."""
        if self._banned_until_ns:
            ban = self._banned_until_ns.get(client, 0) - now_ns
            if ban > 0:
                return ban
        wait = self.account(client).wait_ns(now_ns)
        if wait and self.limit.penalty_seconds:
            wait = round(self.limit.penalty_seconds * SECOND_NS)
            self._banned_until_ns[client] = now_ns + wait
        return wait


class LimitBoard:
    """All limits of all venues; a request is judged by every limit of its endpoint at once."""

    def __init__(
        self,
        limits: Iterable[Limit],
        *,
        enforce: bool = True,
        charge_rejected: bool = False,
        bucket_cost: int = 1,
    ) -> None:
        self.meters = {limit.scope: Meter(limit, bucket_cost) for limit in limits}
        self._enforce = enforce
        self._charge_rejected = charge_rejected

    def admit(self, scopes: Sequence[str], client: str, now_ns: int) -> Verdict:
        """Judge a request that arrives now, and count it."""
        meters = [self.meters[scope] for scope in scopes]
        wait = 0
        if self._enforce:
            for meter in meters:
                wait = max(wait, meter.wait_ns(client, now_ns))
        accepted = wait == 0
        for meter in meters:
            if accepted or self._charge_rejected:
                meter.account(client).charge(now_ns)
            meter.tally.record(client, now_ns, accepted=accepted)
        first = meters[0]
        account = first.account(client)
        remaining = account.remaining(now_ns) if accepted else 0
        reset = account.reset_ns(now_ns) if accepted else wait
        return Verdict(accepted, first.limit, remaining, reset, wait)


def override(limits: Iterable[Limit], texts: Iterable[str]) -> list[Limit]:
    """Apply `SCOPE=COUNT/SECONDS` settings, such as `bitget.total=600/60`."""
    found = {limit.scope: limit for limit in limits}
    for text in texts:
        scope, _, rate = text.partition("=")
        count, _, seconds = rate.partition("/")
        if scope not in found:
            raise LimitError(f"limit {text!r}: no scope {scope!r}; there are {', '.join(found)}")
        try:
            number, window = int(count), float(seconds)
        except ValueError:
            raise LimitError(f"limit {text!r}: write SCOPE=COUNT/SECONDS") from None
        if number < 1 or not isfinite(window) or window <= 0:
            raise LimitError(f"limit {text!r}: count and seconds must be above zero")
        found[scope] = replace(found[scope], count=number, window_seconds=window)
    return list(found.values())
