"""The program: its options, its start, its end."""

import ast
import asyncio
import signal
import socket
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import ClientSession
from click.testing import CliRunner

import collector.simulator
from collector.simulator import SimulatorOptions
from collector.simulator.command import simulate
from collector.simulator.faults import KINDS
from collector.simulator.ledger import read_ledger

PACKAGE = Path(collector.simulator.__file__).parent
HTX = "/linear-swap-api/v1/swap_open_interest"


@asynccontextmanager
async def running(*arguments: str) -> AsyncIterator[tuple[Process, list[str]]]:
    """Run the program on free ports until its first line, and give the line's words."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "collector.simulator", "--port", "0", "--bitget", "5", "--htx", "5"),
        *arguments,
        stdout=PIPE,
        stderr=PIPE,
        cwd=PACKAGE.parent.parent,
    )
    try:
        assert process.stdout is not None
        yield process, (await process.stdout.readline()).decode().split()
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_it_with_status_0(number: signal.Signals) -> None:
    """Promptly, even while a connection is stalled."""
    async with running("--fault", "htx:stall:1") as (process, words):
        port = int(words[2].rstrip(":").rpartition(":")[2])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"GET {HTX} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(1), 0.2)
        process.send_signal(number)
        out, err = await asyncio.wait_for(process.communicate(), 2)
        assert (process.returncode, out, err) == (0, b"", b"")
        writer.close()


async def test_it_says_where_it_listens_and_how_much_it_has() -> None:
    """One line for each listener."""
    async with running("--port", "0", "--synthetix", "7") as (process, words):
        assert words[:2] == ["simulating", "on"]
        assert words[3:] == ["bitget", "13,", "htx", "5,", "synthetix", "7", "instruments"]
        assert process.stdout is not None
        second = (await process.stdout.readline()).decode().split()
        assert second[2] != words[2]
        async with ClientSession(second[2].rstrip(":")) as session, session.get(HTX) as reply:
            assert (await reply.json())["status"] == "ok"


async def test_the_ledger_file_outlives_a_kill(tmp_path: Path) -> None:
    """What was served before is in the file, delivered, and the next run goes on from there."""
    path = tmp_path / "ledger.ndjson"
    for first in (1, 22):
        async with running("--ledger", str(path)) as (process, words):
            url = words[2].rstrip(":")
            async with ClientSession(url) as session:
                async with session.get(HTX) as reply:
                    assert len((await reply.json())["data"]) == 21
                # On the same connection, so the outcome of the first reply is known by now.
                async with session.get("/_sim/stats") as reply:
                    assert reply.status == 200
            process.kill()
            await process.wait()
        entries = read_ledger(path)
        assert [entry["sequence"] for entry in entries] == list(range(1, first + 21))
        assert {entry["delivered"] for entry in entries} == {True}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--fault", "htx:explode:1"], "fault 'htx:explode:1': the kind is one of"),
        (["--fault", "htx@1:500:1"], "no listener on port 1"),
        (["--limit", "htx.v9=1/1"], "no scope 'htx.v9'"),
        (["--bitget", "-1"], "bitget is a number from 0"),
        (["--port", "70000"], "port is a number from 0 to 65535"),
        (["--slow-rate", "nan"], "slow_rate is a number from 0 to 1"),
        (["--retry-after", "soon"], "Invalid value for '--retry-after'"),
        (["--ledger", __file__], "is no ledger"),
    ],
)
async def test_wrong_input_is_one_message_and_status_2(arguments: list[str], message: str) -> None:
    """No traceback, and the message says what is wrong."""
    async with running(*arguments) as (process, _):
        _, err = await process.communicate()
    assert (process.returncode, message in err.decode()) == (2, True)
    assert "Traceback" not in err.decode()


async def test_a_port_that_is_taken_is_status_1() -> None:
    """The message says so."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        async with running("--port", str(taken.getsockname()[1])) as (process, _):
            _, err = await process.communicate()
    assert (process.returncode, err.decode().startswith("Error: cannot serve: ")) == (1, True)


def test_help_names_every_option_and_every_kind_of_fault() -> None:
    """Nothing can be set that the help does not tell."""
    text = CliRunner().invoke(simulate, ["--help"]).output
    flags = {option for parameter in simulate.params for option in parameter.opts}
    assert len(flags) == len(SimulatorOptions.__dataclass_fields__)
    assert not [word for word in (*flags, *KINDS) if word not in text]


def test_the_command_line_has_the_defaults_of_the_options() -> None:
    """So that a test in the same process and the program behave alike."""
    given: dict[str, object] = {}
    context = simulate.make_context("simulate", [])
    given.update(context.params)
    given |= {"ledger": given["ledger"] or False, "port": 8100}
    assert SimulatorOptions(**given) == SimulatorOptions()  # type: ignore[arg-type]


def test_it_shares_no_code_with_the_collector() -> None:
    """No module of the simulator imports anything of the collector but the simulator itself."""
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [each.name for each in node.names] if isinstance(node, ast.Import) else []
            for name in names:
                assert not name.startswith("collector") or name.startswith("collector.simulator")


def test_modules_are_small() -> None:
    """Every module is below 300 lines and every function below 50."""
    for path in PACKAGE.rglob("*.py"):
        text = path.read_text()
        assert len(text.splitlines()) < 300
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                assert (node.end_lineno or 0) - node.lineno < 50, node.name
