"""The real program in a process of its own, against simulated venues and a real database."""

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from collector.db import Connection
from collector.simulator import Simulator, SimulatorOptions
from collector.venues import VENUES

WAIT_SECONDS = 30.0


@dataclass
class Running:
    """A `collector` command that is running."""

    process: Process
    log: Path

    async def stop(self, number: signal.Signals = signal.SIGTERM) -> tuple[int, float]:
        """Send a signal; return the exit status and how many seconds the end took."""
        loop = asyncio.get_running_loop()
        started = loop.time()
        self.process.send_signal(number)
        status = await asyncio.wait_for(self.process.wait(), WAIT_SECONDS)
        return status, loop.time() - started

    async def logged(self, name: str, **fields: object) -> None:
        """Wait until the log has an event with these fields."""

        async def there() -> bool:
            return any(fields.items() <= event.items() for event in self.events(name))

        await eventually(there)

    def events(self, name: str = "") -> list[dict[str, object]]:
        """Return what the log says, all of it or the events of one name."""
        text = self.log.read_text(encoding="utf-8")
        lines = [json.loads(line) for line in text.splitlines(keepends=True) if line[-1:] == "\n"]
        return [line for line in lines if not name or line["event"] == name]


@dataclass
class Program:
    """Starts commands, all with the same settings."""

    folder: Path
    environment: dict[str, str]
    started: list[Running] = field(default_factory=list)

    def set(self, **settings: object) -> None:
        """Set keys: `venues__htx__interval="5s"`."""
        for key, value in settings.items():
            text = value if isinstance(value, str) else json.dumps(value)
            self.environment[f"COLLECTOR__{key.upper()}"] = text

    async def start(self, *arguments: str) -> Running:
        """Start a command; its standard error is its log."""
        log = self.folder / f"log-{len(self.started)}"
        with log.open("wb") as file:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "collector", *arguments),
                env=self.environment,
                cwd=self.folder,
                stdout=PIPE,
                stderr=file,
            )
        running = Running(process, log)
        self.started.append(running)
        return running

    async def run(self, *arguments: str) -> tuple[int, str, str]:
        """Run a command to its end; return its status, its output and its errors."""
        running = await self.start(*arguments)
        output, _ = await asyncio.wait_for(running.process.communicate(), WAIT_SECONDS)
        status = running.process.returncode
        assert status is not None
        return status, output.decode(), running.log.read_text(encoding="utf-8")


def sides() -> Sequence[str]:
    """Return what `migrate` says of how venues count, in a database that knows nothing of it."""
    return [
        f"venues: {name}: sides {spec.sides.sides} ({spec.sides.basis})"
        for name, spec in VENUES.items()
    ]


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    """Small venues that remember what they have served."""
    options = SimulatorOptions(port=0, bitget=30, htx=20, synthetix=5, ledger=True)
    async with Simulator(options) as simulator:
        yield simulator


@pytest.fixture
async def program(tmp_path: Path, simulator: Simulator, writer_dsn: str) -> AsyncIterator[Program]:
    """The collector, set up for the simulated venues and, as the writer, the test's database."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("COLLECTOR_")}
    program = Program(tmp_path, kept)
    program.set(
        database__dsn=writer_dsn,
        http__port=0,
        log__format="json",
        venues__bitget__base_urls=[simulator.base_url],
        venues__htx__base_urls=[simulator.base_url],
        venues__synthetix__base_urls=[simulator.base_url],
        venues__bitget__interval="4s",
        venues__htx__interval="1s",
        venues__synthetix__interval="1s",
    )
    async with AsyncExitStack() as cleanup:
        cleanup.push_async_callback(_kill_all, program)
        yield program


async def _kill_all(program: Program) -> None:
    for running in program.started:
        if running.process.returncode is None:
            running.process.kill()
        await running.process.wait()


Until = Callable[[str], Awaitable[None]]


async def eventually(condition: Callable[[], Awaitable[object]]) -> None:
    """Wait until something in another process has come about."""
    async with asyncio.timeout(WAIT_SECONDS):
        while not await condition():  # noqa: ASYNC110 - another process sets no event of ours
            await asyncio.sleep(0.05)


@pytest.fixture
def until(sql: Connection) -> Until:
    """Wait until a query says true."""

    async def wait(question: str) -> None:
        await eventually(lambda: sql.fetchval(question))

    return wait
