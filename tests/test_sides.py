"""How many sides a venue counts: what it declares, and what the operator says instead."""

import re
from pathlib import Path

import pytest

from collector.config import load
from collector.models import Basis, Sides, SidesRule
from collector.sides import rules
from collector.venues import VENUES
from collector.venues.spec import Venue

PAGES = Path(__file__).parents[1] / "docs" / "venues"


@pytest.mark.parametrize(
    ("venue", "sides", "basis"),
    [
        ("bitget", Sides.ONE, Basis.MEASURED),
        ("htx", Sides.ONE, Basis.MEASURED),
        ("synthetix", Sides.BOTH, Basis.DOCUMENTED),
    ],
)
def test_without_a_setting_the_venues_own_rule_holds(
    venue: str, sides: Sides, basis: Basis
) -> None:
    """Each with what makes us believe it."""
    rule = rules(load(None, {}))[venue]

    assert (sides, basis) == (rule.sides, rule.basis)
    assert rule == VENUES[venue].sides


@pytest.mark.parametrize("said", ["one", "both", "unknown"])
def test_the_operator_has_the_last_word(said: str) -> None:
    """Even where it is what the venue's rule says: a later release does not change it then."""
    found = rules(load(None, {"COLLECTOR__VENUES__HTX__SIDES": said}))

    assert SidesRule(Sides(said), Basis.CONFIGURED, "set as venues.htx.sides") == found["htx"]
    assert VENUES["bitget"].sides == found["bitget"]


def test_a_venue_that_is_not_polled_is_left_to_others() -> None:
    """Another collector may poll it, and have its own opinion; what is set here counts."""
    disabled = {"COLLECTOR__VENUES__HTX__ENABLED": "false"}

    assert set(VENUES) - {"htx"} == set(rules(load(None, disabled)))
    assert "htx" in rules(load(None, disabled | {"COLLECTOR__VENUES__HTX__SIDES": "one"}))


@pytest.mark.parametrize("venue", VENUES.values(), ids=VENUES)
def test_the_venues_page_says_the_same(venue: Venue) -> None:
    """Its row about sides ends with the rule and how it is known; the reason names the page."""
    page = (PAGES / f"{venue.name}.md").read_text(encoding="utf-8")

    rule = f"`{venue.sides.sides}`, {venue.sides.basis}"
    assert re.search(rf"^\| sides \| .*{re.escape(rule)} \|$", page, re.MULTILINE)
    assert venue.sides.reason.endswith(f"docs/venues/{venue.name}.md")
