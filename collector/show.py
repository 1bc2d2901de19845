"""Print what a poll brought, as a table for people or as JSON for programs."""

import json
from collections.abc import Sequence
from datetime import datetime

from rich.console import Console
from rich.table import Table

from collector.models import Snapshot

_AMOUNTS = (
    "open_interest_base",
    "open_interest_contracts",
    "open_interest_quote",
    "long_base",
    "short_base",
)


Received = tuple[Snapshot, datetime]
"""A row and our clock when its reply had been read."""


def as_table(venue: str, rows: Sequence[Received]) -> None:
    """Print a row per instrument; columns that the venue does not fill are left out."""
    amounts = [name for name in _AMOUNTS if any(getattr(row, name) for row, _ in rows)]
    table = Table("venue", "symbol", "exchange_ts", *amounts, box=None)
    for column in table.columns[3:]:
        column.justify = "right"
    for row, _ in rows:
        known = (getattr(row, name) or "" for name in amounts)
        table.add_row(venue, row.symbol, _time(row.exchange_ts), *known)
    # Wider than any content: a number that is cut is a wrong number.
    Console(width=1000, highlight=False).print(table)


def as_json(venue: str, rows: Sequence[Received]) -> None:
    """Print a JSON object per row, amounts as text with all their digits."""
    for row, received_at in rows:
        known = {"venue": venue, "symbol": row.symbol, "exchange_ts": _time(row.exchange_ts)}
        amounts = {name: getattr(row, name) for name in _AMOUNTS}
        document = {**known, "received_at": _time(received_at), **amounts}
        print(json.dumps(document, ensure_ascii=False))  # noqa: T201 - it is what is asked for


def _time(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds")
