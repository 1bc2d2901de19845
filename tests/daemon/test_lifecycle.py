"""Starting and stopping: in time, with the right status, and nothing lost on the way."""

import asyncio
import signal

import pytest

from collector.db import Connection
from collector.simulator import Simulator
from tests.conftest import database_named, execute
from tests.daemon.conftest import Program, Until

pytestmark = pytest.mark.db


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
async def test_a_signal_ends_it_in_time_with_status_0(
    program: Program, sql: Connection, until: Until, number: signal.Signals
) -> None:
    """In the middle of a sweep: what is under way is stored, and the poll says why it is short."""
    program.set(venues__bitget__interval="1d", venues__bitget__limit_share=0.1)
    daemon = await program.start("run")
    await until("SELECT count(*) > 0 FROM open_interest WHERE venue = 'bitget'")
    status, seconds = await daemon.stop(number)

    assert status == 0
    assert seconds < 10
    poll = await sql.fetchrow("SELECT * FROM polls WHERE venue = 'bitget'")
    assert poll is not None
    assert (poll["outcome"], poll["error"]) == ("interrupted", "the collector was stopped")
    assert 0 < poll["rows_stored"] == poll["rows_fetched"] < 30
    assert daemon.events("collector.stopped")[0]["rows_left_in_journal"] == 0


async def test_a_signal_during_a_request_that_hangs(program: Program, simulator: Simulator) -> None:
    """A venue that never answers does not keep the daemon from ending."""
    simulator.faults.add("*:stall:1")
    daemon = await program.start("run")
    await asyncio.sleep(4)
    status, seconds = await daemon.stop()

    assert status == 0
    assert seconds < 10


async def test_without_a_database_everything_waits_in_the_journal(
    program: Program, server_dsn: str, sql: Connection, until: Until
) -> None:
    """It starts, collects and stops with status 0; the next start delivers all of it."""
    here = program.environment["COLLECTOR__DATABASE__DSN"]
    program.set(database__dsn=database_named(server_dsn, "not_there_yet"))
    daemon = await program.start("run")
    await daemon.logged("poll.done", venue="htx", outcome="ok")
    status, seconds = await daemon.stop()
    waiting = daemon.events("collector.stopped")[0]["rows_left_in_journal"]

    assert (status, len(daemon.events("database.down"))) == (0, 1)
    assert seconds < 10
    assert isinstance(waiting, int)
    assert waiting > 0

    program.set(database__dsn=here, venues__bitget__enabled=False, venues__htx__enabled=False)
    program.set(venues__synthetix__enabled=False)
    daemon = await program.start("run")
    await until(f"SELECT count(*) >= {waiting} FROM open_interest")
    await daemon.stop()
    assert await sql.fetchval("SELECT count(*) FROM open_interest") == waiting


async def test_it_makes_its_own_tables(program: Program, empty_dsn: str) -> None:
    """An empty database is enough."""
    program.set(database__dsn=empty_dsn)
    daemon = await program.start("run")
    await daemon.logged("database.migrated")
    status, _ = await daemon.stop()

    assert status == 0


async def test_a_second_daemon_on_one_journal_is_refused(program: Program) -> None:
    """It ends at once with status 1 and one sentence; the first goes on."""
    daemon = await program.start("run")
    await daemon.logged("collector.started")
    status, _, errors = await program.run("run")

    assert status == 1
    assert errors == (f"collector: journal var/journal: in use by process {daemon.process.pid}\n")
    assert (await daemon.stop())[0] == 0


async def test_a_port_that_is_taken_is_one_sentence(program: Program, unused_port: int) -> None:
    """With the keys to change."""
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", unused_port)
    program.set(http__port=unused_port)
    status, _, errors = await program.run("run")
    server.close()

    assert status == 1
    assert errors == (
        f"collector: http.host, http.port: 127.0.0.1:{unused_port} is not usable:"
        " Address already in use\n"
    )


async def test_a_database_that_dies_and_comes_back(
    program: Program, server_dsn: str, until: Until, sql: Connection
) -> None:
    """Its connections are cut and new ones refused for a while; nothing is lost."""
    name = program.environment["COLLECTOR__DATABASE__DSN"].rpartition("/")[2]
    daemon = await program.start("run")
    await until("SELECT count(*) > 0 FROM open_interest")
    await execute(
        server_dsn,
        f"ALTER DATABASE {name} CONNECTION LIMIT 0",
        f"ALTER DATABASE {name} ALLOW_CONNECTIONS false",
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        f" WHERE datname = '{name}' AND application_name = 'collector'",
    )
    await asyncio.sleep(4)
    await execute(
        server_dsn,
        f"ALTER DATABASE {name} ALLOW_CONNECTIONS true",
        f"ALTER DATABASE {name} CONNECTION LIMIT -1",
    )
    await daemon.logged("database.recovered")
    status, _ = await daemon.stop()

    assert status == 0
    fetched = sum(int(str(event["rows"])) for event in daemon.events("poll.done"))
    assert await sql.fetchval("SELECT sum(rows_fetched) FROM polls") == fetched
    assert await sql.fetchval("SELECT count(*) FROM open_interest") == fetched
    assert len(daemon.events("database.down")) == 1
