"""The venues, each named once. A new one is a module and a line here."""

from collections.abc import Iterable, Mapping

from collector.venues import bitget, htx, synthetix
from collector.venues.spec import Venue


def registry(venues: Iterable[Venue]) -> Mapping[str, Venue]:
    """Return the venues by name.

    Raises:
        ValueError: two venues have one name, or a default is not among the permitted values.
    """
    named: dict[str, Venue] = {}
    for venue in venues:
        if venue.name in named:
            raise ValueError(f"two venues are named {venue.name}")
        if not set(venue.default_product_types) <= set(venue.product_types):
            raise ValueError(
                f"{venue.name}: a default product type is not among the permitted ones"
            )
        named[venue.name] = venue
    return named


VENUES = registry((bitget.VENUE, htx.VENUE, synthetix.VENUE))
