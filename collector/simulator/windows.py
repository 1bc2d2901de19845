"""Strict sliding windows over arrival times, in whole nanoseconds: rounding hides none."""

from collections import deque


class SlidingWindow:
    """The arrivals of the last `width_ns`, and the most that any such window ever held.

    The window is half-open: two arrivals exactly one width apart are never in it together. Times
    must not decrease. Memory is one integer for each arrival of the last width.
    """

    __slots__ = ("_times", "most", "width_ns")

    def __init__(self, width_ns: int) -> None:
        self.width_ns = width_ns
        self.most = 0
        self._times: deque[int] = deque()

    def add(self, now_ns: int) -> None:
        """Record an arrival."""
        times = self._times
        expired = now_ns - self.width_ns
        while times and times[0] <= expired:
            times.popleft()
        times.append(now_ns)
        # The fullest window ends at an arrival, so looking at each arrival misses none.
        self.most = max(self.most, len(times))

    def held(self, now_ns: int) -> int:
        """Count the arrivals in (now - width, now]."""
        times = self._times
        expired = now_ns - self.width_ns
        while times and times[0] <= expired:
            times.popleft()
        return len(times)

    def wait_ns(self, now_ns: int, count: int) -> int:
        """Say how long until fewer than `count` arrivals are held; 0 when that is so already."""
        surplus = self.held(now_ns) - count
        return 0 if surplus < 0 else self._times[surplus] + self.width_ns - now_ns


class Tally:
    """What one limit or one endpoint saw: requests, and the fullest window of any one client.

    Limits are per client address, so the windows are too; the figures are of the busiest client.
    """

    __slots__ = ("_windows", "accepted", "rejected", "width_ns")

    def __init__(self, width_ns: int) -> None:
        self.width_ns = width_ns
        self.reset()

    def reset(self) -> None:
        """Forget everything counted so far."""
        self.accepted = 0
        self.rejected = 0
        self._windows: dict[str, tuple[SlidingWindow, SlidingWindow]] = {}

    def record(self, client: str, now_ns: int, *, accepted: bool) -> None:
        """Count one arrival."""
        windows = self._windows.get(client)
        if windows is None:
            windows = (SlidingWindow(self.width_ns), SlidingWindow(self.width_ns))
            self._windows[client] = windows
        windows[0].add(now_ns)
        if accepted:
            self.accepted += 1
            windows[1].add(now_ns)
        else:
            self.rejected += 1

    def report(self) -> dict[str, int]:
        """Give the figures as `/_sim/stats` shows them."""
        windows = self._windows.values()
        return {
            "requests": self.accepted + self.rejected,
            "accepted": self.accepted,
            "rejected": self.rejected,
            "clients": len(windows),
            "most_accepted_in_window": max((accepted.most for _, accepted in windows), default=0),
            "most_arrivals_in_window": max((arrivals.most for arrivals, _ in windows), default=0),
        }
