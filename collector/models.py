"""The normalized shapes that travel from a venue's reply to the database."""

from datetime import datetime
from enum import StrEnum
from typing import NewType

import msgspec

DecimalText = NewType("DecimalText", str)
"""A non-negative decimal number in plain ASCII digits, as many of them as the venue gave."""


class Kind(StrEnum):
    """What kind of contract an instrument is."""

    PERPETUAL = "perpetual"
    FUTURE = "future"


class Sides(StrEnum):
    """Whether the venue counts a matched long and short once or twice."""

    ONE = "one"
    BOTH = "both"
    UNKNOWN = "unknown"


class Basis(StrEnum):
    """How it is known on how many sides a venue counts."""

    DOCUMENTED = "documented"
    MEASURED = "measured"
    ASSUMED = "assumed"
    CONFIGURED = "configured"
    """The operator says so."""


class SidesRule(msgspec.Struct, frozen=True):
    """How a venue counts, and what makes us believe it."""

    sides: Sides
    basis: Basis
    reason: str
    """One sentence, with its source."""


class Outcome(StrEnum):
    """How a poll ended."""

    RUNNING = "running"
    """Not ended yet."""
    OK = "ok"
    """Every request brought a documented reply."""
    EMPTY = "empty"
    """Every request was answered, without a single row."""
    PARTIAL = "partial"
    """Some requests brought a reply, others did not."""
    FAILED = "failed"
    """No request brought a documented reply: none at all, or not one row that was believed."""
    SKIPPED = "skipped"
    """Not polled: the poll before was still running."""
    REFUSED = "refused"
    """Not polled: the journal had no room."""
    INTERRUPTED = "interrupted"
    """The collector was stopped, or died, in the middle."""


class Instrument(msgspec.Struct, frozen=True, kw_only=True):
    """A contract that a venue lists, under the venue's own id."""

    symbol: str
    base: str
    quote: str
    settle: str
    kind: Kind
    sides: Sides
    contract_size: DecimalText | None = None
    """Base asset per contract; None where the venue does not say it usably."""
    expires_at: datetime | None = None
    product_type: str | None = None
    """The venue's own division of its instruments, where its API wants it back."""
    active: bool = True
    """Whether the venue is expected to report open interest for it now."""
    selected: bool = True
    """Whether the user wants it; see `include` and `exclude`."""


class Snapshot(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The open interest of one instrument at one moment, in the units the venue gave."""

    symbol: str
    exchange_ts: datetime
    """The venue's own clock, to the millisecond."""
    open_interest_base: DecimalText | None = None
    open_interest_contracts: DecimalText | None = None
    open_interest_quote: DecimalText | None = None
    long_base: DecimalText | None = None
    short_base: DecimalText | None = None


class Reject(msgspec.Struct, frozen=True, kw_only=True):
    """A row that was not believed, kept for inspection."""

    reason: str
    raw: str
    """The row as the venue sent it, as ASCII JSON, cut at 2,000 characters."""
    symbol: str | None = None


class Parsed(msgspec.Struct, frozen=True):
    """What a parser made of one reply: rows to store and rows to set aside."""

    snapshots: list[Snapshot]
    rejects: list[Reject]


class Listing(msgspec.Struct, frozen=True):
    """What a venue lists, and the rows of its list that could not be read."""

    instruments: list[Instrument]
    rejects: list[Reject]
