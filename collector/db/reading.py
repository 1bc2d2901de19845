"""Read much, as it was at one moment: COPY out of a read-only transaction, in slices of time.

What comes is the database's own text, so each amount has the digits that it was stored with.
"""

from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from collector.db import Connection, Database
from collector.db.relations import Relation

EVER = (datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC))

_SLICE_ROWS = 250_000
_SLICE_LEAST = timedelta(hours=1)
_SLICE_MOST = timedelta(days=366)
_SECONDS = 24 * 3600.0

# Whoever reads our output may take a break; and a slice is sorted in memory. The lock keeps chunks
# from being dropped that have not been read yet: a transaction does not go on seeing those.
_BEGIN = """
SET idle_in_transaction_session_timeout = 0;
SET tcp_user_timeout = 0;
SET work_mem = '96MB';
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
LOCK TABLE open_interest IN ACCESS SHARE MODE
"""

# Only how the work is divided depends on this, not what is read.
_EXTENT = """
SELECT min(polled_at), max(polled_at), (
    SELECT count(*) FROM instruments
    WHERE ($1::text[] IS NULL OR venue = ANY ($1::text[]))
        AND ($2::text IS NULL OR symbol ~ $2::text)
)
FROM polls
"""

Receive = Callable[[bytes], Coroutine[None, None, None]]


@dataclass(frozen=True)
class Selection:
    """Which rows."""

    venues: Sequence[str] | None = None
    symbol: str | None = None
    """A regular expression."""
    start: datetime = EVER[0]
    end: datetime = EVER[1]
    """The first moment that is not meant any more."""


@dataclass(frozen=True)
class Column:
    """Of what is read: its name, and the name of its type in PostgreSQL."""

    name: str
    type: str


class Reading:
    """What a relation held at one moment."""

    def __init__(self, connection: Connection, relation: Relation, selection: Selection) -> None:
        self._connection = connection
        self._relation = relation
        self._selection = selection

    async def columns(self) -> list[Column]:
        """Return what there is to a row."""
        relation = self._relation
        prepared = await self._connection.prepare(relation.rows)
        return [Column(each.name, each.type.name) for each in prepared.get_attributes()]

    async def slices(self) -> list[tuple[datetime, datetime]]:
        """Return the parts of the time, in order, of which each is a bearable number of rows."""
        chosen = self._selection
        if self._relation.seconds is None:
            return [(chosen.start, chosen.end)]
        [extent] = await self._connection.fetch(_EXTENT, chosen.venues, chosen.symbol)
        first, last, instruments = extent
        seconds = self._relation.seconds * _SLICE_ROWS / max(1, instruments)
        width = min(max(timedelta(seconds=seconds), _SLICE_LEAST), _SLICE_MOST)
        return sliced(chosen.start, chosen.end, (first, last), width)

    async def copy(self, start: datetime, end: datetime, receive: Receive) -> int:
        """Hand over the rows of a slice as CSV, whole lines at a time; return how many there were.

        Raises:
            DatabaseUnavailable: as `Database.session`.
        """
        relation, chosen = self._relation, self._selection
        status: str = await self._connection.copy_from_query(
            relation.rows,
            chosen.venues,
            chosen.symbol,
            start,
            end,
            output=receive,
            format="csv",
            timeout=_SECONDS,
        )
        return int(status.rpartition(" ")[2])


@asynccontextmanager
async def reading(
    database: Database, relation: Relation, selection: Selection
) -> AsyncIterator[Reading]:
    """Begin to read; whatever is written meanwhile is not seen.

    Raises:
        DatabaseUnavailable: as `Database.session`.
    """
    async with database.session() as connection:
        await connection.execute(_BEGIN)
        yield Reading(connection, relation, selection)


def sliced(
    start: datetime,
    end: datetime,
    polled: tuple[datetime | None, datetime | None],
    width: timedelta,
) -> list[tuple[datetime, datetime]]:
    """Divide the time from `start` to `end`, as finely where there were polls as `width` says.

    The first and the last part reach to `start` and `end`, so that nothing depends on the polls.
    """
    first, last = polled
    edges = [start]
    if first is not None and last is not None:
        at = max(start, first)
        while at <= min(last, end):
            if edges[-1] < at < end:
                edges.append(at)
            at += width
        if edges[-1] < last < end:
            edges.append(last)
    return list(zip(edges, [*edges[1:], end], strict=True))
