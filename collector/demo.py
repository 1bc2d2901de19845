"""`collector demo`: the real daemon against simulated venues, to look at."""

import asyncio
import contextlib
import json
import os
import shlex
import shutil
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import aiohttp
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table

from collector.db import Database
from collector.errors import CollectorError, DatabaseError

QUESTION = (
    "SELECT venue, count(*), count(DISTINCT symbol), max(exchange_ts) FROM open_interest"
    " GROUP BY venue ORDER BY venue"
)
_START_SECONDS = 20.0
_STOP_SECONDS = 12.0
_REFRESH_SECONDS = 1.0
_PLAIN_REFRESH_SECONDS = 5.0

# Short intervals where one request brings everything; a sweep of Bitget takes 45 s at its limit.
_CONFIG = """
journal: {{path: {folder}/journal}}
http: {{port: 0}}
log: {{format: json}}
venues:
  bitget: {{interval: 60s, base_urls: ["{url}"]}}
  htx: {{interval: 10s, base_urls: ["{url}"]}}
  synthetix: {{interval: 10s, base_urls: ["{url}"]}}
"""


@dataclass(frozen=True)
class Budget:
    """What a simulated venue has seen of one of its limits."""

    scope: str
    requests: int
    refused: int
    most: int
    """The most requests that any window held."""
    count: int
    seconds: float


async def demo(dsn: str, seconds: float | None) -> None:
    """Run everything until Ctrl-C, or for some seconds, and show what happens.

    Raises:
        CollectorError: the simulator or the daemon does not start, or does not end well.
    """
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    console = Console(highlight=False)
    async with AsyncExitStack() as parts:
        folder = Path(parts.enter_context(TemporaryDirectory(prefix="collector-demo-")))
        url = await parts.enter_async_context(_simulated_venues())
        session = await parts.enter_async_context(aiohttp.ClientSession(url))
        database = Database(dsn, "collector demo")
        parts.push_async_callback(database.close)
        _explain(console, dsn, url, folder)
        async with _daemon(dsn, url, folder) as daemon:
            await _watch(console, database, session, daemon, stop, seconds)
        rows, budgets = await _rows(database), await _budgets(session)
    console.print(_tables(rows, budgets))
    _judge(console, budgets)


@asynccontextmanager
async def _simulated_venues() -> AsyncIterator[str]:
    """Run the simulator in a process of its own; give its address."""
    command = [sys.executable, "-m", "collector.simulator", "--port", "0"]
    simulator = await asyncio.create_subprocess_exec(
        *command,
        stdin=DEVNULL,
        stdout=PIPE,
        start_new_session=True,  # Ctrl-C is for us; we end the others in order
    )
    try:
        if simulator.stdout is None:
            raise CollectorError("the simulator has no output")
        async with asyncio.timeout(_START_SECONDS):
            line = (await simulator.stdout.readline()).decode()
        _, _, rest = line.partition("simulating on ")
        if not rest:
            raise CollectorError("the simulator does not start")
        yield rest.partition(": ")[0]
    finally:
        await _end(simulator)


@asynccontextmanager
async def _daemon(dsn: str, url: str, folder: Path) -> AsyncIterator[Process]:
    """Run `collector run` in a process of its own; it has to end with status 0."""
    config = folder / "config.yaml"
    config.write_text(_CONFIG.format(folder=folder, url=url))
    with (folder / "daemon.log").open("wb") as log:
        daemon = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "collector", "--config", str(config), "run"),
            stdin=DEVNULL,
            stderr=log,
            start_new_session=True,
            env={**os.environ, "COLLECTOR__DATABASE__DSN": dsn},
        )
    try:
        yield daemon
    finally:
        status = await _end(daemon)
        if status != 0:
            tail = (folder / "daemon.log").read_text(errors="replace").splitlines()[-5:]
            raise CollectorError(f"the daemon ended with status {status}:\n" + "\n".join(tail))


async def _end(process: Process) -> int:
    """End a process that may be gone already; return its status."""
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        async with asyncio.timeout(_STOP_SECONDS):
            return await process.wait()
    except TimeoutError:
        process.kill()
        return await process.wait()


async def _watch(  # noqa: PLR0913, PLR0917 - what is watched, and for how long
    console: Console,
    database: Database,
    session: aiohttp.ClientSession,
    daemon: Process,
    stop: asyncio.Event,
    seconds: float | None,
) -> None:
    """Show the tables again and again until the end."""
    loop = asyncio.get_running_loop()
    deadline = None if seconds is None else loop.time() + seconds
    pause = _REFRESH_SECONDS if console.is_terminal else _PLAIN_REFRESH_SECONDS
    with Live(console=console, auto_refresh=False, transient=True) as live:
        while not stop.is_set() and daemon.returncode is None:
            left = pause if deadline is None else min(pause, deadline - loop.time())
            if left <= 0:
                return
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), left)
            rows, budgets = await _rows(database), await _budgets(session)
            if console.is_terminal:
                live.update(_tables(rows, budgets), refresh=True)
            else:
                console.print(_line(rows, budgets))


def _explain(console: Console, dsn: str, url: str, folder: Path) -> None:
    psql = shutil.which("psql") or "psql"
    ask = shlex.join([psql, dsn, "-c", QUESTION])
    console.print(f"simulated venues   {url}/_sim/stats", soft_wrap=True)
    console.print(f"log of the daemon  {folder}/daemon.log", soft_wrap=True)
    console.print(f"database           {dsn}", soft_wrap=True)
    console.print(f"Ask it from another terminal, while this runs:\n\n  {ask}\n", soft_wrap=True)
    console.print(
        "HTX and Synthetix are polled every 10 s, Bitget every minute, one instrument at a time,"
        " which takes it 45 s. Ctrl-C ends it all.\n"
    )


async def _rows(database: Database) -> Sequence[tuple[object, ...]]:
    try:
        async with database.session() as connection:
            return [tuple(row) for row in await connection.fetch(QUESTION)]
    except DatabaseError:
        return []  # the daemon has not made its tables yet


async def _budgets(session: aiohttp.ClientSession) -> list[Budget]:
    async with session.get("/_sim/stats") as response:
        stats = json.loads(await response.text())
    return [
        Budget(
            scope,
            seen["requests"],
            seen["rejected"],
            seen["most_arrivals_in_window"],
            seen["limit"]["count"],
            seen["limit"]["window_seconds"],
        )
        for venue in stats["venues"].values()
        for scope, seen in venue["limits"].items()
        if seen["requests"] > 0
    ]


def _tables(rows: Sequence[tuple[object, ...]], budgets: Sequence[Budget]) -> Group:
    stored = Table("venue", "rows", "instruments", "newest exchange_ts", title="open_interest")
    for row in rows:
        stored.add_row(*(str(value) for value in row))
    asked = Table("limit", "requests", "refused", "most in a window", "permitted", title="venues")
    for budget in budgets:
        permitted = f"{budget.count} per {budget.seconds:g} s"
        numbers = (budget.requests, budget.refused, budget.most)
        asked.add_row(budget.scope, *map(str, numbers), permitted)
    return Group(stored, asked)


def _line(rows: Sequence[tuple[object, ...]], budgets: Sequence[Budget]) -> str:
    """Return the tables in a line, for output that cannot be drawn over."""
    stored = ", ".join(f"{row[0]} {row[1]}" for row in rows) or "none yet"
    refused = sum(budget.refused for budget in budgets)
    return f"rows: {stored}; requests refused: {refused}"


def _judge(console: Console, budgets: Sequence[Budget]) -> None:
    over = [budget.scope for budget in budgets if budget.refused or budget.most > budget.count]
    if over:
        raise CollectorError(f"limits were broken: {', '.join(over)}")
    console.print("Everything has ended well, and no venue saw more requests than it permits.")
