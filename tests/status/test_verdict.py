"""What needs attention, and what does not."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from collector.db.condition import Polled, Reported, Server
from collector.journal.look import Glimpse
from collector.status.report import JournalReport, Report, VenueReport
from collector.status.verdict import attention

NOW = datetime(2026, 11, 21, 12, 0, 30, tzinfo=UTC)
POLLED = Polled(NOW, "ok", None, NOW, 1438, 1440, 100, 0)
NEWEST = Reported(NOW, NOW, active=100, reporting=100)
SERVER = Server(NOW, "17.11", "2.19.3", "apache", 1, "0007_x.sql", [])


def fresh() -> Report:
    """Return a report of one venue with nothing wrong."""
    venue = VenueReport("htx", enabled=True, interval=60.0, polls=POLLED, newest=NEWEST)
    journal = JournalReport(Path("j"), 1000, Glimpse(1, 2, 800))
    return Report(NOW, "host:5432/db", [venue], journal, SERVER)


def ago(seconds: int) -> datetime:
    """Return the moment so long ago."""
    return NOW - timedelta(seconds=seconds)


def test_nothing_needs_attention_up_to_the_bounds() -> None:
    """Three intervals old, a tenth stale, four fifths full, partial: all that may be."""
    report = fresh()
    report.venues[0].newest = replace(NEWEST, received_at=ago(180), reporting=90)
    report.venues[0].polls = replace(POLLED, last_outcome="partial")

    assert attention(report) == []


@pytest.mark.parametrize(
    ("newest", "sentence"),
    [
        (
            replace(NEWEST, received_at=ago(181)),
            "htx: no new row for 0:03:01, more than 3 intervals",
        ),
        (replace(NEWEST, received_at=None), "htx: no row was ever stored"),
        (
            replace(NEWEST, reporting=89),
            "htx: 11 of 100 instruments have no row of the last 180 s",
        ),
    ],
)
def test_rows_that_are_missing_are_said(newest: Reported, sentence: str) -> None:
    """One sentence, with the venue's name and figures; nothing about a venue that is off."""
    report = fresh()
    report.venues[0].newest = newest

    assert attention(report) == [sentence]
    report.venues[0].enabled = False
    assert attention(report) == ["no venue is enabled"]


@pytest.mark.parametrize("outcome", ["failed", "refused", "interrupted", "skipped", "empty"])
def test_a_poll_that_brought_nothing_is_said(outcome: str) -> None:
    """With what went wrong."""
    report = fresh()
    report.venues[0].polls = replace(POLLED, last_outcome=outcome, last_error="why")

    assert attention(report) == [f"htx: the newest poll was {outcome}: why"]


def test_a_venue_that_was_never_polled_is_said() -> None:
    """It is enabled, and nobody polls it."""
    report = fresh()
    report.venues[0].polls = replace(POLLED, last_outcome=None)

    assert attention(report) == ["htx: never polled"]


def test_a_journal_that_fills_up_or_is_damaged_is_said() -> None:
    """Before polls are refused; that it is not on this machine is no fault."""
    report = fresh()
    report.journal.seen = Glimpse(1, 2, 801)
    assert attention(report) == ["journal j: 80% full; at its bound new polls are refused"]
    report.journal = JournalReport(Path("j"), 1000, remark="damaged", damaged=True)
    assert attention(report) == ["damaged"]
    report.journal = JournalReport(Path("j"), 1000, remark="elsewhere")
    assert attention(report) == []


def test_the_database_is_said_first() -> None:
    """Away, not telling everything, or behind."""
    report = fresh()
    report.errors = ["refused"]
    assert attention(report) == ["database host:5432/db does not tell everything: refused"]
    report.server = None
    assert attention(report) == ["database host:5432/db cannot be asked: refused"]
    report.errors, report.server = [], replace(SERVER, pending=["0008_a.sql"])
    assert attention(report) == ["schema: pending: 0008_a.sql; run `collector migrate`"]
