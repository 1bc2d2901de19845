"""What needs attention: the reasons for which `collector status` ends with 1."""

from collections.abc import Iterator
from datetime import timedelta

from collector.status.report import LATE_INTERVALS, Report, VenueReport

_STALE_SHARE = 0.1
_FULL_SHARE = 0.8
_BAD_OUTCOMES = {"failed", "refused", "interrupted", "skipped", "empty"}


def attention(report: Report) -> list[str]:
    """Return a sentence for each thing that needs attention; none if everything is fresh."""
    return [*_of_the_database(report), *_of_the_journal(report), *_of_the_venues(report)]


def _of_the_database(report: Report) -> Iterator[str]:
    for error in report.errors:
        state = "cannot be asked" if report.server is None else "does not tell everything"
        yield f"database {report.address} {state}: {error}"
    if report.server is not None and report.server.pending:
        yield f"schema: pending: {', '.join(report.server.pending)}; run `collector migrate`"


def _of_the_journal(report: Report) -> Iterator[str]:
    journal = report.journal
    if journal.damaged:
        yield str(journal.remark)
    if journal.seen is not None and journal.seen.used_bytes > _FULL_SHARE * journal.max_bytes:
        share = journal.seen.used_bytes / journal.max_bytes
        yield f"journal {journal.path}: {share:.0%} full; at its bound new polls are refused"


def _of_the_venues(report: Report) -> Iterator[str]:
    if not any(venue.enabled for venue in report.venues):
        yield "no venue is enabled"
    for venue in report.venues:
        if venue.enabled:
            yield from (f"{venue.name}: {problem}" for problem in _of_a_venue(report, venue))


def _of_a_venue(report: Report, venue: VenueReport) -> Iterator[str]:
    polls, newest = venue.polls, venue.newest
    if polls is not None:
        if polls.last_outcome is None:
            yield "never polled"
        elif polls.last_outcome in _BAD_OUTCOMES:
            because = f": {polls.last_error}" if polls.last_error else ""
            yield f"the newest poll was {polls.last_outcome}{because}"
    if newest is None:
        return
    patience = timedelta(seconds=venue.patience)
    if newest.received_at is None:
        yield "no row was ever stored"
    elif report.at - newest.received_at > patience:
        since = timedelta(seconds=round((report.at - newest.received_at).total_seconds()))
        yield f"no new row for {since}, more than {LATE_INTERVALS} intervals"
    elif venue.stale and venue.stale > _STALE_SHARE * newest.active:
        yield (
            f"{venue.stale} of {newest.active} instruments have no row of the last"
            f" {venue.patience:g} s"
        )
