"""The password is nowhere: not in what is printed, logged, answered, stored, or shown by `ps`."""

import json
from urllib.parse import urlsplit

import aiohttp
import psutil
import pytest

from collector.db import Connection
from collector.simulator import Simulator
from tests.conftest import Logins
from tests.daemon.conftest import Program, Running, Until

pytestmark = pytest.mark.db

SECRET = "sesame"  # noqa: S105 - what is looked for
"""Part of every password here; those of the logins have it, too."""

CRASH = """
import asyncpg, collector.db.store

async def broken(*arguments, **keywords):
    raise LookupError("a fault of ours")

collector.db.store._unwritten = broken
"""


def everything_printed(program: Program) -> str:
    """Return the logs of all commands that were started."""
    return "".join(running.log.read_text(encoding="utf-8") for running in program.started)


async def asked(port: int) -> str:
    """Return what the daemon says over HTTP, headers included."""
    said = ""
    async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:
        for path in ("/healthz", "/readyz", "/nothing"):
            response = await session.get(path)
            said += f"{dict(response.headers)}{await response.text()}"
    return said


async def printed_by_a_run(program: Program, port: int, event: str) -> str:
    """Run the daemon until it has logged something; return all that it gives away."""
    program.set(log__level="debug", http__port=port)
    daemon = await program.start("run")
    await daemon.logged(event)
    said = await asked(port) + json.dumps(psutil.Process(daemon.process.pid).cmdline())
    status, _ = await daemon.stop()
    assert status == 0
    return said + everything_printed(program)


def changed(program: Program, **parts: str) -> None:
    """Change parts of the DSN."""
    dsn = urlsplit(program.environment["COLLECTOR__DATABASE__DSN"])
    program.set(database__dsn=dsn._replace(**parts).geturl())


async def test_all_is_well(
    program: Program, unused_port: int, sql: Connection, simulator: Simulator
) -> None:
    """With every library at the level debug, and rows that are set aside."""
    simulator.faults.add("htx:malformed-row:1")
    simulator.faults.add("synthetix:500:1")
    program.environment["PYTHONASYNCIODEBUG"] = "1"
    said = await printed_by_a_run(program, unused_port, "sink.stored")
    rows = await sql.fetch(
        "SELECT polls::text FROM polls UNION ALL SELECT rejects::text FROM rejects"
    )

    assert program.environment["COLLECTOR__DATABASE__DSN"].count(SECRET) == 1
    assert len(rows) > 0
    assert SECRET not in said + "".join(row[0] for row in rows)


@pytest.mark.parametrize("trouble", ["password", "port", "host", "database", "user", "tls"])
async def test_the_database_is_not_to_be_had(
    program: Program, logins: Logins, server_dsn: str, unused_port: int, trouble: str
) -> None:
    """Whatever the reason is, in the words of the server, the driver or the system."""
    host = urlsplit(server_dsn).netloc.rpartition("@")[2]
    secret = f"{SECRET}-wrong"
    match trouble:
        case "password":
            changed(program, netloc=f"{logins.writer}:{secret}@{host}")
        case "port":
            changed(program, netloc=f"{logins.writer}:{secret}@127.0.0.1:1")
        case "host":
            changed(program, netloc=f"{logins.writer}:{secret}@nowhere.invalid")
        case "database":
            changed(program, path="/not_there")
        case "user":
            changed(program, netloc=f"nobody:{secret}@{host}")
        case _:
            changed(program, query="sslmode=require")
    said = await printed_by_a_run(program, unused_port, "database.down")
    for command in ("check", "migrate"):
        _, output, errors = await program.run(command)
        said += output + errors

    assert "database" in said
    assert SECRET not in said


@pytest.mark.parametrize(
    "dsn",
    [
        "postgresql://user:sesame@host:none/db",
        "postgresql://user:sesame@host:99999/db",
        "postgresql://user:se/sesame@host/db",
        "postgresql://user:12/sesame@host/db",
        "postgresql://user:12#sesame@host/db",
        "postgresql://user:12?sesame@host/db",
        "postgresql://user:sesame@[::1/db",
        "postgresql://user:[sesame]@host/db",
        "postgresql:/user:sesame@host/db",
        "mysql://user:sesame@host/db",
        "user=me password=sesame",
        "[sesame",
        "{sesame: 1}",
    ],
)
async def test_a_dsn_that_is_wrong(program: Program, dsn: str) -> None:
    """Refused by its key, and not shown: somebody has typed a password there."""
    program.set(database__dsn=dsn)
    program.environment["COLLECTOR_TRACEBACK"] = "1"
    status, output, errors = await program.run("run")

    assert status == 2
    assert "database.dsn (COLLECTOR__DATABASE__DSN): what is there is not permitted" in errors
    assert SECRET not in output + errors


async def test_a_dsn_in_the_file(program: Program) -> None:
    """On a line that is no YAML, and twice, where the parser would show what it has read."""
    del program.environment["COLLECTOR__DATABASE__DSN"]
    for text in (
        "database: {dsn: postgresql://u:sesame@h/db",
        "database:\n  dsn: postgresql://u:sesame@h/a\n  dsn: postgresql://u:sesame@h/b\n",
        "database:\n  dsn: [postgresql://u:sesame@h/a]\n",
        "database: postgresql://u:sesame@h/a\n",
        "database:\n  url: postgresql://u:sesame@h/a\n",
        "database:\n  dsn: postgresql://u:sesame@h/a\n\tx: 1\n",
    ):
        (program.folder / "config.yaml").write_text(text)
        status, output, errors = await program.run("check")

        assert status == 2
        assert SECRET not in output + errors


@pytest.mark.parametrize("trace", ["", "1"])
async def test_the_daemon_breaks(program: Program, trace: str) -> None:
    """A fault of ours ends it in the middle of its work; neither sentence nor trace shows it."""
    (program.folder / "sitecustomize.py").write_text(CRASH)
    program.environment["PYTHONPATH"] = str(program.folder)
    program.environment["COLLECTOR_TRACEBACK"] = trace
    program.set(log__level="debug")
    status, output, errors = await program.run("run")

    assert status == 1
    assert "a fault of ours" in errors
    assert ("Traceback" in errors) == bool(trace)
    assert SECRET not in output + errors


async def test_ps_shows_no_password_of_the_demo_and_its_children(
    program: Program, until: Until
) -> None:
    """The simulator, the daemon, and the command itself."""
    demo = await program.start("demo")
    await until("SELECT count(*) > 0 FROM open_interest")
    shown = json.dumps([each.cmdline() for each in family(demo)])
    number = len(family(demo))
    await demo.stop()

    assert number == 3
    assert SECRET not in shown


def family(running: Running) -> list[psutil.Process]:
    """Return a process and all that it has started."""
    parent = psutil.Process(running.process.pid)
    return [parent, *parent.children(recursive=True)]
