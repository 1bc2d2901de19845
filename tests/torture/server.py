"""A TimescaleDB of the rig's own, which may be killed; with every sync that a real one makes."""

import asyncio
import contextlib
import signal
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import psutil
from timescaledb import Cluster

from collector.db import Connection

WRITER = "torture"
"""The role of the collector: no superuser, so that it has no reserved connections."""

_LOOK_SECONDS = 0.01


class Server(Cluster):
    """A cluster whose server dies without warning, and is started again."""

    def __init__(self, name: str) -> None:
        super().__init__(name, durable=True)
        self.kills = 0
        self.maintenance = ""
        self._process: subprocess.Popen[bytes] | None = None

    @asynccontextmanager
    async def open(self) -> AsyncIterator["Server"]:
        """Start with no data of an earlier time, and leave nothing behind."""
        await asyncio.to_thread(self.drop)
        self.folder.mkdir(parents=True)
        with self._lock():
            try:
                await self.start()
                password = urlsplit(self.maintenance).password
                await self.execute(f"CREATE ROLE {WRITER} LOGIN PASSWORD '{password}'")
                yield self
            finally:
                await self.kill()
        await asyncio.to_thread(self.drop)

    async def start(self) -> None:
        """Start, and wait until it answers."""
        self._process = await asyncio.to_thread(self._start)
        password = (self.folder / "password").read_text()
        self.maintenance = f"postgresql://postgres:{password}@127.0.0.1:{self.port}/postgres"
        await asyncio.to_thread(self._prepare, self._process, self.port, password)

    async def kill(self) -> None:
        """Kill the server and each of its processes with SIGKILL."""
        process, self._process = self._process, None
        if process is None:
            return
        self.kills += 1
        family = [psutil.Process(process.pid)]
        with contextlib.suppress(psutil.NoSuchProcess):
            family += family[0].children(recursive=True)
        for each in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                each.kill()
        await asyncio.to_thread(process.wait)
        # While a child lives, it holds the shared memory, and the next server would not start.
        while any(_lives(each) for each in family[1:]):
            await asyncio.sleep(_LOOK_SECONDS)

    async def restart(self) -> None:
        """Stop as an operator does, throwing out whoever is connected, and start again."""
        process, self._process = self._process, None
        assert process is not None
        process.send_signal(signal.SIGINT)
        await asyncio.to_thread(process.wait)
        await self.start()

    @property
    def up(self) -> bool:
        """Whether it has been started, and not killed since."""
        return self._process is not None

    @property
    def port(self) -> int:
        """Where it listens; the same after each start."""
        return int((self.folder / "port").read_text())

    def dsn(self, database: str, role: str = WRITER, port: int | None = None) -> str:
        """Return where a database is, for a role."""
        parts = urlsplit(self.maintenance)
        location = f"{role}:{parts.password}@127.0.0.1:{port or self.port}"
        return urlunsplit(parts._replace(netloc=location, path=f"/{database}"))

    @asynccontextmanager
    async def session(self, database: str = "postgres") -> AsyncIterator[Connection]:
        """Lend a superuser's connection that goes past the proxy."""
        connection = await asyncpg.connect(self.dsn(database, "postgres"), command_timeout=60)
        try:
            yield connection
        finally:
            connection.terminate()

    async def execute(self, *statements: str, database: str = "postgres") -> None:
        """Run statements as the superuser, each in a transaction of its own."""
        async with self.session(database) as connection:
            for statement in statements:
                await connection.execute(statement)

    async def throw_out(self, database: str) -> None:
        """End the collector's sessions."""
        await self.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            f" WHERE datname = '{database}' AND application_name = 'collector'"
        )

    async def create(self, database: str, *options: str) -> None:
        """Create a database that does not belong to the collector."""
        await self.execute(f"CREATE DATABASE {database} {' '.join(options)}")
        await self.execute("CREATE EXTENSION timescaledb", database=database)

    @asynccontextmanager
    async def renamed(self, database: str) -> AsyncIterator[None]:
        """Have no database of that name while the block runs."""
        there = f"{database}_elsewhere"
        await self._rename(database, there)
        try:
            yield
        finally:
            await self._rename(there, database)

    async def _rename(self, database: str, name: str) -> None:
        async with self.session() as connection:
            while True:
                # TimescaleDB's own workers come back a moment after they were ended.
                await connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    f" WHERE datname = '{database}'"
                )
                with contextlib.suppress(asyncpg.ObjectInUseError):
                    await connection.execute(f"ALTER DATABASE {database} RENAME TO {name}")
                    return

    def log_place(self) -> int:
        """Return where its log ends now."""
        return (self.folder / "log").stat().st_size

    async def logged(self, text: str, since: int) -> None:
        """Wait until its log says something: that a fault is what it is meant to be."""
        while text.encode() not in (self.folder / "log").read_bytes()[since:]:
            await asyncio.sleep(_LOOK_SECONDS)


def _lives(process: psutil.Process) -> bool:
    """Tell whether a process still holds anything; a dead one may wait for its parent's notice."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return process.status() != psutil.STATUS_ZOMBIE
    return False
