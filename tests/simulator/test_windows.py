"""Sliding windows and limits, against oracles that look at every window there is."""

from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.simulator.limits import Limit, LimitBoard, LimitError, override
from collector.simulator.windows import SlidingWindow, Tally

WIDTH = 10
# Small gaps, so that arrivals share instants and lie exactly one width apart.
gaps = st.lists(st.integers(0, 12), max_size=60)


def fullest(times: list[int]) -> int:
    """Count the arrivals of the fullest window [t, t + WIDTH), starting it at every instant."""
    starts = range(-WIDTH, (times[-1] if times else 0) + 1)
    return max(sum(t <= time < t + WIDTH for time in times) for t in starts)


@given(gaps)
def test_most_is_the_fullest_half_open_window(given_gaps: list[int]) -> None:
    """The running maximum equals the one found by trying every window."""
    times = list(accumulate(given_gaps))
    window = SlidingWindow(WIDTH)
    for time in times:
        window.add(time)
    assert fullest(times) == window.most


@given(gaps, st.integers(1, 5), st.booleans())
def test_a_limit_admits_exactly_what_the_strict_window_allows(
    given_gaps: list[int],
    count: int,
    charge_rejected: bool,  # noqa: FBT001 - hypothesis passes it by position
) -> None:
    """A request is refused if and only if (t - W, t] already holds `count` charged arrivals."""
    limit = Limit("x", count, WIDTH / 1e9)
    board = LimitBoard([limit], charge_rejected=charge_rejected)
    charged: list[int] = []
    for time in accumulate(given_gaps):
        expected = sum(time - WIDTH < each <= time for each in charged) < count
        verdict = board.admit(("x",), "client", time)
        assert expected == verdict.accepted
        if expected or charge_rejected:
            charged.append(time)
        if not charge_rejected:
            # The wait that is told is the shortest one that helps.
            held = [each for each in charged if time + verdict.wait_ns - WIDTH < each]
            assert verdict.accepted or len(held) < count
            earlier = [each for each in charged if time + verdict.wait_ns - 1 - WIDTH < each]
            assert verdict.accepted or len(earlier) >= count


@given(gaps, st.integers(1, 5))
def test_accepted_requests_never_exceed_the_limit_in_any_window(
    given_gaps: list[int], count: int
) -> None:
    """Whatever arrives, the fullest window of accepted requests holds at most `count`."""
    board = LimitBoard([Limit("x", count, WIDTH / 1e9)])
    times = list(accumulate(given_gaps))
    accepted = [time for time in times if board.admit(("x",), "client", time).accepted]
    report = board.meters["x"].tally.report()
    assert fullest(accepted) == report["most_accepted_in_window"] <= count
    assert fullest(times) == report["most_arrivals_in_window"]
    assert (len(times), len(accepted)) == (report["requests"], report["accepted"])
    assert len(times) - len(accepted) == report["rejected"]


@given(gaps, st.integers(1, 4), st.integers(1, 3))
def test_a_bucket_never_gives_more_than_it_holds_and_refills(
    given_gaps: list[int], count: int, cost: int
) -> None:
    """From an idle start no span d sees more than count * (1 + d/W) tokens taken."""
    board = LimitBoard([Limit("x", count, WIDTH / 1e9, bucket=True)], bucket_cost=cost)
    taken: list[int] = []
    for time in accumulate(given_gaps):
        if board.admit(("x",), "client", time).accepted:
            taken.append(time)
        for first in taken:
            tokens = cost * sum(first <= each <= time for each in taken)
            assert tokens <= count * (1 + (time - first) / WIDTH) + 1e-9


def test_two_arrivals_exactly_one_width_apart_never_share_a_window() -> None:
    """The window is half-open, so the arrival that is one width old has left."""
    window = SlidingWindow(WIDTH)
    window.add(0)
    assert (window.held(WIDTH - 1), window.held(WIDTH)) == (1, 0)


def test_memory_is_bounded_by_what_one_window_holds() -> None:
    """Arrivals older than the window are forgotten."""
    window = SlidingWindow(WIDTH)
    for time in range(10_000):
        window.add(time)
    assert (window.held(9_999), window.most) == (WIDTH, WIDTH)


def test_clients_are_metered_apart() -> None:
    """The most of any one client is reported, not the sum."""
    tally = Tally(WIDTH)
    for client in ("a", "b", "b"):
        tally.record(client, 0, accepted=client == "a")
    expected = {"requests": 3, "accepted": 1, "rejected": 2, "clients": 2}
    expected |= {"most_accepted_in_window": 1, "most_arrivals_in_window": 2}
    assert expected == tally.report()


def test_a_broken_limit_starts_its_penalty_once() -> None:
    """During a penalty all is refused, even in an empty window; it ends when it was said to."""
    board = LimitBoard([Limit("x", 1, WIDTH / 1e9, penalty_seconds=100 / 1e9)])
    verdicts = [board.admit(("x",), "client", time) for time in (0, 5, 50, 104, 105)]
    assert [each.accepted for each in verdicts] == [True, False, False, False, True]
    assert [each.wait_ns for each in verdicts] == [0, 100, 55, 1, 0]


def test_a_request_refused_by_one_limit_is_charged_to_none() -> None:
    """A full short window does not use up the long one."""
    board = LimitBoard([Limit("short", 1, 1e-9), Limit("long", 2, 1e-6)])
    verdicts = [board.admit(("short", "long"), "client", time).accepted for time in (0, 0, 1)]
    assert verdicts == [True, False, True]


def test_a_limit_can_be_overridden_by_its_scope() -> None:
    """The count and the window change and the penalty stays."""
    limits = [Limit("a", 1, 1), Limit("b", 2, 2, penalty_seconds=3)]
    assert [Limit("a", 1, 1), Limit("b", 7, 0.5, 3)] == override(limits, ["b=7/0.5"])


@pytest.mark.parametrize("text", ["", "c=1/1", "a", "a=1", "a=0/1", "a=1/0", "a=x/1", "a=1/inf"])
def test_a_bad_override_is_refused_with_its_text(text: str) -> None:
    """The message quotes what was written."""
    with pytest.raises(LimitError, match=f"limit {text!r}"):
        override([Limit("a", 1, 1)], [text])
