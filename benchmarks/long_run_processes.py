"""The processes of the long run: simulated venues, the daemon, and the server of its database."""

import asyncio
import contextlib
import math
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import psutil

from collector.db import Connection

REAL_LOAD = (865 + 361 + 40) / 60
"""Snapshots a second: all instruments of the three venues, once a minute."""

FAULTS = (
    "*:500:0.01",
    "*:malformed-row:0.02",
    "*:duplicate-row:0.02",
    "*:truncated:0.005",
    "*:slow-body:0.005:1.5",
)
_REPEAT_MS = 60_000
_BITGET_LIMIT = 20
_START_SECONDS = 30.0
_STOP_SECONDS = 20.0

_CONFIG = """
journal: {{path: "{folder}/journal"}}
http: {{port: 0}}
log: {{format: json}}
venues:
  bitget: {{interval: {bitget}s, base_urls: ["{url}"]}}
  htx: {{interval: 1s, base_urls: ["{url}"]}}
  synthetix: {{interval: 1s, base_urls: ["{url}"]}}
"""


class LongRunError(Exception):
    """The run cannot be made; the message says why."""


@dataclass(frozen=True)
class Load:
    """How many instruments each venue has."""

    bitget: int
    htx: int
    synthetix: int

    @property
    def bitget_interval(self) -> int:
        """Seconds that a sweep takes at the limit, the retries of FAULTS included, and two more."""
        return math.ceil(self.bitget / _BITGET_LIMIT * 1.02) + 2

    def __str__(self) -> str:
        asked = self.bitget / self.bitget_interval + self.htx + self.synthetix
        return (
            f"Bitget {self.bitget} instruments every {self.bitget_interval} s, one a request;"
            f" HTX {self.htx} and Synthetix {self.synthetix} every second, all in one request:\n"
            f"{asked:,.0f} snapshots a second before faults, {asked / REAL_LOAD:.1f} times"
            f" the real load of {REAL_LOAD:.1f}.\n"
            f"Faults: {' '.join(FAULTS)};"
            f" Bitget's figures stand still for {_REPEAT_MS // 1000} s."
        )


@asynccontextmanager
async def simulated_venues(load: Load) -> AsyncIterator[str]:
    """Run the simulator; give its address."""
    options = [f"--{name}={count}" for name, count in vars(load).items()]
    options += [f"--fault={fault}" for fault in FAULTS]
    options += ["--port=0", f"--bitget-ts-repeat-ms={_REPEAT_MS}"]
    simulator = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "collector.simulator", *options),
        stdin=DEVNULL,
        stdout=PIPE,
        start_new_session=True,  # Ctrl-C is for us; we end the others in order
    )
    try:
        async with asyncio.timeout(_START_SECONDS):
            line = (await simulator.stdout.readline()).decode() if simulator.stdout else ""
        _, _, rest = line.partition("simulating on ")
        if not rest:
            raise LongRunError("the simulator does not start")
        yield rest.partition(": ")[0]
    finally:
        await end(simulator)


async def refused(url: str) -> dict[str, int]:
    """Ask the simulated venues how many requests were above which limit."""
    async with aiohttp.ClientSession(url) as session, session.get("/_sim/stats") as response:
        stats = await response.json()
    return {
        scope: seen["rejected"]
        for venue in stats["venues"].values()
        for scope, seen in venue["limits"].items()
        if seen["rejected"] > 0
    }


async def tasks_of(daemon: psutil.Process) -> int | None:
    """Ask a daemon how many asyncio tasks it has; None if it does not answer yet, or no more."""
    ports = [
        each.laddr.port
        for each in daemon.net_connections(kind="tcp")
        if each.status == psutil.CONN_LISTEN
    ]
    if not ports:
        return None
    url = f"http://127.0.0.1:{ports[0]}/healthz"
    try:
        async with aiohttp.ClientSession() as session, session.get(url) as response:
            return int((await response.json())["tasks"])
    except aiohttp.ClientError:
        return None


def configure(folder: Path, url: str, load: Load) -> None:
    """Write the daemon's configuration."""
    text = _CONFIG.format(folder=folder, url=url, bitget=load.bitget_interval)
    (folder / "config.yaml").write_text(text, encoding="utf-8")


async def start(folder: Path, log: Path, *arguments: str) -> Process:
    """Start the real program with that configuration; its standard error is its log."""
    with log.open("wb") as file:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "collector", "--config", str(folder / "config.yaml")),
            *arguments,
            stdin=DEVNULL,
            stdout=DEVNULL,
            stderr=file,
            start_new_session=True,
        )


async def migrate(folder: Path) -> None:
    """Make the tables.

    Raises:
        LongRunError: that does not work, and why.
    """
    log = folder / "migrate.log"
    if await (await start(folder, log, "migrate")).wait() != 0:
        raise LongRunError(log.read_text(encoding="utf-8").strip())


async def end(process: Process) -> int:
    """End a process that may be gone already; return its status."""
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        async with asyncio.timeout(_STOP_SECONDS):
            return await process.wait()
    except TimeoutError:
        process.kill()
        return await process.wait()


async def server_of(connection: Connection) -> psutil.Process:
    """Return the database server's first process: the one above that of our connection.

    Raises:
        LongRunError: it is not on this machine.
    """
    pid = await connection.fetchval("SELECT pg_backend_pid()")
    with contextlib.suppress(psutil.NoSuchProcess):
        backend = psutil.Process(pid)
        server = backend.parent()
        if server is not None and any("postgres" in word for word in backend.cmdline()):
            return server
    raise LongRunError("the database is not on this machine: its CPU time cannot be seen")


def cpu_of_all(server: psutil.Process) -> float:
    """Return the CPU seconds of a server, its processes, and those that it had and are gone."""
    total = 0.0
    for each in [server, *server.children(recursive=True)]:
        with contextlib.suppress(psutil.NoSuchProcess):  # counted with its parent from now on
            cpu = each.cpu_times()
            total += cpu.user + cpu.system + cpu.children_user + cpu.children_system
    return total
