"""`collector status` on the command line."""

import asyncio
from datetime import UTC, datetime
from typing import Protocol

import click

from collector import config
from collector.settings import Settings
from collector.status import show
from collector.status.report import report
from collector.status.verdict import attention

_WORDS = """\b
active     instruments that the venue lists, selected by include and exclude
reporting  those with a row of the last three intervals; the others are stale
coverage   polls of the last 24 hours that brought rows, of those that there should have been
lag        the age of the newest row in the database
journal    what waits on this machine's disk to be stored; its daemon is not disturbed
"""


class _Common(Protocol):
    def settings(self) -> Settings: ...


@click.command(epilog=_WORDS)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document, not tables.")
@click.pass_obj
@click.pass_context
def status(context: click.Context, common: _Common, *, as_json: bool) -> None:
    """Show venues, freshness, rows, lag, coverage, journal and database.

    Ends with status 0 if everything is fresh, and with 1 if something needs attention: the database
    cannot be asked, or its schema is not up to date; an enabled venue has no row of its last three
    intervals, or its newest poll brought none, or more than a tenth of its instruments are stale;
    the journal is damaged or four fifths full.

    It asks with database.dsn, the daemon's own login.
    """
    settings = common.settings()
    found = asyncio.run(report(settings, config.require_dsn(settings), datetime.now(UTC)))
    (show.as_json if as_json else show.as_tables)(found)
    if attention(found):
        context.exit(1)
