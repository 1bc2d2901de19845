"""The books of the long run: what the daemon says that it took, and what the database has of it."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from collector.db import Connection

_POLLS = """
SELECT count(*) AS polls, coalesce(sum(rows_fetched), 0) AS fetched,
    coalesce(sum(rows_stored), 0) AS stored, coalesce(sum(rows_duplicate), 0) AS duplicate,
    coalesce(sum(rows_rejected), 0) AS rejected, coalesce(sum(rows_unlisted), 0) AS unlisted
FROM polls
"""
_OUTCOMES = "SELECT outcome, count(*) FROM polls GROUP BY outcome ORDER BY count(*) DESC"
_REJECTS = "SELECT count(*) FROM rejects WHERE polled_at IS NOT NULL"


@dataclass(frozen=True)
class Said:
    """What the daemon's log says, which knows nothing of the database's counters."""

    fetched: int = 0
    """Rows of all polls, the rejected ones included."""
    left: int | None = None
    """Rows left in the journal; None if the daemon never said that it stopped."""
    troubles: Mapping[str, int] | None = None
    """Events above the level info, and how many of each."""


@dataclass(frozen=True)
class Kept:
    """What the database has."""

    polls: int
    fetched: int
    stored: int
    duplicate: int
    rejected: int
    unlisted: int
    snapshots: int
    """Rows of open_interest, counted one by one."""
    rejects: int
    """Rows of rejects that came of polls, counted one by one."""
    outcomes: Mapping[str, int]


def said(log: Path) -> Said:
    """Read the daemon's log."""
    fetched, left = 0, None
    troubles: Counter[str] = Counter()
    for line in log.read_text(encoding="utf-8").splitlines():
        event = json.loads(line)
        if event["event"] == "poll.done":
            fetched += event["rows"] + event["rejected"]
        elif event["event"] == "collector.stopped":
            left = event["rows_left_in_journal"]
        if event["level"] != "info":
            troubles[event["event"]] += 1
    return Said(fetched, left, troubles)


async def kept(connection: Connection) -> Kept:
    """Count what the database has."""
    polls = await connection.fetchrow(_POLLS)
    return Kept(
        **({} if polls is None else {name: int(count) for name, count in polls.items()}),
        snapshots=await connection.fetchval("SELECT count(*) FROM open_interest"),
        rejects=await connection.fetchval(_REJECTS),
        outcomes={row[0]: row[1] for row in await connection.fetch(_OUTCOMES)},
    )


def page(log: Said, database: Kept, refused: Mapping[str, int]) -> str:
    """Return the books, to read."""
    left = "unknown" if log.left is None else f"{log.left:,}"
    became = f"{database.stored:,} stored + {database.duplicate:,} duplicate"
    lines = {
        "fetched, as the daemon logged it": f"{log.fetched:,}",
        "fetched, as polls has it": f"{database.fetched:,}",
        "what became of them": f"{became} + {database.rejected:,} rejected",
        "left in the journal": left,
        "rows in open_interest": f"{database.snapshots:,}",
        "rows in rejects that came of polls": f"{database.rejects:,}",
        "rows of contracts long gone": f"{database.unlisted:,}, left out",
        "polls": f"{database.polls:,}: {_counts(database.outcomes)}",
        "requests that the venues refused": _counts(refused) or "none",
        "warnings and errors in the log": _counts(log.troubles or {}) or "none",
    }
    return "\n".join(f"{name:36}{text}" for name, text in lines.items())


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in counts.items())


def imbalances(log: Said, database: Kept, refused: Mapping[str, int]) -> list[str]:
    """Return what does not add up, each as a sentence."""
    accounted = database.stored + database.duplicate + database.rejected
    left = log.left or 0
    checks = {
        "the daemon did not say that it stopped": log.left is not None,
        "the journal was not empty at the end": left == 0,
        "fetched is not stored + duplicate + rejected": database.fetched == accounted,
        "the daemon's log and polls differ in what was fetched": (
            log.fetched == database.fetched + left
        ),
        "open_interest has not the rows that polls counted": database.snapshots == database.stored,
        "rejects has not the rows that polls counted": database.rejects == database.rejected,
        "a venue refused requests": not refused,
    }
    return [sentence for sentence, right in checks.items() if not right]
