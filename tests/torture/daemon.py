"""The real collector in a process of its own: started, listened to, killed."""

import asyncio
import contextlib
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import psutil

Event = dict[str, Any]

DIES_WITH_US = ("setpriv", "--pdeathsig", "KILL", "--")
_STOP_SECONDS = 10.0  # Docker waits as long before it kills
_LINE_BYTES = 2**20
_SAMPLE_SECONDS = 0.25


@dataclass(frozen=True)
class Done:
    """A poll that the collector has reported done."""

    venue: str
    polled_at: datetime
    started: datetime
    finished: datetime
    rows: int
    unlisted: int
    cut_short: bool = False
    """Whether the venue may have served more than was accepted."""


@dataclass
class Peaks:
    """The most that was seen of anything that may not grow without end."""

    rss: int = 0
    """Bytes of the process."""
    journal: int = 0
    """Bytes of all that lies at the journal's path."""

    def see(self, rss: int, journal: int) -> None:
        """Take note."""
        self.rss = max(self.rss, rss)
        self.journal = max(self.journal, journal)


@dataclass
class Daemon:
    """One collector after the other, with the same settings and the same journal."""

    folder: Path
    settings: dict[str, str]
    events: list[Event] = field(default_factory=list)
    """What all of them have said."""
    trouble: list[str] = field(default_factory=list)
    """Ends that nobody wanted, and lines that are no event."""
    peaks: Peaks = field(default_factory=Peaks)
    kills: int = 0
    process: Process | None = None
    _since: int = 0
    _said: asyncio.Event = field(default_factory=asyncio.Event)
    _reading: asyncio.Task[None] | None = None
    _watching: asyncio.Task[None] | None = None

    async def start(self, **settings: object) -> None:
        """Start; settings are those of the configuration, `venues__htx__interval="5s"`."""
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith("COLLECTOR_")
        }
        self._since = len(self.events)
        self.process = await asyncio.create_subprocess_exec(
            *DIES_WITH_US,
            *(sys.executable, "-m", "collector", "run"),
            env={**environment, **self.settings, **variables(settings)},
            cwd=self.folder,
            stderr=PIPE,
            start_new_session=True,  # Ctrl-C is for us
            limit=_LINE_BYTES,
        )
        self._reading = asyncio.create_task(self._read(self.process))
        self._watching = asyncio.create_task(self._watch(self.process))

    async def kill(self) -> None:
        """Kill with SIGKILL, and hear what it still had to say."""
        self.kills += 1
        await self._end(signal.SIGKILL)

    async def stop(self) -> int:
        """Stop in order; return how many rows are left in the journal."""
        # Before that it has no handler for the signal.
        await self.hears("collector.started", since=self._since)
        status = await self._end(signal.SIGTERM)
        if status != 0:
            self.trouble.append(f"status {status} after SIGTERM")
        last = next(self.said("collector.stopped", back=True), None)
        return -1 if last is None else int(last["rows_left_in_journal"])

    async def close(self) -> None:
        """End whatever is running."""
        if self.process is not None:
            await self._end(signal.SIGKILL)

    @property
    def running(self) -> bool:
        """Whether there is one."""
        return self.process is not None

    def said(self, name: str, since: int = 0, *, back: bool = False) -> Iterator[Event]:
        """Yield the events of a name, after the first `since` of all."""
        chosen = self.events[since:]
        return (event for event in (reversed(chosen) if back else chosen) if event["event"] == name)

    async def hears(
        self, name: str, condition: Callable[[Event], object] = bool, since: int | None = None
    ) -> Event:
        """Wait for an event from now on, or after the first `since` of all."""
        place = len(self.events) if since is None else since
        while True:
            for event in self.events[place:]:
                place += 1
                if event["event"] == name and condition(event):
                    return event
            if self.process is None or self.process.returncode is not None:
                raise RuntimeError(f"the collector has ended: {self.trouble}")
            self._said.clear()
            await self._said.wait()

    def done(self) -> list[Done]:
        """Return the polls that were reported done."""
        return [
            Done(
                event["venue"],
                datetime.fromisoformat(event["polled_at"]),
                datetime.fromisoformat(event["timestamp"]) - timedelta(seconds=event["seconds"]),
                datetime.fromisoformat(event["timestamp"]),
                event["rows"],
                event["unlisted"],
                cut_short=event["outcome"] == "partial",
            )
            for event in self.said("poll.done")
            if event["outcome"] in {"ok", "partial"}
        ]

    def resident(self) -> int:
        """Return the bytes that the process has in memory now."""
        assert self.process is not None
        return int(psutil.Process(self.process.pid).memory_info().rss)

    async def _end(self, number: signal.Signals) -> int:
        process, reading, watching = self.process, self._reading, self._watching
        assert process is not None
        assert reading is not None
        assert watching is not None
        self.process = None
        if process.returncode is None:
            process.send_signal(number)
        elif number is signal.SIGTERM:
            self.trouble.append(f"it had ended by itself with status {process.returncode}")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_STOP_SECONDS):
                await process.wait()
        if process.returncode is None:
            self.trouble.append(f"it did not stop in {_STOP_SECONDS:g} s")
            process.kill()
        status = await process.wait()
        await reading
        watching.cancel()
        return status

    async def _read(self, process: Process) -> None:
        assert process.stderr is not None
        async for line in process.stderr:
            # A line without its end was being written when the process died.
            if line.endswith(b"\n"):
                self._hear(line.decode())
            self._said.set()
        self._said.set()

    def _hear(self, line: str) -> None:
        try:
            event = json.loads(line)
        except ValueError:
            self.trouble.append(line.rstrip())
            return
        self.events.append(event)
        if event["event"] in {"poll.crashed", "schedule.job_crashed", "poll.not_recorded"}:
            self.trouble.append(line[:500])

    async def _watch(self, process: Process) -> None:
        journal = self.folder / self.settings["COLLECTOR__JOURNAL__PATH"]
        with contextlib.suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
            while process.returncode is None:
                rss = psutil.Process(process.pid).memory_info().rss
                self.peaks.see(rss, size(journal))
                await asyncio.sleep(_SAMPLE_SECONDS)


def variables(settings: dict[str, object]) -> dict[str, str]:
    """Return settings as the environment has them."""
    return {
        f"COLLECTOR__{key.upper()}": value if isinstance(value, str) else json.dumps(value)
        for key, value in settings.items()
    }


def size(path: Path) -> int:
    """Return the bytes of a file and its neighbours of the same beginning, or of a folder."""
    total = 0
    for place in path.parent.glob(f"{path.name}*"):
        for each in (place, *place.rglob("*")):
            with contextlib.suppress(OSError):  # it may be gone by now
                total += each.stat().st_size if each.is_file() else 0
    return total
