"""The demo: rows of three venues, the limits kept, and everything ended behind it."""

import signal

import psutil
import pytest

from collector.db import Connection
from tests.daemon.conftest import Program, Until

pytestmark = pytest.mark.db


async def test_the_demo_shows_rows_of_all_venues_and_cleans_up(
    program: Program, sql: Connection, until: Until
) -> None:
    """It ends by itself after the seconds it was given, with status 0 and no process left."""
    status, output, errors = await program.run("demo", "--for", "8")

    assert (status, errors) == (0, "")
    for word in ("bitget", "htx", "synthetix", "no venue saw more requests than it permits"):
        assert word in output
    assert program.environment["COLLECTOR__DATABASE__DSN"] in output
    assert await sql.fetchval("SELECT count(DISTINCT venue) FROM open_interest") == 3


async def test_ctrl_c_ends_the_demo_with_status_0(program: Program, until: Until) -> None:
    """The simulator and the daemon end with it."""
    demo = await program.start("demo")
    await until("SELECT count(*) > 0 FROM pg_tables WHERE tablename = 'open_interest'")
    await until("SELECT count(*) > 0 FROM open_interest")
    children = psutil.Process(demo.process.pid).children(recursive=True)
    status, seconds = await demo.stop(signal.SIGINT)

    assert status == 0
    assert seconds < 15
    assert len(children) == 2
    assert not any(child.is_running() for child in children)
