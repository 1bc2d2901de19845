"""The simulated venues in a process of their own, which outlives every collector."""

import asyncio
import json
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp

from tests.torture.daemon import DIES_WITH_US

COLUMNS = {
    "bitget": ("size", None, None, None, None),
    "htx": ("amount", "volume", "value", None, None),
    "synthetix": ("openInterest", None, None, "longOpenInterest", "shortOpenInterest"),
}
"""What the venues call the amounts of the hypertable, in the order of its columns."""

Value = tuple[str, str, int, str | None, str | None, str | None, str | None, str | None]
"""venue, symbol, exchange time in ms, and the amounts in the order of the columns."""


@dataclass(frozen=True)
class Sizes:
    """How many instruments the venues list; Bitget has eight more."""

    bitget: int = 2
    htx: int = 20
    synthetix: int = 5


SMALL = Sizes()


class Venues:
    """Asks the simulator what it has served and what it was asked."""

    def __init__(self, base_url: str, session: aiohttp.ClientSession) -> None:
        self.base_url = base_url
        self._session = session
        self._values: list[Value] = []
        self._next = 0

    async def served(self) -> list[Value]:
        """Return every value that was served, also those whose reply may not have arrived."""
        url = f"{self.base_url}/_sim/served?since={self._next}"
        async with self._session.get(url) as reply:
            for line in (await reply.text()).splitlines():
                entry = json.loads(line)
                self._next = entry["sequence"]
                venue, amounts = entry["venue"], entry["amounts"]
                one, two, three, four, five = (amounts.get(name) for name in COLUMNS[venue])
                self._values.append((
                    venue, entry["symbol"], entry["exchange_ms"], one, two, three, four, five
                ))  # fmt: skip
        return self._values

    async def limits_broken(self) -> list[str]:
        """Return each limit that was exceeded, in any window, with the figures."""
        async with self._session.get(f"{self.base_url}/_sim/stats") as reply:
            stats: Any = await reply.json()
        return [
            f"{scope}: {seen['most_arrivals_in_window']} of {seen['limit']['count']},"
            f" {seen['rejected']} refused"
            for venue in stats["venues"].values()
            for scope, seen in venue["limits"].items()
            if seen["rejected"] or seen["most_arrivals_in_window"] > seen["limit"]["count"]
        ]


@asynccontextmanager
async def simulated(sizes: Sizes, seed: int) -> AsyncIterator[Venues]:
    """Run the simulator while the block does."""
    options = {
        "port": 0,
        "seed": seed,
        "bitget": sizes.bitget,
        "htx": sizes.htx,
        "synthetix": sizes.synthetix,
        # Its time is then the moment of the reply, as at the other two: that is how a value is
        # known to belong to a poll.
        "bitget-ts-jitter-ms": 0,
        "htx-dead-rows": 0,
    }
    process = await asyncio.create_subprocess_exec(
        *DIES_WITH_US,
        *(sys.executable, "-m", "collector", "simulate", "--ledger"),
        *(f"--{name}={value}" for name, value in options.items()),
        stdout=PIPE,
        start_new_session=True,  # Ctrl-C is for us
    )
    try:
        assert process.stdout is not None
        words = (await process.stdout.readline()).decode().split()
        async with aiohttp.ClientSession() as session:
            yield Venues(words[2].rstrip(":"), session)
    finally:
        process.terminate()
        await process.wait()
