"""The command line. Exit status: 0 done, 2 the input is wrong, 1 anything else."""

import asyncio
import os
import sys
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import click
from rich.console import Console
from rich.table import Table

from collector import __version__, app, check, config, log, show
from collector.db import Database
from collector.db import policies as db_policies
from collector.db.migrate import Migrated, migrate, pending, shipped
from collector.db.policies import Policies
from collector.db.venues import plan_sides, reconcile_sides
from collector.demo import demo
from collector.errors import CollectorError, ConfigError
from collector.export.command import export
from collector.http import Patience
from collector.models import Parsed, Reject, SidesRule
from collector.settings import Settings
from collector.sides import rules
from collector.simulator.command import simulate
from collector.status.command import status
from collector.venues import VENUES
from collector.venues.spec import Reply

T = TypeVar("T")

_POLL_SECONDS = 300.0
_TRACEBACK = "COLLECTOR_TRACEBACK"


@dataclass(frozen=True)
class _Common:
    """What every command is told before its own options."""

    path: Path | None

    def settings(self) -> Settings:
        settings = config.load(self.path, os.environ)
        log.configure(settings.log.level, settings.log.format)
        return settings


@click.group(
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Every key of the configuration can be set in the environment as well: "
    "COLLECTOR__DATABASE__DSN, COLLECTOR__VENUES__BITGET__INTERVAL and so on.",
)
@click.option(
    "-c",
    "--config",
    "path",
    type=click.Path(path_type=Path),
    help="The configuration.  [default: config.yaml in the working directory, if there is one]",
)
@click.version_option(__version__, prog_name="collector")
@click.pass_context
def cli(context: click.Context, path: Path | None) -> None:
    """Collect open interest of crypto derivatives venues into TimescaleDB."""
    context.obj = _Common(path)


@cli.command()
@click.pass_obj
def run(common: _Common) -> None:
    """Poll the venues and fill the database, until SIGTERM or Ctrl-C.

    The database may be away, even at the start: what is collected waits in the journal.
    """
    _await(app.run(common.settings()))


@cli.command(name="check")
@click.pass_obj
def check_command(common: _Common) -> None:
    """Say whether the configuration works, and what it asks of the venues.

    Ends with status 2 if a venue cannot be polled as often as the configuration says.
    """
    settings = common.settings()
    plans = _await(check.plans(settings))
    table = Table("venue", "instruments", "requests", "seconds", "interval", "used", box=None)
    for column in table.columns[1:]:
        column.justify = "right"
    for plan in plans:
        table.add_row(
            plan.name,
            str(plan.instruments) if plan.error is None else f"about {plan.instruments}",
            str(plan.budget.requests),
            f"{plan.budget.seconds:.1f}",
            f"{plan.interval:g}s",
            f"{plan.budget.used(plan.interval):.1%}",
        )
    console = Console(highlight=False)
    console.print(table)
    console.print(
        "requests: in a sweep; seconds: of a sweep at the documented limit, at the least;"
        " used: of the requests that limit_share permits"
    )
    for plan in plans:
        if plan.error is not None:
            console.print(f"{plan.name} could not be asked, its number is a guess: {plan.error}")
    if settings.database.dsn is not None:
        console.print("database", _await(check.database_state(config.require_dsn(settings))))
    problems = [plan.problem for plan in plans if plan.problem is not None]
    if problems:
        raise ConfigError(str(common.path or config.DEFAULT_PATH), problems)


@cli.command(name="migrate")
@click.option("--plan", is_flag=True, help="Say what would be applied, and change nothing.")
@click.pass_obj
def migrate_command(common: _Common, *, plan: bool) -> None:
    """Create the tables, or bring them up to date, and the policies to what is configured."""
    settings = common.settings()
    database = Database(config.require_dsn(settings), "collector migrate")
    _await(_migrate(database, Policies.of(settings.database), rules(settings), plan=plan))


@cli.command()
@click.argument("venue", type=click.Choice(sorted(VENUES)))
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object per row, not a table.")
@click.pass_obj
def poll(common: _Common, venue: str, *, as_json: bool) -> None:
    """Poll VENUE once and print what it reports; no database is needed.

    The request limits are kept, but not shared with a collector that is running on the same
    address: set limit_share for both of them.
    """
    _await(_poll(common.settings(), venue, as_json=as_json))


@cli.command(name="demo")
@click.option("--for", "seconds", type=float, help="End after so many seconds, not at Ctrl-C.")
@click.pass_obj
def demo_command(common: _Common, seconds: float | None) -> None:
    """Run the daemon against simulated venues, and watch rows arrive.

    `make demo` brings a database along; this command uses the one that is configured.
    """
    _await(demo(config.require_dsn(common.settings()), seconds))


for each in (export, status, simulate):
    cli.add_command(each)


def main() -> int:
    """Run the command line and return the exit status."""
    try:
        # What a command returns is None, or a status that it has asked for.
        return cli.main(standalone_mode=False) or 0
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - the last to hear of it
        return _explain(error)


def _explain(error: BaseException) -> int:
    """Say in a sentence why a command did not end well; return the exit status for it."""
    status = 1
    match error:
        case click.ClickException():
            error.show()
            status = error.exit_code
        case click.Abort() | KeyboardInterrupt():
            status = 130
        case BrokenPipeError():
            # Whoever read our output has had enough; Python must not try to flush the rest.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        case CollectorError():
            click.echo(f"collector: {error}", err=True)
            status = 2 if isinstance(error, ConfigError) else 1
        case _ if os.environ.get(_TRACEBACK):
            raise error
        case _:
            click.echo(f"collector: internal error: {type(error).__name__}: {error}", err=True)
            click.echo(f"Set {_TRACEBACK}=1 to see where it came from.", err=True)
    return status


def _await(work: Coroutine[None, None, T]) -> T:
    return asyncio.run(work)


async def _migrate(
    database: Database, wanted: Policies, sides: Mapping[str, SidesRule], *, plan: bool
) -> None:
    try:
        if plan:
            done = await _planned(database, wanted, sides)
        else:
            done = await migrate(database, wanted_policies=wanted)
            changed = await reconcile_sides(database, sides)
            done = replace(done, changes=[*done.changes, *changed])
    finally:
        await database.close()
    for each in done.applied:
        click.echo(f"{'would apply' if plan else 'applied'} {each.name}")
    if not done.applied:
        click.echo("nothing to do, the schema is up to date")
    for change in done.changes:
        click.echo(f"{'would change' if plan else 'changed'} {change}")
    if done.problem is not None:
        click.echo(f"collector: {done.problem}", err=True)


async def _planned(
    database: Database, wanted: Policies, sides: Mapping[str, SidesRule]
) -> Migrated:
    """Return what `migrate` would do."""
    async with database.session() as connection:
        todo = await pending(connection, shipped())
        changes: Sequence[str] = ()
        if await db_policies.may_reconcile(connection):
            changes = await db_policies.plan(connection, wanted)
        elif todo:
            changes = [f"the policies to: {wanted}"]
        return Migrated(todo, None, [*changes, *await plan_sides(connection, sides)])


async def _poll(settings: Settings, venue: str, *, as_json: bool) -> None:
    """Sweep once and print; the rows go nowhere else.

    Raises:
        CollectorError: something that was asked for did not come.
    """
    rows: list[show.Received] = []
    set_aside: list[Reject] = []
    working = Console(stderr=True).status(f"asking {venue} ...")

    async def accept(reply: Reply, parsed: Parsed, _: int) -> None:
        rows.extend((each, reply.received_at) for each in parsed.snapshots)
        set_aside.extend(parsed.rejects)
        working.update(f"asking {venue}: {len(rows)} rows so far")

    with working:
        async with app.sweepers(settings, [venue], Patience()) as (_, asking):
            deadline = asyncio.get_running_loop().time() + _POLL_SECONDS
            sweep = await asking[venue].sweep(accept, deadline)
    (show.as_json if as_json else show.as_table)(venue, rows)
    for reject in set_aside:
        click.echo(f"set aside: {reject.symbol or '?'}: {reject.reason}", err=True)
    click.echo(
        f"{venue}: {len(rows)} rows of {sweep.instruments} instruments in {sweep.requests}"
        f" requests; {sweep.rejected} rows set aside, {sweep.unlisted} of instruments that are no"
        " longer listed left out",
        err=True,
    )
    if (error := sweep.error()) is not None:
        raise CollectorError(f"{sweep.outcome()}: {error}")
