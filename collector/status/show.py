"""Print a report, as tables for people or as one JSON document for programs."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.table import Table

from collector.status.report import Report, VenueReport
from collector.status.verdict import attention

EDITIONS = {"apache": "Apache-2", "timescale": "Community"}
_WIDTH = 200
_MINUTE, _HOUR, _DAY = 60, 3600, 86400


def as_tables(report: Report) -> None:
    """Print it for people; without colours, and as wide as it takes, where no terminal is."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=_WIDTH)
    console.print(_venues(report))
    facts = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    for name, value in (*_database(report), *_journal(report)):
        facts.add_row(name, value)
    console.print()
    console.print(facts)
    console.print()
    problems = attention(report)
    for problem in problems:
        console.print(f"! {problem}", style="bold red", markup=False)
    if not problems:
        console.print("everything is fresh", style="green")


def as_json(report: Report) -> None:
    """Print it for programs: times in ISO form, sizes in bytes, ages and intervals in seconds."""
    print(json.dumps(document(report), indent=2))  # noqa: T201 - it is what is asked for


def document(report: Report) -> dict[str, Any]:
    """Return it as JSON has it; what is not known is null."""
    server, table, journal = report.server, report.hypertable, report.journal
    return {
        "at": report.at.isoformat(),
        "attention": attention(report),
        "venues": {venue.name: _venue(venue) for venue in report.venues},
        "database": {
            "address": report.address,
            "errors": report.errors,
            "edition": server and EDITIONS.get(server.licence),
            "postgresql": server and server.postgresql,
            "timescaledb": server and server.timescaledb,
            "schema": server and server.schema,
            "pending": server and list(server.pending),
            "database_bytes": server and server.database_bytes,
            "hypertable_bytes": table and table.size,
            "rows_about": table and table.rows,
            "chunks": table and table.chunks,
            "chunks_compressed": table and table.compressed_chunks,
            "lag_seconds": _age(report, report.newest_received_at),
        },
        "journal": {
            "path": str(journal.path),
            "remark": journal.remark,
            "records": journal.seen and journal.seen.records,
            "rows": journal.seen and journal.seen.rows,
            "used_bytes": journal.seen and journal.seen.used_bytes,
            "max_bytes": journal.max_bytes,
        },
    }


def _venue(venue: VenueReport) -> dict[str, Any]:
    polls, newest = venue.polls, venue.newest
    return {
        "enabled": venue.enabled,
        "interval_seconds": venue.interval,
        "last_poll": polls and _iso(polls.last_polled_at),
        "last_outcome": polls and polls.last_outcome,
        "last_error": polls and polls.last_error,
        "last_good_poll": polls and _iso(polls.last_good_at),
        "newest_exchange_ts": newest and _iso(newest.exchange_ts),
        "newest_received_at": newest and _iso(newest.received_at),
        "instruments_active": newest and newest.active,
        "instruments_reporting": newest and newest.reporting,
        "instruments_stale": venue.stale,
        "rows_stored_24h": polls and polls.stored,
        "rows_rejected_24h": polls and polls.rejected,
        "polls_made_24h": polls and polls.made,
        "polls_expected_24h": polls and polls.expected,
        "coverage_24h": venue.coverage,
    }


def _venues(report: Report) -> Table:
    table = Table(
        "venue", "last poll", "outcome", "venue's time", "received", "active", "reporting",
        "stale", "rows 24 h", "rejected", "coverage 24 h", box=None,
    )  # fmt: skip
    for column in table.columns[5:]:
        column.justify = "right"
    for venue in report.venues:
        name = venue.name if venue.enabled else f"{venue.name} (off)"
        table.add_row(name, *_polled(report, venue)[:2], *_newest(report, venue),
                      *_polled(report, venue)[2:])  # fmt: skip
    return table


def _polled(report: Report, venue: VenueReport) -> Sequence[str]:
    polls = venue.polls
    if polls is None:
        return ("?",) * 5
    coverage = "-"
    if venue.coverage is not None:
        coverage = f"{polls.made:,}/{polls.expected:,} {_percent(venue.coverage)}"
    return (
        _ago(report, polls.last_polled_at),
        polls.last_outcome or "-",
        f"{polls.stored:,}",
        f"{polls.rejected:,}",
        coverage,
    )


def _newest(report: Report, venue: VenueReport) -> Sequence[str]:
    newest = venue.newest
    if newest is None:
        return ("?",) * 5
    return (
        _ago(report, newest.exchange_ts),
        _ago(report, newest.received_at),
        f"{newest.active:,}",
        f"{newest.reporting:,}",
        f"{venue.stale:,}",
    )


def _database(report: Report) -> list[tuple[str, str]]:
    server, table = report.server, report.hypertable
    if server is None:
        return [("database", f"{report.address}: cannot be asked")]
    what = f"PostgreSQL {server.postgresql}, TimescaleDB {server.timescaledb or '-'}"
    what += f" ({EDITIONS.get(server.licence, 'no')} edition), {_size(server.database_bytes)}"
    schema = f"{server.schema}, up to date"
    if server.pending:
        schema = f"{server.schema or 'none'}; {len(server.pending)} pending"
    facts = [("database", f"{report.address}: {what}"), ("schema", schema)]
    if table is not None:
        chunks = f"{table.chunks:,} chunks of which {table.compressed_chunks:,} are compressed"
        facts.append(("snapshots", f"about {table.rows:,} rows, {_size(table.size)}, {chunks}"))
        facts.append(("lag", _ago(report, report.newest_received_at)))
    return facts


def _journal(report: Report) -> list[tuple[str, str]]:
    journal = report.journal
    if journal.seen is None:
        return [("journal", journal.remark or "")]
    waits = f"{journal.seen.rows:,} rows in {journal.seen.records:,} records wait"
    used = f"{_size(journal.seen.used_bytes)} of {_size(journal.max_bytes)} in use"
    return [("journal", f"{journal.path}: {waits}; {used}")]


def _age(report: Report, moment: datetime | None) -> float | None:
    return None if moment is None else round((report.at - moment).total_seconds(), 3)


def _ago(report: Report, moment: datetime | None) -> str:
    seconds = _age(report, moment)
    if seconds is None:
        return "never"
    if seconds < 2 * _MINUTE:
        return f"{seconds:.0f} s ago"
    if seconds < 2 * _HOUR:
        return f"{seconds / _MINUTE:.0f} min ago"
    return f"{seconds / _HOUR:.0f} h ago" if seconds < 2 * _DAY else f"{seconds / _DAY:.0f} d ago"


def _percent(share: float) -> str:
    """Never 100 % while something is missing."""
    return "100%" if share == 1 else f"{min(99.9, share * 100):.1f}%"


def _size(size: float) -> str:
    for unit in ("B", "kB", "MB"):
        if size < 1000:  # noqa: PLR2004 - the step between units
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:,.4g} GB"


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
