"""How much room there may be in a while: what decides whether a place is kept for somebody."""

import pytest

from collector.limits.window import Window
from collector.venues.spec import RateLimit


@pytest.fixture
def window() -> Window:
    """Three in a minute, none used."""
    return Window(RateLimit("long", 3, 60, "test"), 1.0, now=0.0)


def test_what_is_under_way_is_back_after_a_window_at_the_earliest(window: Window) -> None:
    """Its reply may come at once; the window after it is long."""
    window.take()

    assert window.room_in(59, now=0, credit=0) == 2
    assert window.room_in(61, now=0, credit=0) == 3


def test_what_was_answered_is_back_after_its_window(window: Window) -> None:
    """Earlier by the credit; there is none on what was given up."""
    for _ in range(2):
        window.take()
    window.give_back(0)
    window.give_up(0)

    assert window.room_in(59, now=0, credit=0) == 1
    assert window.room_in(59, now=0, credit=2) == 2
    assert window.room_in(61, now=0, credit=0) == 3


def test_there_is_no_room_before_a_pause_is_over(window: Window) -> None:
    """The venue asked for it."""
    window.close(30)

    assert window.room_in(29, now=0, credit=0) == 0
    assert window.room_in(31, now=0, credit=0) == 3


def test_what_others_used_is_back_after_a_window(window: Window) -> None:
    """The venue counts two more than are ours."""
    window.remaining(1, over_at_send=0, now=0)

    assert window.room_in(59, now=0, credit=0) == 1
    assert window.room_in(61, now=0, credit=0) == 3


def test_what_others_used_is_looked_at_again_when_it_is_over(window: Window) -> None:
    """Our own slot is back before, by the credit, and no reply will come that would tell."""
    window.take()
    window.give_back(0)
    window.remaining(-20, over_at_send=0, now=0)

    assert window.room(59, credit=2) < 1
    assert window.next_room(59, credit=2) == pytest.approx(60, abs=0.1)


def test_a_request_that_was_never_sent_is_not_taken_for_ours(window: Window) -> None:
    """The venue counts two, and one of them is ours."""
    window.take()
    window.untake()
    window.take()
    window.remaining(1, over_at_send=0, now=0)

    assert window.room(0) == 1
