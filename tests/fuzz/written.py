"""What becomes of rows, rejects and errors on their way to the tables: journal, batch, COPY."""

import re
from datetime import UTC, datetime

from collector import records
from collector.db.batch import Batch
from collector.errors import ErrorReply
from collector.models import Outcome, Parsed, Reject
from collector.records import PollRecord, ReplyRecord
from collector.venues.spec import Fault
from tests.fuzz.seeds import Seed
from tests.fuzz.violations import must

TICK = datetime(2026, 1, 1, tzinfo=UTC)
AMOUNTS = ("open_interest_base", "open_interest_contracts", "open_interest_quote",
            "long_base", "short_base")  # fmt: skip
_ERROR_MAX = 2000
REASON_MAX = 500
_RAW_MAX = 2000


def check_rejects(rejects: list[Reject]) -> None:
    """Check that what is set aside is bounded."""
    for reject in rejects:
        must(0 < len(reject.reason) <= REASON_MAX, "a reason without end", reject)
        must(len(reject.raw) <= _RAW_MAX and reject.raw.isascii(), "raw text", reject)


def written(seed: Seed, found: Parsed) -> None:
    """Take the rows through the journal's encoding to the lines that COPY is given."""
    check_rejects(found.rejects)
    record = ReplyRecord(
        venue=seed.venue.name,
        polled_at=TICK,
        started_at=TICK,
        received_at=seed.received_at,
        snapshots=found.snapshots,
        rejects=found.rejects,
    )
    must(records.decode(records.encode(record)) == record, "a record does not come back")
    batch = Batch.of([record])
    must(len(batch.rows) == len(found.snapshots), "rows lost on the way to COPY")
    for row in batch.rows:
        line = row.as_copy_text()
        line.encode()
        must(not set(line) & set("\n\r\0"), "a line that is not one", line)
        parts = [_unescaped(each) for each in line.split("\t")]
        amounts = [getattr(row.snapshot, column) for column in AMOUNTS]
        must(parts[1:3] == [seed.venue.name, row.snapshot.symbol], "another name", line)
        must(parts[6:] == amounts, "other amounts", line, amounts)
        must(datetime.fromisoformat(parts[3] or "") == row.snapshot.exchange_ts, "another time")
    storable(batch)


def _unescaped(text: str) -> str | None:
    r"""Read a column as PostgreSQL does in COPY's text format; \N is null."""
    if text == "\\N":
        return None
    return re.sub(r"\\(.)", lambda found: _CONTROL.get(found[1], found[1]), text)


_CONTROL = {"t": "\t", "n": "\n", "r": "\r", "b": "\b", "f": "\f", "v": "\v"}


def storable(batch: Batch) -> None:
    """Check that PostgreSQL takes the texts of what is set aside."""
    for reject in batch.rejects:
        for text in reject:
            if isinstance(text, str):
                text.encode()
                must("\0" not in text, "a text that PostgreSQL does not take", text)


def sayable(seed: Seed, fault: Fault) -> None:
    """Take a venue's error the whole way to the row of `polls` that tells of it."""
    error = ErrorReply(fault.message[:200], venue=seed.venue.name, endpoint="/", code=fault.code)
    recorded_poll(seed, str(error))


def recorded_poll(seed: Seed, error: str) -> None:
    """Check that the journal takes what a poll says went wrong."""
    must(len(error) <= _ERROR_MAX, "an error without end", error)
    record = PollRecord(
        venue=seed.venue.name,
        polled_at=TICK,
        started_at=TICK,
        finished_at=TICK,
        outcome=Outcome.FAILED,
        error=error,
    )
    must(records.decode(records.encode(record)) == record, "a record does not come back")
