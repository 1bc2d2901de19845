"""Fixtures of TimescaleDB Community: continuous aggregates, the columnstore, policies.

`community_dsn` has the newest schema and is shared by the tests of a module; `empty_community_dsn`
has nothing in it and is the test's own. Either takes some seconds to make.
"""

import os
from collections.abc import AsyncIterator, Iterator

import asyncpg
import pytest
import pytest_asyncio

from collector.db import Connection, Database
from collector.db.migrate import migrate
from tests.community.engine import Engine, missing


@pytest.fixture(scope="session")
def community() -> Iterator[Engine]:
    """What makes databases of the Community edition."""
    lacking = missing()
    if lacking is not None:
        sentence = f"TimescaleDB Community is not tested: {lacking} is not installed"
        if os.environ.get("CI"):
            pytest.fail(sentence)
        pytest.skip(sentence)
    engine = Engine()
    yield engine
    engine.close()


@pytest.fixture
def empty_community_dsn(community: Engine) -> Iterator[str]:
    """The DSN of a new database with nothing in it."""
    dsn = community.create()
    yield dsn
    community.drop(dsn)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def community_dsn(community: Engine) -> AsyncIterator[str]:
    """The DSN of a new database with the schema in it."""
    dsn = community.create()
    database = Database(dsn)
    assert (await migrate(database)).problem is None
    await database.close()
    yield dsn
    community.drop(dsn)


@pytest.fixture
async def community_sql(community_dsn: str) -> AsyncIterator[Connection]:
    """A connection to the module's database."""
    connection = await asyncpg.connect(community_dsn)
    yield connection
    await connection.close()
