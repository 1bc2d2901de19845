"""What the database does not take is still in the journal: nothing is acknowledged too early."""

import asyncio
import time
from pathlib import Path

import pytest

from collector.db import Database
from collector.health import Health, UpDown
from collector.journal import Journal
from collector.sink import Pace, Sink
from tests.conftest import database_named
from tests.rows import reply, snapshot

pytestmark = pytest.mark.db


class _Telling(UpDown):
    """Says when the database was found to be away."""

    def __init__(self, tried: asyncio.Event) -> None:
        super().__init__("database.down", "database.recovered", {}, time.monotonic)
        self._tried = tried

    def failed(self, error: str, *, lasting: bool = False) -> None:
        """Note that it was tried."""
        super().failed(error, lasting=lasting)
        self._tried.set()


async def test_a_record_is_forgotten_only_after_it_is_written(
    tmp_path: Path, server_dsn: str
) -> None:
    """A sink that dies while the database is away leaves the record to the next one."""
    elsewhere = Database(database_named(server_dsn, "there_is_no_such_database"))
    tried = asyncio.Event()
    health = Health(time.monotonic)
    health.database = _Telling(tried)
    async with Journal(tmp_path / "journal", 2**26) as journal:
        await journal.append(reply(snapshot("A")))
        sink = Sink(journal, elsewhere, health, Pace(linger=0, backoff=0.01))
        task = asyncio.create_task(sink.run())
        await asyncio.wait_for(tried.wait(), 30)
        task.cancel()
        await asyncio.wait([task])

        assert journal.depth.records == 1
        assert len(await journal.oldest(10)) == 1
