"""The replies that fuzzing starts from: those of the venues' cases, with what was asked."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from collector.venues import VENUES
from collector.venues.spec import Request, Venue

CASES = Path(__file__).parents[1] / "venues" / "cases"


@dataclass(frozen=True)
class Seed:
    """A reply of a venue, and what it is the reply to."""

    name: str
    venue: Venue
    listing: bool
    request: Request
    received_at: datetime
    body: bytes

    @property
    def received_ms(self) -> int:
        """Our clock, in whole milliseconds since 1970."""
        return round(self.received_at.timestamp() * 1000)


def seeds() -> list[Seed]:
    """Return every case of every venue, in a fixed order."""
    return [_seed(path.parent) for path in sorted(CASES.rglob("reply.json"))]


def _seed(folder: Path) -> Seed:
    venue = VENUES[folder.parent.name]
    ask = json.loads((folder / "ask.json").read_text(encoding="utf-8"))
    received_at = datetime.fromisoformat(ask.get("received_at", "2026-01-01T00:00:00+00:00"))
    return Seed(
        name=f"{venue.name}/{folder.name}",
        venue=venue,
        listing=bool(ask.get("listing")),
        request=Request(
            path="/",
            limits=venue.limits,
            symbol=ask.get("symbol"),
            query={"productType": ask.get("product_type", "")},
        ),
        received_at=received_at.astimezone(UTC),
        body=(folder / "reply.json").read_bytes(),
    )
