"""Fixtures that are used everywhere: a fresh database for each test."""

import asyncio
import os
import signal
import socket
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest
import pytest_asyncio
import stamina.instrumentation

from collector.db import Connection, Database
from collector.db.migrate import migrate

# As `log.configure` has it: whoever retries tells of it, and tests look at what is told.
stamina.instrumentation.set_on_retry_hooks([])

# What a shell runs in the background ignores Ctrl-C, and under nohup the end of its terminal; so
# would all that is started from here. A handler that does nothing ignores it, and is not inherited.
for _number in (signal.SIGINT, signal.SIGHUP):
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, lambda *_: None)

NEEDED = "COLLECTOR__DATABASE__DSN"


def database_named(dsn: str, name: str) -> str:
    """Return the DSN of another database of the same server."""
    return urlunsplit(urlsplit(dsn)._replace(path=f"/{name}"))


@dataclass(frozen=True)
class Logins:
    """Those who log in: who migrates, who writes, who reads; each may do no more than that."""

    server_dsn: str
    owner: str
    writer: str
    analyst: str
    password: str

    def dsn(self, name: str, database: str) -> str:
        """Return the DSN of one of them."""
        parts = urlsplit(self.server_dsn)
        netloc = f"{name}:{self.password}@{parts.netloc.rpartition('@')[2]}"
        return urlunsplit(parts._replace(netloc=netloc, path=f"/{database}"))


async def execute(dsn: str, *statements: str) -> None:
    """Run statements that cannot be in a transaction."""
    connection = await asyncpg.connect(dsn)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


@pytest.fixture(scope="session", autouse=True)
def _no_stray_event_loop() -> None:
    """Keep looptime from making a loop for a test without one, which nobody would close."""
    asyncio.set_event_loop(None)


@pytest.fixture(scope="session")
def server_dsn() -> str:
    """The server that the tests may create databases on."""
    if NEEDED not in os.environ:
        pytest.fail(
            f"{NEEDED} is not set: run `make test`,"
            " or scripts/timescaledb.py run tests --fast -- .venv/bin/pytest"
        )
    return os.environ[NEEDED]


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def logins(server_dsn: str) -> AsyncIterator[Logins]:
    """Roles of this session; collector_writer and analyst are the server's, and stay."""
    run = uuid.uuid4().hex
    names = (f"owner_{run}", f"writer_{run}", f"analyst_{run}")
    logins = Logins(server_dsn, *names, password=f"sesame-{run}")
    password = f"LOGIN PASSWORD '{logins.password}'"
    await execute(server_dsn, *(f"CREATE ROLE {name} {password}" for name in names))
    await execute(server_dsn, f"ALTER ROLE {logins.owner} CREATEROLE")
    yield logins
    await execute(server_dsn, f"DROP ROLE {', '.join(names)}")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def template(server_dsn: str, logins: Logins) -> AsyncIterator[str]:
    """A database with the whole schema, to clone from: four times quicker than to migrate."""
    name = f"template_{uuid.uuid4().hex}"
    await execute(server_dsn, f"CREATE DATABASE {name} OWNER {logins.owner}")
    database = Database(logins.dsn(logins.owner, name))
    assert (await migrate(database)).problem is None
    await database.close()
    await execute(
        database_named(server_dsn, name),
        # They would keep the template in use.
        "SELECT _timescaledb_functions.stop_background_workers()",
    )
    await execute(
        server_dsn,
        f"ALTER DATABASE {name} ALLOW_CONNECTIONS false",
        f"GRANT collector_writer TO {logins.writer}",
        f"GRANT analyst TO {logins.analyst}",
    )
    yield name
    await execute(server_dsn, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
async def empty_dsn(server_dsn: str) -> AsyncIterator[str]:
    """The DSN of a new database with nothing in it."""
    name = f"test_{uuid.uuid4().hex}"
    await execute(server_dsn, f"CREATE DATABASE {name}")
    yield database_named(server_dsn, name)
    await execute(server_dsn, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
async def dsn(server_dsn: str, template: str, logins: Logins) -> AsyncIterator[str]:
    """The DSN of a new database with the schema in it, for somebody who may do everything."""
    name = f"test_{uuid.uuid4().hex}"
    await execute(
        server_dsn,
        f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy OWNER {logins.owner}",
        # What is granted on a database is not in the template.
        f"REVOKE ALL ON DATABASE {name} FROM PUBLIC",
        f"GRANT CONNECT, TEMPORARY ON DATABASE {name} TO collector_writer",
        f"GRANT CONNECT ON DATABASE {name} TO analyst",
    )
    yield database_named(server_dsn, name)
    await execute(server_dsn, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def writer_dsn(dsn: str, logins: Logins) -> str:
    """The DSN that the collector has: of a login that is only in collector_writer."""
    return logins.dsn(logins.writer, dsn.rpartition("/")[2])


@pytest.fixture
async def database(writer_dsn: str) -> AsyncIterator[Database]:
    """The collector's own access to the database of the test."""
    database = Database(writer_dsn)
    yield database
    await database.close()


@pytest.fixture
async def sql(dsn: str) -> AsyncIterator[Connection]:
    """A connection beside the collector's, to look at what it has done."""
    connection = await asyncpg.connect(dsn)
    yield connection
    await connection.close()


@pytest.fixture
def unused_port() -> int:
    """A port of 127.0.0.1 that nobody listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
