"""How long a full Bitget sweep takes, and whether the venue ever has to refuse anything.

    python benchmarks/bitget_sweep.py [--runs 10] [--together 1] [--slow-rate 0.01]

Each run has a simulator of its own, in a process of its own: 500 instruments, 20 requests a second
on a strict sliding window over arrivals, a round trip of 80 ms plus 0 to 60 ms of jitter before the
arrival. With --slow-rate, that share of the replies takes 800 ms more. Ideal is 24.0 s.
"""

import argparse
import asyncio
import json
import sys
import time
from asyncio.subprocess import PIPE
from dataclasses import dataclass

import aiohttp

from collector.app import sweepers
from collector.config import load
from collector.http import Patience
from collector.models import Parsed
from collector.venues.spec import Reply

INSTRUMENTS = 500


@dataclass(frozen=True)
class Run:
    """What came of one sweep."""

    seed: int
    seconds: float
    cpu_ms: float
    """Of this process, for each request; only meaningful for runs one after the other."""
    rows: int
    requests: int
    refused: int
    most: int


async def sweep(seed: int, slow_rate: float, instruments: int) -> Run:
    """Sweep once, against a simulator of its own."""
    options = {
        "port": 0,
        "seed": seed,
        "bitget": instruments,
        "latency": 80,
        "jitter": 60,
        "slow-rate": slow_rate,
        "slow-ms": 800,
    }
    command = [f"--{name}={value}" for name, value in options.items()]
    simulator = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "collector.simulator", *command, stdout=PIPE
    )
    try:
        line = (await simulator.stdout.readline()).decode() if simulator.stdout else ""
        url = line.removeprefix("simulating on ").partition(": ")[0]
        return await measured(seed, url)
    finally:
        simulator.terminate()
        await simulator.wait()


async def measured(seed: int, url: str) -> Run:
    """Sweep once and take the figures of both sides."""
    settings = load(None, {"COLLECTOR__VENUES__BITGET__BASE_URLS": json.dumps([url])})
    rows = 0

    async def accept(_: Reply, parsed: Parsed, _unlisted: int) -> None:
        nonlocal rows
        rows += len(parsed.snapshots)

    async with sweepers(settings, ["bitget"], Patience()) as (_, asking):
        sweeper = asking["bitget"]
        loop = asyncio.get_running_loop()
        await sweeper.instruments.refresh(loop.time() + 60)
        started, cpu = time.perf_counter(), time.process_time()
        result = await sweeper.sweep(accept, loop.time() + 300)
        seconds, used = time.perf_counter() - started, time.process_time() - cpu
    async with aiohttp.ClientSession(url) as session, session.get("/_sim/stats") as response:
        stats = await response.json()
    seen = stats["venues"]["bitget"]["limits"]["bitget.open-interest"]
    return Run(
        seed,
        seconds,
        used / max(1, result.requests) * 1000,
        rows,
        result.requests,
        seen["rejected"],
        seen["most_arrivals_in_window"],
    )


async def main() -> None:
    """Run as many as asked, some together, and print a line for each."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--together", type=int, default=1)
    parser.add_argument("--slow-rate", type=float, default=0.0)
    parser.add_argument("--instruments", type=int, default=INSTRUMENTS)
    asked = parser.parse_args()
    gate = asyncio.Semaphore(asked.together)

    async def one(seed: int) -> Run:
        async with gate:
            return await sweep(seed, asked.slow_rate, asked.instruments)

    runs = await asyncio.gather(*(one(seed) for seed in range(asked.runs)))
    print("seed  seconds  rows  requests  refused  most in 1 s  CPU ms a request")
    for run in runs:
        print(
            f"{run.seed:4}  {run.seconds:7.2f}  {run.rows:4}  {run.requests:8}  {run.refused:7}"
            f"  {run.most:11}  {run.cpu_ms:16.2f}"
        )
    print(
        f"longest {max(run.seconds for run in runs):.2f} s,"
        f" refused {sum(run.refused for run in runs)},"
        f" most in any second {max(run.most for run in runs)}"
    )


if __name__ == "__main__":
    asyncio.run(main())
