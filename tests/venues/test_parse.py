"""Every folder of `cases/` is a reply and what must come of it; adding a case is adding files."""

import json
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from collector import exactjson
from collector.venues import VENUES
from collector.venues.fields import ShapeError
from collector.venues.spec import Reply, Request, Venue

CASES = Path(__file__).parent / "cases"
FOLDERS = sorted(path.parent for path in CASES.rglob("reply.json"))


def reply_to(venue: Venue, ask: dict[str, str], payload: object) -> Reply:
    """Return a payload as the reply to what the case asks."""
    request = Request(
        path="/",
        limits=venue.limits,
        symbol=ask.get("symbol"),
        query={"productType": ask.get("product_type", "")},
    )
    received_at = datetime.fromisoformat(ask.get("received_at", "2026-01-01T00:00:00+00:00"))
    return Reply(request, payload, received_at.astimezone(UTC))


def outcome(venue: Venue, folder: Path) -> object:
    """Return what becomes of the reply: rows and rejects, or one line about an error."""
    ask = json.loads((folder / "ask.json").read_text(encoding="utf-8"))
    payload = exactjson.decode((folder / "reply.json").read_bytes())
    fault = venue.fault(payload)
    if fault is not None:
        return f"fault: {fault.kind.value} {fault.code} {fault.message}"
    read = venue.parse_listing if ask.get("listing") else venue.parse
    try:
        return read(reply_to(venue, ask, payload))
    except ShapeError as problem:
        return f"payload: {problem}"


@pytest.mark.parametrize(
    "folder", FOLDERS, ids=[str(folder.relative_to(CASES)) for folder in FOLDERS]
)
def test_a_reply_becomes_exactly_what_is_expected(folder: Path) -> None:
    """All members of all rows are compared, and the reason and raw text of all rejects."""
    found = outcome(VENUES[folder.parent.name], folder)

    error = folder / "expected_error.txt"
    if error.exists():
        assert error.read_text(encoding="utf-8").rstrip("\n") == found
    else:
        written = folder / "expected.json"
        if not written.exists():
            name = error.name if isinstance(found, str) else written.name
            shown = found if isinstance(found, str) else msgspec.json.encode(found).decode()
            pytest.fail(f"{folder}/{name} is missing; read this before you save it:\n{shown}")
        assert msgspec.json.decode(written.read_bytes(), type=type(found)) == found
