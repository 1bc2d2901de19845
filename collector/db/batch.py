"""Sort records by the table that they belong to, and keep count of what becomes of them."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import msgspec

from collector.errors import RowsRefused
from collector.models import Instrument, Outcome, Snapshot
from collector.records import ListingRecord, PauseRecord, PollRecord, Record, ReplyRecord

_MOST_MS = 2**31 - 1
_COPY_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


@dataclass(frozen=True)
class Row:
    """A snapshot with all that its row of `open_interest` needs."""

    number: int
    venue: str
    polled_at: datetime
    received_at: datetime
    snapshot: Snapshot

    @property
    def received_after_ms(self) -> int:
        """Milliseconds from the tick to the reply; as many as the column can hold.

        A clock that is set by weeks while a poll is under way must not cost its rows.
        """
        after_ms = (self.received_at - self.polled_at) // timedelta(milliseconds=1)
        return max(-_MOST_MS, min(after_ms, _MOST_MS))

    def as_copy_text(self) -> str:
        """Return a line for COPY ... FROM STDIN in text form, in the order of `staging`."""
        snapshot = self.snapshot
        return "\t".join((
            str(self.number),
            self.venue.translate(_COPY_ESCAPES),
            snapshot.symbol.translate(_COPY_ESCAPES),
            snapshot.exchange_ts.isoformat(),
            self.polled_at.isoformat(),
            str(self.received_after_ms),
            snapshot.open_interest_base or "\\N",
            snapshot.open_interest_contracts or "\\N",
            snapshot.open_interest_quote or "\\N",
            snapshot.long_base or "\\N",
            snapshot.short_base or "\\N",
        ))  # fmt: skip


@dataclass
class Tally:
    """What became of rows. `fetched` is the sum of `stored`, `duplicate` and `rejected`."""

    fetched: int = 0
    stored: int = 0
    rejected: int = 0
    unlisted: int = 0

    @property
    def duplicate(self) -> int:
        """Rows that were there already, equal in every amount."""
        return self.fetched - self.stored - self.rejected


@dataclass
class Poll(Tally):
    """A row of `polls`, as far as this batch knows it."""

    started_at: datetime | None = None
    finished_at: datetime | None = None
    outcome: Outcome = Outcome.RUNNING
    instruments: int = 0
    requests: int = 0
    error: str | None = None
    interval: timedelta | None = None


RejectRow = tuple[str, datetime, datetime | None, str | None, str, str]


@dataclass
class Batch:
    """What one transaction writes."""

    rows: list[Row] = field(default_factory=list)
    rejects: list[RejectRow] = field(default_factory=list)
    polls: dict[tuple[str, datetime], Poll] = field(default_factory=lambda: defaultdict(Poll))
    listings: list[ListingRecord] = field(default_factory=list)
    pauses: list[tuple[str, datetime]] = field(default_factory=list)
    """Venue, and since when it is switched off."""
    refused: int = 0
    """Rows that the database did not take."""

    @classmethod
    def of(cls, records: Iterable[Record]) -> "Batch":
        """Sort records, oldest first."""
        batch = cls()
        for record in records:
            match record:
                case ReplyRecord():
                    batch._add_reply(record)
                case PollRecord():
                    batch._add_poll(record)
                case PauseRecord():
                    batch.pauses.append((record.venue, record.since))
                case ListingRecord():
                    batch.listings.append(record)
                    for reject in record.rejects:
                        batch._set_aside(
                            record.venue,
                            record.listed_at,
                            None,
                            (reject.symbol, reject.reason, reject.raw),
                        )
        return batch

    def reject(self, row: Row, reason: str) -> None:
        """Set aside a row that the database does not take."""
        self.polls[row.venue, row.polled_at].rejected += 1
        raw = msgspec.json.encode(row.snapshot).decode()
        self._set_aside(
            row.venue, row.received_at, row.polled_at, (row.snapshot.symbol, reason, raw)
        )

    def refuse(self, row: Row, refusal: RowsRefused) -> None:
        """Set aside a row, with the database's own words."""
        self.refused += 1
        self.reject(row, f"refused by the database: {refusal}")

    def refuse_instrument(
        self, listing: ListingRecord, instrument: Instrument, refusal: RowsRefused
    ) -> None:
        """Set aside an instrument, with the database's own words."""
        reason = f"refused by the database: {refusal}"
        raw = msgspec.json.encode(instrument).decode()
        self._set_aside(listing.venue, listing.listed_at, None, (instrument.symbol, reason, raw))

    def total(self) -> Tally:
        """Return the sum over all polls."""
        polls = self.polls.values()
        return Tally(
            fetched=sum(poll.fetched for poll in polls),
            stored=sum(poll.stored for poll in polls),
            rejected=sum(poll.rejected for poll in polls),
            unlisted=sum(poll.unlisted for poll in polls),
        )

    def _add_reply(self, record: ReplyRecord) -> None:
        poll = self.polls[record.venue, record.polled_at]
        poll.started_at = min(poll.started_at or record.started_at, record.started_at)
        poll.interval = record.interval or poll.interval
        poll.fetched += record.rows
        poll.rejected += len(record.rejects)
        poll.unlisted += record.unlisted
        for snapshot in record.snapshots:
            self.rows.append(
                Row(len(self.rows), record.venue, record.polled_at, record.received_at, snapshot)
            )
        for reject in record.rejects:
            self._set_aside(
                record.venue,
                record.received_at,
                record.polled_at,
                (reject.symbol, reject.reason, reject.raw),
            )

    def _add_poll(self, record: PollRecord) -> None:
        poll = self.polls[record.venue, record.polled_at]
        ended = poll.finished_at is not None and poll.finished_at >= record.started_at
        if record.finished_at is None and ended:
            return  # found open at a start, although it had come to its end
        poll.started_at = min(poll.started_at or record.started_at, record.started_at)
        poll.finished_at = record.finished_at
        poll.outcome = record.outcome
        poll.instruments = max(poll.instruments, record.instruments)
        poll.requests += record.requests
        poll.error = record.error or poll.error
        poll.interval = record.interval or poll.interval

    def _set_aside(
        self,
        venue: str,
        received_at: datetime,
        polled_at: datetime | None,
        row: tuple[str | None, str, str],
    ) -> None:
        symbol, reason, raw = row
        self.rejects.append((
            venue,
            received_at,
            polled_at,
            None if symbol is None else storable(symbol),
            storable(reason),
            storable(raw),
        ))  # fmt: skip


def storable(text: str) -> str:
    """Return text that PostgreSQL takes: valid UTF-8 and without NUL."""
    return text.encode("utf-8", "backslashreplace").decode().replace("\0", "\\x00")
