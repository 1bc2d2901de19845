"""Fixtures that are used everywhere: a fresh database for each test."""

import asyncio
import os
import socket
import uuid
from collections.abc import AsyncIterator
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest
import pytest_asyncio
import stamina.instrumentation

from collector.db import Connection, Database
from collector.db.migrate import migrate

# As `log.configure` has it: whoever retries tells of it, and tests look at what is told.
stamina.instrumentation.set_on_retry_hooks([])

NEEDED = "COLLECTOR__DATABASE__DSN"


def database_named(dsn: str, name: str) -> str:
    """Return the DSN of another database of the same server."""
    return urlunsplit(urlsplit(dsn)._replace(path=f"/{name}"))


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
async def template(server_dsn: str) -> AsyncIterator[str]:
    """A database with the whole schema, to clone from: four times quicker than to migrate."""
    name = f"template_{uuid.uuid4().hex}"
    await execute(server_dsn, f"CREATE DATABASE {name}")
    database = Database(database_named(server_dsn, name))
    await migrate(database)
    async with database.session() as connection:
        # They would keep the template in use.
        await connection.execute("SELECT _timescaledb_functions.stop_background_workers()")
    await database.close()
    await execute(server_dsn, f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
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
async def dsn(server_dsn: str, template: str) -> AsyncIterator[str]:
    """The DSN of a new database with the schema in it."""
    name = f"test_{uuid.uuid4().hex}"
    await execute(server_dsn, f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
    yield database_named(server_dsn, name)
    await execute(server_dsn, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
async def database(dsn: str) -> AsyncIterator[Database]:
    """The collector's own access to the database of the test."""
    database = Database(dsn)
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
