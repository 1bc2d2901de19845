"""The demo: rows of three venues, the limits kept, and everything ended behind it."""

import asyncio
import shlex
import sys
from asyncio.subprocess import PIPE

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
    assert "rows: bitget" in output
    for word in ("htx", "synthetix", "no venue saw more requests than it permits"):
        assert word in output
    assert program.environment["COLLECTOR__DATABASE__DSN"] in output
    assert await sql.fetchval("SELECT count(DISTINCT venue) FROM open_interest") == 3


async def test_ctrl_c_on_a_terminal_ends_all_of_it(program: Program, until: Until) -> None:
    """The key's signal goes to every process of the terminal; the demo ends well all the same."""
    command = f"exec {shlex.join([sys.executable, '-m', 'collector', 'demo'])}"
    terminal = await asyncio.create_subprocess_exec(
        *("script", "--quiet", "--return", "--command", command, "/dev/null"),
        env={**program.environment, "TERM": "xterm", "SHELL": "/bin/sh"},
        cwd=program.folder,
        stdin=PIPE,
        stdout=PIPE,
    )
    assert terminal.stdin is not None
    await until("SELECT count(*) > 0 FROM pg_tables WHERE tablename = 'open_interest'")
    await until("SELECT count(*) > 0 FROM open_interest")
    children = psutil.Process(terminal.pid).children(recursive=True)
    terminal.stdin.write(b"\x03")
    output, _ = await asyncio.wait_for(terminal.communicate(), 20)

    assert b"Everything has ended well" in output
    assert b"Traceback" not in output
    assert terminal.returncode == 0
    assert len(children) >= 3
    assert not any(child.is_running() for child in children)
