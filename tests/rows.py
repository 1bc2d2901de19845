"""Records for tests: what the poller would have put into the journal."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from collector.journal import Entry
from collector.models import DecimalText, Instrument, Kind, Outcome, Reject, Sides, Snapshot
from collector.records import ListingRecord, PollRecord, Record, ReplyRecord

TICK = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
STARTED = TICK + timedelta(milliseconds=5)
RECEIVED = TICK + timedelta(seconds=1, microseconds=123456)
MOMENT = TICK + timedelta(milliseconds=789)
SESSION = "00000000000000000000000000000001"


def snapshot(symbol: str = "BTCUSDT", base: str | None = "1.50", **more: object) -> Snapshot:
    """Return a snapshot of which only what matters is given."""
    amount = None if base is None else DecimalText(base)
    values = {"exchange_ts": MOMENT, "open_interest_base": amount, **more}
    return Snapshot(symbol=symbol, **values)  # type: ignore[arg-type]  # tests break rules


def reply(
    *snapshots: Snapshot,
    venue: str = "bitget",
    tick: datetime = TICK,
    rejects: Sequence[Reject] = (),
    unlisted: int = 0,
) -> ReplyRecord:
    """Return the record of a reply with these rows."""
    return ReplyRecord(
        venue=venue,
        polled_at=tick,
        started_at=tick + (STARTED - TICK),
        received_at=tick + (RECEIVED - TICK),
        snapshots=list(snapshots),
        rejects=list(rejects),
        unlisted=unlisted,
    )


def poll(
    outcome: Outcome = Outcome.OK,
    venue: str = "bitget",
    tick: datetime = TICK,
    error: str | None = None,
    requests: int = 1,
) -> PollRecord:
    """Return the record of a poll that has ended."""
    return PollRecord(
        venue=venue,
        polled_at=tick,
        started_at=tick + (STARTED - TICK),
        finished_at=tick + timedelta(seconds=2),
        outcome=outcome,
        instruments=3,
        requests=requests,
        error=error,
    )


def instrument(symbol: str = "BTCUSDT", **more: object) -> Instrument:
    """Return a perpetual of which only what matters is given."""
    values: dict[str, object] = {
        "base": "BTC",
        "quote": "USDT",
        "settle": "USDT",
        "kind": Kind.PERPETUAL,
        "sides": Sides.UNKNOWN,
        **more,
    }
    return Instrument(symbol=symbol, **values)  # type: ignore[arg-type]  # tests break rules


def listing(
    *instruments: Instrument,
    venue: str = "bitget",
    at: datetime = TICK,
    rejects: Sequence[Reject] = (),
) -> ListingRecord:
    """Return the record of what a venue listed."""
    return ListingRecord(
        venue=venue, listed_at=at, instruments=list(instruments), rejects=list(rejects)
    )


def entries(*records: Record, first: int = 1, session: str = SESSION) -> list[Entry]:
    """Return records as they lie in a journal."""
    return [Entry(first + number, session, record) for number, record in enumerate(records)]
