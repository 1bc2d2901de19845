"""The sink empties the journal into the database, and never gives up nor forgets too early."""

import asyncio
import errno
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from collector.db import Connection, Database
from collector.db.migrate import shipped
from collector.health import Health
from collector.journal import Journal
from collector.journal.disk import Disk
from collector.sink import Pace, Sink, Totals
from tests.rows import poll, reply, snapshot

pytestmark = pytest.mark.db

QUICK = Pace(batch_rows=50, linger=0.01, backoff=0.01, backoff_max=0.05)


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncIterator[Journal]:
    """An empty journal."""
    async with Journal(tmp_path / "journal", 2**26) as journal:
        yield journal


@asynccontextmanager
async def draining(
    journal: Journal, database: Database, pace: Pace = QUICK
) -> AsyncIterator[tuple[Sink, Health]]:
    """Run a sink while the block runs."""
    health = Health(asyncio.get_running_loop().time)
    sink = Sink(journal, database, health, pace)
    task = asyncio.create_task(sink.run())
    try:
        yield sink, health
    finally:
        task.cancel()
        await asyncio.wait([task])


async def test_everything_arrives_oldest_first(
    journal: Journal, database: Database, sql: Connection
) -> None:
    """Many small records become a few batches, in the order they were accepted."""
    for number in range(200):
        await journal.append(reply(snapshot(f"S{number:03}")))
    await journal.append(poll())
    async with draining(journal, database) as (sink, _):
        await journal.emptied()

        assert sink.totals == Totals(stored=200)
    stored = await sql.fetch(
        "SELECT symbol FROM collector_storage.open_interest AS o"
        " JOIN collector_storage.series USING (series_id) ORDER BY o.ctid"
    )
    assert [row["symbol"] for row in stored] == [f"S{number:03}" for number in range(200)]
    transactions = await sql.fetchval(
        "SELECT count(DISTINCT xmin::text) FROM collector_storage.open_interest"
    )
    assert transactions == 4


async def test_small_batches_wait_for_company(
    journal: Journal, database: Database, sql: Connection
) -> None:
    """Replies of one row, a few milliseconds apart, are one transaction."""
    patient = Pace(batch_rows=50, linger=0.5)
    async with draining(journal, database, patient):
        for number in range(20):
            await journal.append(reply(snapshot(f"S{number}")))
            await asyncio.sleep(0.002)
        await journal.emptied()

    assert (
        await sql.fetchval("SELECT count(DISTINCT xmin::text) FROM collector_storage.open_interest")
        == 1
    )


async def test_a_drain_does_not_linger(journal: Journal, database: Database) -> None:
    """At a stop nobody waits for company."""
    async with draining(journal, database, Pace(linger=60)) as (sink, _):
        await journal.append(reply(snapshot("A")))
        async with asyncio.timeout(5):
            await sink.drain()


async def test_a_database_that_is_not_there_yet(journal: Journal, server_dsn: str) -> None:
    """What is accepted waits; the log says once that it is away."""
    missing = Database(server_dsn.rpartition("/")[0] + "/nobody_has_made_this")
    with capture_logs() as logged:
        async with draining(journal, missing) as (_, health):
            await journal.append(reply(snapshot("A")))
            await asyncio.sleep(0.3)

            assert health.database.down_since is not None
            assert journal.depth.records == 1
    assert [each["event"] for each in logged] == ["database.down"]
    assert "InvalidCatalogNameError" in logged[0]["error"]


async def test_an_empty_database_is_migrated_before_the_first_row(
    journal: Journal, empty_dsn: str
) -> None:
    """Nobody has to run `collector migrate` first."""
    database = Database(empty_dsn)
    with capture_logs() as logged:
        async with draining(journal, database):
            await journal.append(reply(snapshot("A")))
            await journal.emptied()

    assert logged[0] == {
        "event": "database.migrated",
        "log_level": "info",
        "migrations": [each.name for each in shipped()],
    }
    await database.close()


async def test_a_database_that_comes_back_gets_everything(
    journal: Journal, database: Database, sql: Connection
) -> None:
    """A table that is missing for a while stands for any trouble that passes."""
    with capture_logs() as logged:
        async with draining(journal, database):
            await journal.append(reply(snapshot("A")))
            await journal.emptied()
            await sql.execute("ALTER TABLE polls RENAME TO elsewhere")
            await journal.append(reply(snapshot("B")))
            await asyncio.sleep(0.2)
            assert journal.depth.records == 1
            await sql.execute("ALTER TABLE elsewhere RENAME TO polls")
            await journal.emptied()

    assert await sql.fetchval("SELECT array_agg(symbol ORDER BY symbol) FROM open_interest") == [
        "A",
        "B",
    ]
    assert [each["event"] for each in logged if each["log_level"] != "debug"] == [
        "database.down",
        "database.recovered",
    ]


async def test_written_but_not_forgotten_is_written_once(
    journal: Journal, database: Database, sql: Connection
) -> None:
    """A sink that dies between commit and acknowledgement leaves one copy, and right counters."""
    await journal.append(reply(snapshot("A"), snapshot("B")))
    await journal.append(poll())
    real_forget = journal.forget

    offered = asyncio.Event()

    async def never(up_to: int) -> None:
        offered.set()
        await asyncio.Event().wait()

    journal.forget = never  # type: ignore[method-assign]  # the process dies here
    async with draining(journal, database):
        await offered.wait()
    journal.forget = real_forget  # type: ignore[method-assign]  # and is started again
    async with draining(journal, database):
        await journal.emptied()

    counters = await sql.fetchrow("SELECT rows_fetched, rows_stored, rows_duplicate FROM polls")
    assert counters is not None
    assert tuple(counters) == (2, 2, 0)


async def test_a_database_that_is_too_slow_for_a_batch_gets_smaller_ones(
    journal: Journal, database: Database, sql: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same batch again would take as long again, for ever."""
    monkeypatch.setattr("collector.db._COMMAND_SECONDS", 0.5)
    await sql.execute(
        "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN PERFORM pg_sleep(0.02); RETURN NEW; END $$;"
        "CREATE TRIGGER slow BEFORE INSERT ON collector_storage.open_interest"
        " FOR EACH ROW EXECUTE FUNCTION slow()"
    )
    for number in range(40):
        await journal.append(reply(snapshot(f"S{number:03}")))
    async with draining(journal, database) as (sink, _):
        await journal.emptied()

        assert sink.totals == Totals(stored=40)
    stored = await sql.fetch(
        "SELECT symbol FROM collector_storage.open_interest AS o"
        " JOIN collector_storage.series USING (series_id)"
        " ORDER BY o.xmin::text::bigint, o.ctid"
    )
    assert [row["symbol"] for row in stored] == [f"S{number:03}" for number in range(40)]


async def test_a_journal_that_cannot_be_read_is_told_once_and_tried_again(
    tmp_path: Path, database: Database, sql: Connection
) -> None:
    """The daemon goes on; when the disk is back, everything arrives."""
    disk = UnreadableDisk()
    async with Journal(tmp_path / "journal", 2**26, disk) as journal:
        await journal.append(reply(snapshot("A")))
        disk.broken = True
        with capture_logs() as events:
            async with draining(journal, database) as (_, health):
                await disk.read_often
                assert health.problems() == ["journal: cannot be read for 0 s"]
                disk.broken = False
                await journal.emptied()
                await asyncio.sleep(0)

        told = [each["event"] for each in events if each["event"].startswith("journal.")]
        assert told == ["journal.down", "journal.recovered"]
    assert await sql.fetchval("SELECT count(*) FROM open_interest") == 1


class UnreadableDisk(Disk):
    """A disk with a bad sector under the log, for a while."""

    def __init__(self) -> None:
        self.broken = False
        self.loop = asyncio.get_running_loop()
        self.read_often = self.loop.create_future()
        self.times = 0

    def read(self, path: Path, start: int = 0, end: int | None = None) -> bytes:
        """Read, or fail; after the third time somebody is told."""
        if not self.broken:
            return super().read(path, start, end)
        self.times += 1
        if self.times == 3:
            self.loop.call_soon_threadsafe(self.read_often.set_result, None)
        raise OSError(errno.EIO, "Input/output error")
