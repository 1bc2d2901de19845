"""What a venue's reply headers say about its limits."""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


def whole(text: str | None) -> int | None:
    """Return a number that is plain digits; None for anything else."""
    return int(text) if text is not None and text.isascii() and text.isdecimal() else None


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that the venue asks us to wait; it may name a moment instead."""
    text = headers.get("Retry-After", "").strip()
    if not text:
        return None
    if whole(text) is not None:
        return float(text)
    try:
        # The venue's own Date makes its clock drop out of the difference.
        since = parsedate_to_datetime(headers["Date"]) if "Date" in headers else datetime.now(UTC)
        return max(0.0, (parsedate_to_datetime(text) - since).total_seconds())
    except (ValueError, TypeError):
        return None
