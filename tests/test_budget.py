"""What a sweep costs of a venue's limits, and which interval it needs."""

import pytest

from collector import budget
from collector.venues import VENUES
from collector.venues.spec import RateLimit, Request
from tests.rows import instrument

SHORT = RateLimit("short", 20, 1, "test")
LONG = RateLimit("long", 100, 60, "test")


def requests(count: int, *limits: RateLimit) -> list[Request]:
    """Return so many requests, each charged to the limits."""
    return [Request("/", limits)] * count


def test_a_single_request_takes_no_time() -> None:
    """A venue that answers in one is limited by nothing but its round trip."""
    found = budget.of(requests(1, SHORT), 1.0)

    assert (found.seconds, found.used(60)) == (0.0, 1 / 20 / 60)
    assert found.fits(1)


def test_the_first_window_is_free_and_each_further_one_counts() -> None:
    """865 requests at 20 a second are 44 windows, of which 43 are waited for."""
    found = budget.of(requests(865, SHORT), 1.0)

    assert found.seconds == pytest.approx(43.1, abs=0.05)
    assert found.used(60) == pytest.approx(0.721, abs=0.001)
    assert found.fits(60)
    assert not found.fits(43)


def test_a_share_makes_it_longer() -> None:
    """Half of the limit, twice the time, more or less."""
    found = budget.of(requests(865, SHORT), 0.5)

    assert found.seconds == pytest.approx(86.3, abs=0.1)
    assert found.used(60) == pytest.approx(1.44, abs=0.01)
    assert not found.fits(60)


def test_the_limit_that_binds_most_decides() -> None:
    """Sixty requests go quickly, but a hundred a minute is all that the long window permits."""
    found = budget.of(requests(60, SHORT, LONG), 1.0)

    assert found.seconds == pytest.approx(2, abs=0.1)
    assert found.used(30) == pytest.approx(1.2)
    assert not found.fits(30)
    assert found.fits(36)


@pytest.mark.parametrize("count", [1, 21, 100, 500, 865, 3000])
def test_the_interval_that_is_offered_can_be_met(count: int) -> None:
    """What `check` offers in place of what it refuses is not refused the next time."""
    bitget = VENUES["bitget"].plan([instrument(str(number)) for number in range(count)])
    for share in (1.0, 0.5, 0.05):
        found = budget.of(bitget, share)

        assert found.fits(found.least_interval())


def test_nothing_costs_nothing() -> None:
    """A venue without instruments needs no time."""
    assert budget.of([], 1.0).fits(1)
