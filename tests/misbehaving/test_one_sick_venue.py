"""One venue that stalls, drips, bombs or floods: the others are polled on every tick, in time."""

from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from collector.db import Connection
from collector.simulator import Simulator
from tests.daemon.conftest import Program, eventually

pytestmark = [pytest.mark.db, pytest.mark.slow]

INTERVAL = timedelta(seconds=2)
SICK = ("bitget:stall:0.2", "bitget:bomb:0.3:4096", "bitget:huge:0.5:4096", "bitget:slow-body:1:60")
MEGABYTE = 2**20


def most_memory(pid: int) -> int:
    """Return the most bytes that a process has had in memory at once, as the kernel counted."""
    text = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    line = next(line for line in text.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024


async def count(sql: Connection) -> int:
    """Count the polls of the healthy venues that have come to their end."""
    counted: int = await sql.fetchval(
        "SELECT count(*) FROM polls WHERE venue <> 'bitget' AND finished_at IS NOT NULL"
    )
    return counted


async def polled(sql: Connection, at_least: int) -> bool:
    """Tell whether so many polls of the healthy venues have come to their end."""
    return await count(sql) >= at_least


async def struck(simulator: Simulator) -> bool:
    """Tell whether every fault has hit."""
    return all(fault["hits"] for fault in simulator.faults.report())


async def test_the_others_are_polled_on_every_tick_and_memory_is_bounded(
    program: Program, simulator: Simulator, sql: Connection
) -> None:
    """Bitget stalls, drips, and sends four gigabytes both packed and plain."""
    program.set(venues__htx__interval="2s", venues__synthetix__interval="2s")
    daemon = await program.start("run")
    await eventually(partial(polled, sql, 4))
    healthy = most_memory(daemon.process.pid)
    simulator.faults.replace(*SICK)
    began = datetime.now(UTC)
    await eventually(partial(struck, simulator))
    await eventually(partial(polled, sql, await count(sql) + 4))
    grown = most_memory(daemon.process.pid) - healthy
    simulator.faults.replace()
    await daemon.stop()

    assert grown < 48 * MEGABYTE
    for venue in ("htx", "synthetix"):
        polls = await sql.fetch(
            "SELECT * FROM polls WHERE venue = $1 AND outcome <> 'interrupted' AND started_at > $2"
            " ORDER BY polled_at",
            *(venue, began),
        )
        ticks = [poll["polled_at"] for poll in polls]
        assert ticks == [ticks[0] + number * INTERVAL for number in range(len(ticks))]
        assert {"ok"} == {poll["outcome"] for poll in polls}
        assert all(poll["finished_at"] - poll["started_at"] < INTERVAL for poll in polls)
    assert await sql.fetchval("SELECT count(*) FROM polls WHERE venue = 'bitget'") > 0
