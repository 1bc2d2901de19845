"""`collector export` on the command line."""

import asyncio
import signal
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import click

from collector import config
from collector.db import Database
from collector.db.patterns import expression
from collector.db.reading import EVER, Selection
from collector.db.relations import RELATIONS
from collector.errors import OutputError
from collector.export import copying, moments
from collector.export.copying import Destination
from collector.settings import Settings
from collector.venues import VENUES

_SIGNALLED = 128
"""A shell's status for what a signal has ended, less the signal's number."""

_FORMATS = {".csv": "csv", ".parquet": "parquet", ".pq": "parquet"}
_EXAMPLES = """\b
Examples:
  collector export btc.parquet --symbol 'BTC*' --from 7d
  collector export --of polls --venue htx --from 2026-11-21 --to 2026-11-22 > polls.csv
"""


class _Common(Protocol):
    def settings(self) -> Settings: ...


def _moment(context: click.Context, option: click.Parameter, text: str | None) -> datetime | None:
    """Read a time.

    Raises:
        click.BadParameter: it is none.
    """
    try:
        return None if text is None else moments.moment(text, datetime.now(UTC))
    except ValueError as error:
        raise click.BadParameter(str(error), context, option) from error


@click.command(epilog=_EXAMPLES)
@click.argument("file", default="-")
@click.option(
    "--of",
    "relation",
    type=click.Choice(list(RELATIONS)),
    default="open_interest",
    show_default=True,
    help="The view or table.",
)
@click.option(
    "--venue",
    "venues",
    multiple=True,
    type=click.Choice(sorted(VENUES)),
    help="Only this venue; may be given several times.",
)
@click.option(
    "--symbol",
    "symbols",
    multiple=True,
    metavar="PATTERN",
    help="Only symbols like this, with *, ? and [abc]; may be given several times.",
)
@click.option("--from", "start", metavar="TIME", callback=_moment, help="From this moment on.")
@click.option(
    "--to", "end", metavar="TIME", callback=_moment, help="Until this moment, itself not included."
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["csv", "parquet"]),
    help="What to write.  [default: what FILE ends with; CSV to standard output]",
)
@click.option("--force", is_flag=True, help="Replace FILE if it is there.")
@click.pass_obj
def export(  # noqa: PLR0913 - the options that there are
    common: _Common,
    *,
    file: str,
    relation: str,
    venues: Sequence[str],
    symbols: Sequence[str],
    start: datetime | None,
    end: datetime | None,
    form: str | None,
    force: bool,
) -> None:
    """Write rows to FILE, as Parquet or CSV, or as CSV to standard output.

    Times are UTC: 2026-11-21, 2026-11-21T12:30, or 90m, 24h, 7d, 2w for so long ago. Amounts have
    all their digits. FILE is there when it is whole; if anything goes wrong nothing is left.

    It reads with database.dsn; an analyst's login may read everything, the daemon's own not.
    """
    form = _format(file, form)
    if symbols and not RELATIONS[relation].symbols:
        raise click.UsageError(f"--symbol: {relation} has no symbols")
    if start is not None and end is not None and start >= end:
        raise click.UsageError(f"--from {start:%F %T} is not before --to {end:%F %T} (UTC)")
    selection = Selection(venues or None, expression(symbols), start or EVER[0], end or EVER[1])
    to = Destination(None if file == "-" else Path(file), form, force)
    database = Database(config.require_dsn(common.settings()), "collector export")
    # As Ctrl-C does, so that nothing is left: Python's default ends a program on the spot.
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(_SIGNALLED + number))
    try:
        done = asyncio.run(copying.export(database, relation, selection, to))
    except OutputError as error:
        if isinstance(error.__cause__, BrokenPipeError):
            raise error.__cause__ from None  # whoever read has had enough
        raise
    where = "standard output" if file == "-" else file
    found = f"{done.rows:,} rows" if done.rows else "no rows are like that: only the columns' names"
    for sentence in (f"{where}: {found}", *done.remarks):
        click.echo(sentence, err=True)


def _format(file: str, form: str | None) -> str:
    """Return csv or parquet.

    Raises:
        click.UsageError: the file's name does not say, or it cannot go to standard output.
    """
    if file == "-":
        if form == "parquet":
            raise click.UsageError("Parquet needs a FILE: it cannot go to standard output")
        return "csv"
    known = form or _FORMATS.get(Path(file).suffix.lower())
    if known is None:
        raise click.UsageError(f"{file}: ends with neither .csv nor .parquet; say --format")
    return known
