"""Compare what the venues served with what is in the tables: nothing lost, doubled or made up."""

import json
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from collector.db import Connection
from tests.torture.daemon import Done
from tests.torture.venues import Value

_STORED = """
SELECT venue, symbol, (extract(epoch FROM exchange_ts) * 1000000)::bigint, open_interest_base::text,
    open_interest_contracts::text, open_interest_quote::text, long_base::text, short_base::text
FROM open_interest
"""
_ASIDE = "SELECT venue, symbol, raw FROM rejects WHERE symbol IS NOT NULL AND polled_at IS NOT NULL"
_SUMS = """
SELECT venue, polled_at, rows_fetched, rows_stored, rows_duplicate, rows_rejected,
    coalesce(there, 0) AS there, coalesce(aside, 0) AS aside
FROM (SELECT venue, polled_at, count(*) AS there FROM open_interest GROUP BY 1, 2) AS o
FULL JOIN (SELECT venue, polled_at, count(*) AS aside FROM rejects
    WHERE polled_at IS NOT NULL GROUP BY 1, 2) AS r USING (venue, polled_at)
FULL JOIN polls USING (venue, polled_at)
"""
_TURNS = """
SELECT min(received_at) AS oldest, max(received_at) AS newest FROM (
    SELECT xmin, polled_at + received_after_ms * interval '1 ms' AS received_at
    FROM collector_storage.open_interest
) AS o
GROUP BY xmin::text::bigint ORDER BY xmin::text::bigint
"""
_AT_ONCE = timedelta(seconds=2)
"""Replies may get into the journal in another order than they came in, but not by more."""

_UNSURE = timedelta(milliseconds=200)
"""How exactly a poll's start is known; its venue's next one is much later."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Key = tuple[str, str, int]
Served = Callable[[], Awaitable[Iterable[Value]]]


@dataclass
class Verdict:
    """What is wrong; nothing, if all is well."""

    rows: int = 0
    """In the hypertable."""
    lost: int = 0
    """Snapshots of polls reported done, and not there."""
    twice: int = 0
    """Rows that were written, or counted, more than once."""
    wrong: int = 0
    """Rows that no venue has served."""
    problems: list[str] = field(default_factory=list)
    """Everything else."""

    @property
    def good(self) -> bool:
        """Whether every promise was kept."""
        return not (self.lost or self.twice or self.wrong or self.problems)

    def judge_values(
        self,
        served: Iterable[Value],
        stored: Sequence[Value],
        aside: Container[Key],
        done: Sequence[Done],
    ) -> None:
        """Look at every value by itself."""
        exact = [_exact(value) for value in served]
        there = Counter(stored)
        self.rows = len(stored)
        self.twice += len(stored) - len({value[:3] for value in there})
        self.wrong += len(there.keys() - set(exact))
        by_venue: dict[str, list[Value]] = defaultdict(list)
        for value in exact:
            by_venue[value[0]].append(value)
        for poll, first in _with_starts(done):
            # The log's time is a little later than the poll's end.
            last = _ms(poll.finished)
            its = [value for value in by_venue[poll.venue] if first <= value[2] <= last]
            more = len(its) - poll.rows - poll.unlisted
            if more < 0 or (more > 0 and not poll.cut_short):
                self.problems.append(f"{poll}: {len(its)} values were served in its time")
            missing = [value for value in its if value not in there and value[:3] not in aside]
            not_accepted = max(0, more) if poll.cut_short else 0
            self.lost += max(0, len(missing) - poll.unlisted - not_accepted)

    def judge_sums(self, sums: Iterable[Sequence[object]]) -> None:
        """Look at the counters of each poll."""
        for row in sums:
            venue, polled_at, fetched, stored, duplicate, rejected, there, aside = row
            if (stored, rejected) != (there, aside) or duplicate:
                self.problems.append(
                    f"{venue} {polled_at}: {fetched} fetched, {stored} stored, {duplicate} twice,"
                    f" {rejected} rejected; there are {there}, and {aside} set aside"
                )
            if isinstance(duplicate, int):
                self.twice += duplicate

    def judge_order(self, turns: Iterable[Sequence[datetime]]) -> None:
        """Look at the order in which the transactions became visible."""
        newest = _EPOCH
        for oldest, last in turns:
            if oldest < newest - _AT_ONCE:
                self.problems.append(f"rows of {oldest} came after those of {newest}")
            newest = max(newest, last)


async def judge(connection: Connection, served: Served, done: Sequence[Done]) -> Verdict:
    """Compare at one moment; `done` are the polls that must be there by now."""
    verdict = Verdict()
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        stored = [
            (row[0], row[1], _whole_ms(row[2]), *row[3:]) for row in await connection.fetch(_STORED)
        ]
        aside = {_refused(*row) for row in await connection.fetch(_ASIDE)}
        verdict.judge_values(await served(), stored, aside, done)
        verdict.judge_sums([tuple(row) for row in await connection.fetch(_SUMS)])
        verdict.judge_order([tuple(row) for row in await connection.fetch(_TURNS)])
    return verdict


def _exact(value: Value) -> Value:
    """Return a value with its amounts as the database writes them, digit for digit."""
    venue, symbol, ms, *amounts = value
    one, two, three, four, five = (
        None if text is None else format(Decimal(text), "f") for text in amounts
    )
    return venue, symbol, ms, one, two, three, four, five


def _with_starts(done: Iterable[Done]) -> Iterator[tuple[Done, int]]:
    """Yield polls with the venue's time before which no value can be theirs."""
    ends: dict[str, int] = {}
    for poll in sorted(done, key=lambda poll: poll.finished):
        started = _ms(poll.started - _UNSURE)
        yield poll, max(started, ends.get(poll.venue, started - 1) + 1)
        ends[poll.venue] = _ms(poll.finished)


def _refused(venue: str, symbol: str, raw: str) -> Key:
    return venue, symbol, _ms(datetime.fromisoformat(json.loads(raw)["exchange_ts"]))


def _whole_ms(microseconds: int) -> int:
    return microseconds // 1000 if microseconds % 1000 == 0 else -1


def _ms(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(milliseconds=1)
