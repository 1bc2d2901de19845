"""What `collector export` reads: a statement for each view or table that is for people.

The four parameters are the same for all: $1 venues (null: all), $2 a regular expression for the
symbol (null: any), $3 and $4 from when and until when, that moment itself not included. Columns
that a view gains later come along by themselves. To add a view, add an entry.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Relation:
    """One of them."""

    rows: str
    """The statement; its order leaves nothing to chance, so the same data make the same file."""
    seconds: int | None = None
    """Between the rows of an instrument, as a rule: what is long is read in slices of time. None:
    it is read in one go."""
    symbols: bool = True
    """Whether it has them."""


RELATIONS: Mapping[str, Relation] = {
    "open_interest": Relation(
        rows="""
SELECT * FROM open_interest
WHERE ($1::text[] IS NULL OR venue = ANY ($1::text[])) AND ($2::text IS NULL OR symbol ~ $2::text)
    AND exchange_ts >= $3::timestamptz AND exchange_ts < $4::timestamptz
ORDER BY exchange_ts, venue, symbol
""",
        seconds=60,
    ),
    "comparable_open_interest": Relation(
        rows="""
SELECT * FROM comparable_open_interest
WHERE ($1::text[] IS NULL OR venue = ANY ($1::text[])) AND ($2::text IS NULL OR symbol ~ $2::text)
    AND exchange_ts >= $3::timestamptz AND exchange_ts < $4::timestamptz
ORDER BY exchange_ts, venue, symbol
""",
        seconds=60,
    ),
    "open_interest_5m": Relation(
        rows="""
SELECT * FROM open_interest_5m
WHERE ($1::text[] IS NULL OR venue = ANY ($1::text[])) AND ($2::text IS NULL OR symbol ~ $2::text)
    AND bucket >= $3::timestamptz AND bucket < $4::timestamptz
ORDER BY bucket, venue, symbol
""",
        seconds=300,
    ),
    "open_interest_1h": Relation(
        rows="""
SELECT * FROM open_interest_1h
WHERE ($1::text[] IS NULL OR venue = ANY ($1::text[])) AND ($2::text IS NULL OR symbol ~ $2::text)
    AND bucket >= $3::timestamptz AND bucket < $4::timestamptz
ORDER BY bucket, venue, symbol
""",
        seconds=3600,
    ),
    "open_interest_1d": Relation(
        rows="""
SELECT * FROM open_interest_1d
WHERE ($1::text[] IS NULL OR venue = ANY ($1::text[])) AND ($2::text IS NULL OR symbol ~ $2::text)
    AND bucket >= $3::timestamptz AND bucket < $4::timestamptz
ORDER BY bucket, venue, symbol
""",
        seconds=86400,
    ),
    "instruments": Relation(
        rows="""
SELECT * FROM instruments
WHERE ($1::text[] IS NULL OR venue = ANY ($1::text[])) AND ($2::text IS NULL OR symbol ~ $2::text)
    AND last_seen_at >= $3::timestamptz AND first_seen_at < $4::timestamptz
ORDER BY venue, symbol
""",
    ),
    "latest_open_interest": Relation(
        rows="""
SELECT * FROM latest_open_interest
WHERE ($1::text[] IS NULL OR venue = ANY ($1::text[])) AND ($2::text IS NULL OR symbol ~ $2::text)
    AND exchange_ts >= $3::timestamptz AND exchange_ts < $4::timestamptz
ORDER BY venue, symbol
""",
    ),
    "open_interest_by_asset_1h": Relation(
        rows="""
SELECT * FROM open_interest_by_asset_1h
WHERE ($1::text[] IS NULL OR venue = ANY ($1::text[])) AND $2::text IS NULL
    AND bucket >= $3::timestamptz AND bucket < $4::timestamptz
ORDER BY bucket, asset, venue, kind, quote
""",
        symbols=False,
    ),
    "venue_coverage": Relation(
        rows="""
SELECT * FROM venue_coverage
WHERE ($1::text[] IS NULL OR venue = ANY ($1::text[])) AND $2::text IS NULL
    AND hour >= $3::timestamptz AND hour < $4::timestamptz
ORDER BY hour, venue
""",
        symbols=False,
    ),
    "polls": Relation(
        rows="""
SELECT * FROM polls
WHERE ($1::text[] IS NULL OR venue = ANY ($1::text[])) AND $2::text IS NULL
    AND polled_at >= $3::timestamptz AND polled_at < $4::timestamptz
ORDER BY polled_at, venue
""",
        symbols=False,
    ),
    "rejects": Relation(
        rows="""
SELECT * FROM rejects
WHERE ($1::text[] IS NULL OR venue = ANY ($1::text[])) AND ($2::text IS NULL OR symbol ~ $2::text)
    AND received_at >= $3::timestamptz AND received_at < $4::timestamptz
ORDER BY received_at, venue, symbol, reason, raw
""",
    ),
}
