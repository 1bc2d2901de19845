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


def as_table(rows: Sequence[Snapshot]) -> None:
    """Print a row per instrument; columns that the venue does not fill are left out."""
    amounts = [name for name in _AMOUNTS if any(getattr(row, name) for row in rows)]
    table = Table("symbol", "exchange_ts", *amounts, box=None)
    for column in table.columns[2:]:
        column.justify = "right"
    for row in rows:
        table.add_row(
            row.symbol,
            row.exchange_ts.isoformat(timespec="milliseconds"),
            *(getattr(row, name) or "" for name in amounts),
        )
    # Never narrower than its content: a number that is cut is a wrong number.
    width = max(80, *(len(row.symbol) for row in rows), 0) + 40 * (1 + len(amounts))
    Console(width=width, highlight=False).print(table)


def as_json(venue: str, rows: Sequence[Snapshot], received_at: datetime) -> None:
    """Print a JSON object per row, amounts as text with all their digits."""
    for row in rows:
        known = {"venue": venue, "symbol": row.symbol, "exchange_ts": _time(row.exchange_ts)}
        amounts = {name: getattr(row, name) for name in _AMOUNTS}
        document = {**known, "received_at": _time(received_at), **amounts}
        print(json.dumps(document, ensure_ascii=False))  # noqa: T201 - it is what is asked for


def _time(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds")
