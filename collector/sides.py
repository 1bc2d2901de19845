"""Which rule holds for each venue: how many sides of a matched pair its figures count."""

from collections.abc import Mapping

from collector.models import Basis, Sides, SidesRule
from collector.settings import Settings
from collector.venues import VENUES


def rules(settings: Settings) -> Mapping[str, SidesRule]:
    """Return the rule of every venue that is polled: the venue's own, or what is set.

    A venue that is not polled may be another collector's, which writes its rule to the same
    database; so it is here only if it is set.
    """
    return {
        name: VENUES[name].sides
        if its.sides == "auto"
        else SidesRule(Sides(its.sides), Basis.CONFIGURED, f"set as venues.{name}.sides")
        for name, its in settings.venues.items()
        if its.enabled or its.sides != "auto"
    }
