"""Expiry dates of dated contracts, as of the day the simulator starts."""

from datetime import UTC, datetime, timedelta

FRIDAY = 4
QUARTER_MONTHS = (3, 6, 9, 12)


def fridays(now_ms: int) -> tuple[datetime, datetime]:
    """Give the next two Fridays at 08:00 UTC, when weekly contracts are delivered."""
    now = datetime.fromtimestamp(now_ms / 1000, UTC)
    first = now.replace(hour=8, minute=0, second=0, microsecond=0)
    while first <= now or first.weekday() != FRIDAY:
        first += timedelta(days=1)
    return first, first + timedelta(days=7)


def quarters(after: datetime) -> tuple[datetime, datetime]:
    """Give the next two last Fridays of a quarter, a week or more after the given Friday."""
    first = _last_friday_of_quarter(after + timedelta(days=7))
    return first, _last_friday_of_quarter(first + timedelta(days=7))


def _last_friday_of_quarter(friday: datetime) -> datetime:
    next_week = friday + timedelta(days=7)
    while friday.month not in QUARTER_MONTHS or next_week.month == friday.month:
        friday, next_week = next_week, next_week + timedelta(days=7)
    return friday


def milliseconds(moment: datetime) -> int:
    """Give a moment as Unix milliseconds."""
    return int(moment.timestamp()) * 1000
