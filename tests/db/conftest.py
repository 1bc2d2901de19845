"""Fixtures of the database tests."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from collector.db import Connection
from tests.conftest import Logins


@pytest.fixture
async def analyst(dsn: str, logins: Logins) -> AsyncIterator[Connection]:
    """A connection of a login that is in `analyst`, and in nothing else."""
    connection = await asyncpg.connect(logins.dsn(logins.analyst, dsn.rpartition("/")[2]))
    yield connection
    await connection.close()
