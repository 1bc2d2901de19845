"""Random snapshots, and what the rollups have to say of them, worked out the long way."""

import random
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from collector.db import Connection, Database
from collector.db.store import store
from collector.models import DecimalText, Snapshot
from tests.rows import entries, reply

WIDTHS = {"5m": timedelta(minutes=5), "1h": timedelta(hours=1), "1d": timedelta(days=1)}
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
Row = tuple[object, ...]


def floor(moment: datetime, width: timedelta) -> datetime:
    """Return the start of the bucket that a moment is in."""
    return EPOCH + (moment - EPOCH) // width * width


def yesterday() -> datetime:
    """Return a midnight that is at least 24 hours ago."""
    return floor(datetime.now(UTC), WIDTHS["1d"]) - timedelta(days=1)


def amount(chance: random.Random) -> DecimalText | None:
    """Return nothing, nought, or a number with any digits."""
    kind = chance.random()
    if kind < 0.2:
        return None
    digits = 0 if kind < 0.3 else chance.randrange(10**12)
    return DecimalText(str(Decimal(digits).scaleb(-chance.randrange(9))))


def snapshots(
    chance: random.Random, count: int, since: datetime, until: datetime
) -> list[Snapshot]:
    """Return snapshots of three symbols at random times, in random order."""
    span = int((until - since) / timedelta(milliseconds=1))
    return [
        Snapshot(
            symbol=f"S{chance.randrange(3)}",
            exchange_ts=since + timedelta(milliseconds=chance.randrange(span)),
            open_interest_base=amount(chance),
            open_interest_contracts=DecimalText(str(chance.randrange(1000))),
            open_interest_quote=amount(chance),
            long_base=amount(chance),
            short_base=amount(chance),
        )
        for _ in range(count)
    ]


class Writer:
    """Stores snapshots as the sink does, one batch after the other."""

    def __init__(self, database: Database, first: int = 0) -> None:
        self._database = database
        self._number = first

    async def write(self, *rows: Snapshot) -> int:
        """Store a batch; return how many of its rows are new."""
        tick = max(row.exchange_ts for row in rows)
        record = reply(*rows, venue="v", tick=tick)
        self._number += 1
        return (await store(self._database, entries(record, first=self._number))).stored


def _decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def expected(rows: Iterable[Snapshot], width: timedelta) -> set[Row]:
    """Return what a rollup has to hold: all its columns, the average as sum and number."""
    buckets: dict[tuple[str, datetime], dict[datetime, Snapshot]] = defaultdict(dict)
    for row in rows:
        # The first that was stored for a timestamp stays.
        buckets[row.symbol, floor(row.exchange_ts, width)].setdefault(row.exchange_ts, row)
    found: set[Row] = set()
    for (symbol, bucket), by_time in buckets.items():
        inside = [by_time[moment] for moment in sorted(by_time)]
        bases = [Decimal(row.open_interest_base) for row in inside if row.open_interest_base]
        first, last = inside[0], inside[-1]
        found.add((
            *("v", symbol, bucket, _decimal(first.open_interest_base)),
            *(max(bases, default=None), min(bases, default=None)),
            *(_decimal(last.open_interest_base), sum(bases) if bases else None, len(bases)),
            *(len(inside), first.exchange_ts, last.exchange_ts),
            *(_decimal(last.open_interest_contracts), _decimal(last.open_interest_quote)),
            *(_decimal(last.long_base), _decimal(last.short_base)),
        ))  # fmt: skip
    return found


async def rolled_up(sql: Connection, level: str) -> set[Row]:
    """Return what a rollup holds; the sum and the number are behind the view's average."""
    rows = await sql.fetch(
        "SELECT v.venue, v.symbol, v.bucket, v.open, v.high, v.low, v.close, total, amounts,"
        " v.snapshots, v.first_ts, v.last_ts, v.close_contracts, v.close_quote, v.close_long_base,"
        f" v.close_short_base, average FROM open_interest_{level} AS v"
        " JOIN collector_storage.series USING (venue, symbol)"
        f" JOIN collector_storage.rollup_{level} USING (series_id, bucket)"
    )
    found = {tuple(row)[:-1] for row in rows}
    assert len(found) == len(rows)
    for row in rows:
        assert (row["average"] is None) == (row["amounts"] == 0)
        if row["average"] is not None:
            # Rounded once, at the end, to 16 digits.
            off = row["average"] * row["amounts"] - row["total"]
            assert abs(off) <= row["total"] * Decimal("1e-15")
    return found


async def check(sql: Connection, rows: Sequence[Snapshot]) -> None:
    """Compare every rollup, bucket by bucket, with what the snapshots say."""
    for level, width in WIDTHS.items():
        assert expected(rows, width) == await rolled_up(sql, level), level


async def finish(sql: Connection, hours: int = 10**6) -> int:
    """Finish hours as the daemon does; return how many there were."""
    for done in range(hours):
        ended = await sql.fetchval("SELECT collector_storage.finish_hour(now())")
        if ended is None:
            return done
    return hours
