"""The daemon on a journal that is damaged, or full: it says so, loses nothing more, and goes on."""

from pathlib import Path

import pytest

from collector.db import Connection
from collector.errors import JournalFull
from collector.journal import Journal
from tests.conftest import database_named
from tests.daemon.conftest import Program, Until
from tests.rows import reply, snapshot

pytestmark = pytest.mark.db

BOUND = 2**20
ROWS = 100


async def filled(path: Path, at_most: int) -> int:
    """Fill a journal up to its bound, or with so many records; return how many it took."""
    async with Journal(path, BOUND) as journal:
        for number in range(at_most):
            names = (f"journal-{number}-{row}" for row in range(ROWS))
            try:
                await journal.append(reply(*(snapshot(name) for name in names)))
            except JournalFull:
                return number
    return at_most


async def test_a_damaged_journal_starts_unattended(
    program: Program, sql: Connection, until: Until
) -> None:
    """What is whole arrives, what is not is counted and kept, and new polls go on behind it."""
    await filled(program.folder / "var" / "journal", at_most=3)
    (segment,) = (program.folder / "var" / "journal").glob("*.log")
    spoiled = bytearray(segment.read_bytes())
    spoiled[len(spoiled) // 2] ^= 0x40
    segment.write_bytes(spoiled)

    daemon = await program.start("run")
    await until(f"SELECT count(*) = {2 * ROWS} FROM open_interest WHERE symbol LIKE 'journal-%'")
    await until("SELECT count(*) > 0 FROM polls WHERE venue = 'htx' AND outcome = 'ok'")
    status, _ = await daemon.stop()

    assert status == 0
    (event,) = daemon.events("journal.damaged")
    assert (event["records_lost"], event["rows_lost"], event["level"]) == (1, ROWS, "warning")
    (kept,) = (program.folder / "var" / "journal" / "damaged").iterdir()
    assert event["kept_as"] == [str(kept.relative_to(program.folder))]
    assert kept.read_bytes() == bytes(spoiled)


async def test_a_full_journal_refuses_polls_until_the_database_is_back(
    program: Program, server_dsn: str, sql: Connection, until: Until
) -> None:
    """What was accepted stays, refused polls leave a row each, and then polls bring rows again."""
    accepted = await filled(program.folder / "var" / "journal", at_most=10**6)
    here = program.environment["COLLECTOR__DATABASE__DSN"]
    program.set(journal__max_bytes=BOUND, database__dsn=database_named(server_dsn, "not_there"))
    program.set(venues__bitget__enabled=False)
    daemon = await program.start("run")
    await daemon.logged("poll.done", venue="htx", outcome="refused")
    await daemon.logged("poll.done", venue="synthetix", outcome="refused")
    await daemon.stop()

    program.set(database__dsn=here)
    daemon = await program.start("run")
    await until(
        f"SELECT count(*) = {accepted * ROWS} FROM open_interest WHERE symbol LIKE 'journal-%'"
    )
    await until("SELECT count(*) > 0 FROM polls WHERE venue = 'htx' AND outcome = 'ok'")
    await daemon.stop()
    refused = await sql.fetch("SELECT DISTINCT venue, error FROM polls WHERE outcome = 'refused'")
    assert {row["venue"] for row in refused} == {"htx", "synthetix"}
    assert all(row["error"] == "journal var/journal: full; not polled" for row in refused)
    assert not daemon.events("journal.damaged")
