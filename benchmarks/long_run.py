"""The daemon for an hour at fifty times the real load: is anything growing, do the books balance?

    make longrun MINUTES=60
    python -m benchmarks.long_run [--minutes 60] [--bitget 865] [--htx 900] [--synthetix 200]

The simulator and `collector run` are processes of their own, the database is a real one (that of
COLLECTOR__DATABASE__DSN, empty at first), the journal a folder of its own. The real load is 865 +
361 + 40 instruments once a minute: 21.1 snapshots a second. The venues' limits and the shortest
interval (1 s) stay as they are, so the load is more instruments and shorter intervals where one
request brings everything: 900 of HTX, beside its rows of contracts long gone, and 200 of Synthetix
every second. Bitget is asked for one instrument at a time, at its limit of 20 a second throughout.

The venues misbehave at a low rate, and Bitget's figures stand still for a minute at a time, so that
every counter moves. Every 5 s the daemon's memory, descriptors and threads, the journal's bytes,
the rows stored and the CPU time of daemon and database are taken from outside; the daemon's own
count of its asyncio tasks is asked for over HTTP. Rows stored are those that `polls` counted;
open_interest itself is counted once, at the end.

Status 1 if in the last quarter, compared with the first after two minutes of warm-up, memory is up
by 5 % or 10 MiB, the journal by a segment of 4 MiB, descriptors by more than four, tasks by more
than eight, threads by more than one; or if the books do not balance, a venue had to refuse a
request, or the daemon did not end with status 0.
A run below ten minutes is not judged by what grew. Ctrl-C ends it early, with the table so far.
"""

import argparse
import asyncio
import contextlib
import os
import shutil
import signal
import sys
import tempfile
from asyncio.subprocess import Process
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from benchmarks.long_run_books import imbalances, kept, page, said
from benchmarks.long_run_figures import MIB, Sample, growth, long_enough, table, trends
from benchmarks.long_run_processes import (
    REAL_LOAD,
    Load,
    LongRunError,
    configure,
    cpu_of_all,
    end,
    migrate,
    refused,
    server_of,
    simulated_venues,
    start,
    tasks_of,
)
from collector.db import Connection, Database
from collector.errors import CollectorError

_SAMPLE_SECONDS = 5.0
_LEAST_SAMPLES = 24
_TELL_SECONDS = 30.0


@dataclass
class Watch:
    """Looks at the daemon and its database from outside."""

    daemon: Process
    server: psutil.Process
    journal: Path
    connection: Connection
    samples: list[Sample] = field(default_factory=list)

    async def watch(self, stop: asyncio.Event, seconds: float) -> None:
        """Sample until the time is over, somebody stops us, or the daemon has ended."""
        loop = asyncio.get_running_loop()
        pause = min(_SAMPLE_SECONDS, seconds / _LEAST_SAMPLES)
        started, database = loop.time(), cpu_of_all(self.server)
        due, tell = started + pause, started + _TELL_SECONDS
        while due <= started + seconds:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), max(0.0, due - loop.time()))
            if stop.is_set() or self.daemon.returncode is not None:
                return
            await self._look(started, database)
            due += pause
            if due > tell:
                self._tell()
                tell += _TELL_SECONDS

    async def _look(self, started: float, database: float) -> None:
        stored = await self.connection.fetchval("SELECT coalesce(sum(rows_stored), 0) FROM polls")
        with contextlib.suppress(psutil.NoSuchProcess):  # it has ended: the caller will see
            daemon = psutil.Process(self.daemon.pid)
            if (tasks := await tasks_of(daemon)) is None:
                return
            cpu = daemon.cpu_times()
            self.samples.append(
                Sample(
                    at=asyncio.get_running_loop().time() - started,
                    memory=daemon.memory_info().rss,
                    descriptors=daemon.num_fds(),
                    threads=daemon.num_threads(),
                    tasks=tasks,
                    journal=_bytes_in(self.journal),
                    stored=int(stored),
                    daemon_cpu=cpu.user + cpu.system,
                    database_cpu=cpu_of_all(self.server) - database,
                )
            )

    def _tell(self) -> None:
        if not self.samples:
            return
        it = self.samples[-1]
        print(
            f"{it.at / 60:6.1f} min  {it.stored:,} rows ({it.stored / it.at:,.0f}/s)"
            f"  memory {it.memory / MIB:.1f} MiB  descriptors {it.descriptors}"
            f"  threads {it.threads}  tasks {it.tasks}  journal {it.journal / MIB:.2f} MiB"
            f"  CPU daemon {it.daemon_cpu / it.at:.0%} database {it.database_cpu / it.at:.0%}",
            flush=True,
        )


def _bytes_in(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        with contextlib.suppress(FileNotFoundError):  # a segment that is just being removed
            total += path.stat().st_size
    return total


async def long_run(folder: Path, load: Load, seconds: float) -> list[str]:
    """Run it all, and print what came of it.

    Returns:
        What is wrong, each as a sentence.

    Raises:
        LongRunError: the run cannot be made.
        CollectorError: the database cannot be used.
    """
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    print(load, flush=True)
    async with AsyncExitStack() as parts:
        url = await parts.enter_async_context(simulated_venues(load))
        configure(folder, url, load)
        await migrate(folder)
        database = Database(os.environ["COLLECTOR__DATABASE__DSN"], "collector long run")
        parts.push_async_callback(database.close)
        connection = await parts.enter_async_context(database.session())
        if await connection.fetchval("SELECT count(*) FROM polls"):
            raise LongRunError("the database has rows already; the books need an empty one")
        server, log = await server_of(connection), folder / "daemon.log"
        daemon = await start(folder, log, "run")
        parts.push_async_callback(end, daemon)
        watch = Watch(daemon, server, folder / "journal", connection)
        await watch.watch(stop, seconds)
        status = await end(daemon)
        books = said(log), await kept(connection), await refused(url)
    wrong = _judge(watch.samples)
    print(f"\n{page(*books)}\nstatus of the daemon: {status}")
    ended = [] if status == 0 else [f"the daemon ended with status {status}"]
    return wrong + imbalances(*books) + ended


def _judge(samples: list[Sample]) -> list[str]:
    """Print what was measured, and return what grew."""
    found = trends(samples)
    if not found:
        print("too short: nothing to compare")
        return []
    first, last = samples[0], samples[-1]
    seconds, rows = last.at - first.at, last.stored - first.stored
    print(f"\nAfter {last.at / 60:.1f} minutes, {len(samples)} samples:\n\n{table(found)}\n")
    print(
        f"{rows / seconds:,.0f} snapshots stored a second:"
        f" {rows / seconds / REAL_LOAD:.1f} times the real load"
    )
    for name, used in (
        ("daemon", last.daemon_cpu - first.daemon_cpu),
        ("database", last.database_cpu - first.database_cpu),
    ):
        print(f"CPU of the {name} for each: {used / max(1, rows) * 1e6:.0f} µs")
    if not long_enough(samples):
        print("too short to judge what grew")
        return []
    return growth(found)


def main() -> int:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--bitget", type=int, default=865)
    parser.add_argument("--htx", type=int, default=900)
    parser.add_argument("--synthetix", type=int, default=200)
    asked = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="collector-longrun-"))
    load = Load(asked.bitget, asked.htx, asked.synthetix)
    try:
        wrong = asyncio.run(long_run(folder, load, asked.minutes * 60))
    except (LongRunError, CollectorError) as error:
        wrong = [str(error)]
    if wrong:
        print("\n" + "\n".join(f"WRONG: {each}" for each in wrong))
        print(f"log and journal of the daemon are kept in {folder}")
        return 1
    shutil.rmtree(folder)
    print("\nThe books balance, and nothing was found that has grown.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
