"""Torture the collector for a long time, and print one table of figures at the end.

    make torture SEED=1 MINUTES=30
    make torture ONLY=kill-collector MINUTES=5

The status is 1 if anything was lost, stored twice, made up, or over a limit. Ctrl-C ends it with
the table so far.
"""

import argparse
import asyncio
import signal
import sys
import time

from rich.console import Console
from rich.table import Table

from tests.torture.campaign import Figures, inflict
from tests.torture.scenarios import SCENARIOS
from tests.torture.server import Server

_LONG_SHARE = 0.5
"""A scenario that takes long is left out if one time would take more than this of all."""

_SHOWN_PROBLEMS = 5
_MB = 1e6


def main() -> int:
    """Read the command line, and run."""
    parser = argparse.ArgumentParser(
        prog="torture", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--only", metavar="NAME", help=f"one of {', '.join(SCENARIOS)}")
    options = parser.parse_args()
    if options.only and options.only not in SCENARIOS:
        parser.error(f"there is no {options.only!r}; there are {', '.join(SCENARIOS)}")
    figures = asyncio.run(_run(options.seed, options.minutes * 60, options.only))
    _print(figures, options.seed)
    return 0 if figures and all(each.good for each in figures) else 1


async def _run(seed: int, seconds: float, only: str | None) -> list[Figures]:
    """Run one scenario for all of the time, or each for its share of it."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, stop.set)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    started = time.monotonic()
    found: list[Figures] = []

    def say(text: str) -> None:
        sys.stderr.write(f"{time.monotonic() - started:6.0f} s  {text}\n")

    # By name, so that several scenarios can be run beside one another.
    async with Server("-".join(("torture", only or "all"))).open() as server:
        for name in [only] if only else SCENARIOS:
            if stop.is_set():
                break
            scenario = SCENARIOS[name]
            if not only and scenario.seconds > seconds * _LONG_SHARE:
                needed = scenario.seconds / _LONG_SHARE / 60
                found.append(Figures(name, not_run=f"from MINUTES={needed:.0f} on"))
                continue
            share = seconds if only else seconds * scenario.share
            found.append(
                await inflict(server, name, scenario, seed=seed, seconds=share, stop=stop, say=say)
            )
            for problem in found[-1].verdict.problems[:_SHOWN_PROBLEMS]:
                say(f"{name}: {problem}")
    return found


def _print(figures: list[Figures], seed: int) -> None:
    table = Table(box=None, title=f"seed {seed}", title_justify="left")
    table.add_column("fault")
    for heading in (
        *("times", "kill -9", "polls", "rows", "lost", "twice", "wrong", "other"),
        *("caught up in s", "peak MB", "journal MB", "s"),
    ):
        table.add_column(heading, justify="right")
    for each in figures:
        if each.not_run is not None:
            continue
        verdict = each.verdict
        kills = each.collector_kills + each.database_kills
        counts = (each.times, kills, each.polls, verdict.rows, verdict.lost, verdict.twice)
        table.add_row(
            each.name,
            *(f"{count:,}" for count in (*counts, verdict.wrong, len(verdict.problems))),
            f"{each.catch_up:.1f}",
            f"{each.rss / _MB:.0f}",
            f"{each.journal / _MB:.1f}",
            f"{each.seconds:.0f}",
        )
    console = Console(width=max(140, Console().width), highlight=False)
    console.print(table)
    for each in figures:
        if each.not_run is not None:
            console.print(f"{each.name}: not run; {each.not_run}")
    console.print(
        "lost: snapshots of polls reported done that are not in the hypertable; twice: rows written"
        " or counted again; wrong: rows that no venue served; other: counters, order, limits, ends"
    )


if __name__ == "__main__":
    sys.exit(main())
