"""Inflict a scenario again and again until its time is over, and count what came of it."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.torture.rig import Rig, rigged
from tests.torture.scenarios import Scenario
from tests.torture.server import Server
from tests.torture.unwilling import CannotHereError
from tests.torture.verdict import Verdict

_PATIENCE_SECONDS = 200.0
"""More than anything takes: what is still not mended by then never will be."""

Say = Callable[[str], None]


@dataclass
class Figures:
    """What one scenario has shown."""

    name: str
    times: int = 0
    collector_kills: int = 0
    database_kills: int = 0
    polls: int = 0
    catch_up: float = 0.0
    """Seconds, the longest."""
    rss: int = 0
    journal: int = 0
    seconds: float = 0.0
    verdict: Verdict = field(default_factory=Verdict)
    not_run: str | None = None

    @property
    def good(self) -> bool:
        """Whether every promise was kept."""
        return self.verdict.good


async def inflict(
    server: Server,
    name: str,
    scenario: Scenario,
    *,
    seed: int,
    seconds: float,
    stop: asyncio.Event,
    say: Say,
) -> Figures:
    """Run one scenario for about so many seconds, at least once, in a database of its own."""
    figures = Figures(name)
    started = time.monotonic()
    database = "t_" + name.replace("-", "_")
    try:
        async with (
            scenario.home(server, database) as home,
            rigged(
                server,
                home,
                seed=seed,
                sizes=scenario.sizes,
                intervals=scenario.intervals,
                settings=scenario.settings,
            ) as rig,
        ):
            kills = server.kills
            await rig.start()
            await _repeat(rig, scenario, started + seconds, stop, figures, say)
            figures.verdict = await _judged(rig, figures.verdict.problems)
            figures.database_kills = server.kills - kills
            _measure(rig, figures)
    except CannotHereError as reason:
        figures.not_run = str(reason)
    figures.seconds = time.monotonic() - started
    return figures


async def _repeat(
    rig: Rig,
    scenario: Scenario,
    until: float,
    stop: asyncio.Event,
    figures: Figures,
    say: Say,
) -> None:
    stopped = asyncio.create_task(stop.wait())
    while not stop.is_set() and (figures.times == 0 or time.monotonic() < until):
        fault = asyncio.create_task(_once(rig, scenario))
        await asyncio.wait([fault, stopped], return_when=asyncio.FIRST_COMPLETED)
        if not fault.done():
            fault.cancel()
        try:
            await fault
        except asyncio.CancelledError:
            break
        except CannotHereError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, it is told in the table
            figures.verdict.problems.append(f"{type(error).__name__}: {error}")
            break
        figures.times += scenario.extent if scenario.often else 1
        last = rig.catch_ups[-1] if rig.catch_ups else 0.0
        say(f"{figures.name}: {figures.times} times, caught up in {last:.1f} s")
    stopped.cancel()


async def _once(rig: Rig, scenario: Scenario) -> None:
    async with asyncio.timeout(_PATIENCE_SECONDS + 2 * scenario.seconds):
        await scenario.fault(rig, scenario.extent)
        await rig.caught_up()


async def _judged(rig: Rig, problems: list[str]) -> Verdict:
    await rig.mend()
    try:
        verdict = await rig.finish()
    except TimeoutError:
        problems.append("the journal did not become empty")
        verdict = await rig.verdict()
    verdict.problems += problems
    return verdict


def _measure(rig: Rig, figures: Figures) -> None:
    figures.collector_kills = rig.daemon.kills
    figures.polls = len(rig.daemon.done())
    figures.catch_up = max(rig.catch_ups, default=0.0)
    figures.rss = rig.daemon.peaks.rss
    figures.journal = rig.daemon.peaks.journal
