"""What a venue's reply headers say about its limits."""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_DIGITS_MAX = 18
"""Python refuses to read a number of thousands of digits, which fit into a header."""


def whole(text: str | None) -> int | None:
    """Return a number that is plain digits; None for anything else, and for absurd ones."""
    if text is None or len(text) > _DIGITS_MAX or not _digits(text):
        return None
    return int(text)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that the venue asks us to wait; it may name a moment instead.

    A number that is too large for any clock is infinite: the limiter has a bound of its own.
    """
    text = headers.get("Retry-After", "").strip()
    if not text:
        return None
    if _digits(text):
        return float(text)
    try:
        # The venue's own Date makes its clock drop out of the difference.
        since = parsedate_to_datetime(headers["Date"]) if "Date" in headers else datetime.now(UTC)
        return max(0.0, (parsedate_to_datetime(text) - since).total_seconds())
    except (ValueError, TypeError, OverflowError):
        return None


def _digits(text: str) -> bool:
    return text.isascii() and text.isdecimal()
