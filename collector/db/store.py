"""Write records into the tables, each exactly once, in one transaction.

Rows travel as the venue's own decimal text: COPY in text form into the session's staging table, and
from there one INSERT ... ON CONFLICT DO NOTHING, so that what is already stored stays as it is.
"""

import io
from collections.abc import Sequence
from datetime import datetime

from collector.db import Connection, Database, all_or_nothing
from collector.db import statements as sql
from collector.db.batch import Batch, Row, Tally, storable
from collector.errors import DatabaseUnavailable, RowsRefused
from collector.journal import Entry
from collector.models import Instrument
from collector.records import ListingRecord

_COPY_SECONDS = 60.0
_SUSPICIOUS_SYMBOLS = 20


async def store(database: Database, entries: Sequence[Entry]) -> Tally:
    """Write the records of journal entries that are not written yet.

    A row that the database refuses for what is in it goes to `rejects`, its neighbours are stored;
    so does a row that contradicts the one stored for the same venue, symbol and timestamp.

    Returns:
        What became of the rows; nothing is counted twice, however often this is called.

    Raises:
        DatabaseUnavailable: nothing was written; try again.
    """
    async with database.session() as connection:
        await connection.execute(sql.STAGING)
        async with all_or_nothing(connection):
            batch = Batch.of(entry.record for entry in await _unwritten(connection, entries))
            for listing in batch.listings:
                await _upsert_instruments(connection, batch, listing)
            await _insert_rows(connection, batch, batch.rows)
            _doubt(batch)
            await _insert_rejects(connection, batch)
            await _upsert_polls(connection, batch)
            await _count_ticks(connection, batch)
            await _move_marks(connection, entries)
    return batch.total()


async def _unwritten(connection: Connection, entries: Sequence[Entry]) -> Sequence[Entry]:
    """Leave out what an earlier transaction has written, although it was not forgotten since."""
    sessions = sorted({entry.session for entry in entries})
    await connection.execute(sql.FIRST_MARK, sessions)
    marks = {
        mark["session"].hex: mark["seq"] for mark in await connection.fetch(sql.MARKS, sessions)
    }
    return [entry for entry in entries if entry.seq > marks.get(entry.session, -1)]


async def _insert_rows(connection: Connection, batch: Batch, rows: Sequence[Row]) -> None:
    """Insert rows; where the database refuses them for their data, find the one at fault."""
    if not rows:
        return
    try:
        async with all_or_nothing(connection):
            stored, contradicting = await _copy_and_insert(connection, rows)
    except RowsRefused as refusal:
        if len(rows) == 1:
            batch.refuse(rows[0], refusal)
            return
        middle = len(rows) // 2
        await _insert_rows(connection, batch, rows[:middle])
        await _insert_rows(connection, batch, rows[middle:])
    else:
        for venue, polled_at, count in stored:
            batch.polls[venue, polled_at].stored += count
        for row in contradicting:
            batch.reject(row, "contradicts the row stored for the same exchange_ts")


async def _copy_and_insert(
    connection: Connection, rows: Sequence[Row]
) -> tuple[Sequence[tuple[str, datetime, int]], Sequence[Row]]:
    """Return how many rows of each poll are new, and the rows that contradict a stored one."""
    text = "\n".join(row.as_copy_text() for row in rows) + "\n"
    await connection.copy_to_table(
        "staging", source=io.BytesIO(text.encode()), format="text", timeout=_COPY_SECONDS
    )
    await connection.execute(sql.NUMBER_SERIES)
    (finished,) = await connection.fetch(sql.HOLD_FINISHED)
    stored = [tuple(counted) for counted in await connection.fetch(sql.INSERT, *finished)]
    contradicting: list[Row] = []
    if sum(count for _, _, count in stored) < len(rows):
        times = [row.snapshot.exchange_ts for row in rows]
        numbers = await connection.fetch(sql.CONTRADICTIONS, min(times), max(times))
        by_number = {row.number: row for row in rows}
        contradicting = [by_number[number] for (number,) in numbers]
    await connection.execute(sql.EMPTY_STAGING)
    return stored, contradicting


def _doubt(batch: Batch) -> None:
    """Refuse to believe that all rows of many instruments are bad: something else must be."""
    symbols = {row.snapshot.symbol for row in batch.rows}
    if len(symbols) >= _SUSPICIOUS_SYMBOLS and batch.refused == len(batch.rows):
        raise DatabaseUnavailable(f"every single row is refused: {batch.rejects[-1][4]}")


async def _insert_rejects(connection: Connection, batch: Batch) -> None:
    if batch.rejects:
        await connection.execute(sql.INSERT_REJECTS, *zip(*batch.rejects, strict=True))


async def _upsert_polls(connection: Connection, batch: Batch) -> None:
    await connection.executemany(
        sql.UPSERT_POLL,
        [
            (
                venue,
                polled_at,
                poll.started_at,
                poll.finished_at,
                poll.outcome,
                poll.instruments,
                poll.requests,
                poll.fetched,
                poll.stored,
                poll.duplicate,
                poll.rejected,
                poll.unlisted,
                None if poll.error is None else storable(poll.error),
                poll.interval,
            )
            for (venue, polled_at), poll in sorted(batch.polls.items())
        ],
    )


async def _count_ticks(connection: Connection, batch: Batch) -> None:
    """Count what was to be polled, anew where there are new polls or none are due."""
    await connection.executemany(sql.INSERT_PAUSE, batch.pauses)
    if moments := [*batch.polls, *batch.pauses]:
        await connection.execute(sql.COUNT_TICKS, *zip(*moments, strict=True))


async def _upsert_instruments(connection: Connection, batch: Batch, listing: ListingRecord) -> None:
    """Write a venue's instruments; one that the database refuses costs only itself."""

    def values(instrument: Instrument) -> tuple[object, ...]:
        return (
            listing.venue,
            instrument.symbol,
            instrument.base,
            instrument.quote,
            instrument.settle,
            instrument.kind,
            instrument.contract_size,
            instrument.expires_at,
            instrument.sides,
            instrument.product_type,
            instrument.active,
            instrument.selected,
            listing.listed_at,
        )

    due = [each.symbol for each in listing.instruments if each.active and each.selected]
    await connection.execute(sql.NOTE_ABSENCES, *_of(listing, due))
    try:
        async with all_or_nothing(connection):
            await connection.executemany(
                sql.UPSERT_INSTRUMENT, [values(each) for each in listing.instruments]
            )
    except RowsRefused:
        for instrument in listing.instruments:
            try:
                async with all_or_nothing(connection):
                    await connection.execute(sql.UPSERT_INSTRUMENT, *values(instrument))
            except RowsRefused as refusal:
                batch.refuse_instrument(listing, instrument, refusal)
    listed = [each.symbol for each in listing.instruments]
    await connection.execute(sql.FIRST_SEEN, *_of(listing, listed))


def _of(listing: ListingRecord, symbols: Sequence[str]) -> tuple[str, Sequence[str], datetime]:
    """Return what a statement about some of a listing needs; what cannot be stored is not there."""
    return listing.venue, [each for each in symbols if each == storable(each)], listing.listed_at


async def _move_marks(connection: Connection, entries: Sequence[Entry]) -> None:
    newest = {entry.session: entry.seq for entry in sorted(entries, key=lambda entry: entry.seq)}
    await connection.executemany(sql.MOVE_MARK, list(newest.items()))
    await connection.execute(sql.FORGET_OLD_MARKS)
