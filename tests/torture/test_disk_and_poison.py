"""A disk without room, a journal without room, and a row that the database does not take."""

import pytest

from tests.torture import full, poison
from tests.torture.rig import new_database, rigged
from tests.torture.server import Server
from tests.torture.unwilling import CannotHereError, disk_full, small_disk

pytestmark = [pytest.mark.db, pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]


async def test_a_full_disk_of_the_database_costs_nothing(server: Server) -> None:
    """Rows wait until somebody has made room."""
    try:
        async with small_disk(server, "filled") as name, rigged(server, name) as rig:
            await rig.start()
            await disk_full(rig, 2)
            await rig.caught_up()
            verdict = await rig.finish()
    except CannotHereError as reason:
        pytest.skip(str(reason))

    assert verdict.good, verdict
    assert verdict.rows > 0


async def test_a_full_journal_costs_what_it_has_refused_and_nothing_else(server: Server) -> None:
    """What was accepted is there once, refused polls have a row each, and polling goes on."""
    name = await new_database(server, "overfull")
    async with rigged(server, name, sizes=full.SIZES, settings=full.SETTINGS) as rig:
        await rig.start()
        await full.full_journal(rig, 2)
        verdict = await rig.finish()

    assert verdict.good, verdict
    assert verdict.rows > 0


async def test_one_poisoned_row_of_five_thousand_costs_one_row(server: Server) -> None:
    """4,999 are stored, one is set aside with the database's reason, and the counters say so."""
    name = await new_database(server, "poisoned")
    async with rigged(server, name, sizes=poison.SIZES, intervals=poison.INTERVALS) as rig:
        await rig.start()
        await poison.poison(rig, 1)
        await rig.caught_up()
        verdict = await rig.finish()
        async with server.session(name) as sql:
            rejects = await sql.fetch("SELECT reason FROM rejects")
            rejected = await sql.fetchval("SELECT sum(rows_rejected) FROM polls")

    assert verdict.good, verdict
    assert (1, 1) == (len(rejects), rejected)
    assert "violates check constraint" in rejects[0]["reason"]
