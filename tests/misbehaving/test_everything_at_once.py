"""All that a venue can do wrong, at random and together: what is stored is what was served well."""

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from collector.db import Connection, Database
from collector.simulator import Simulator
from collector.simulator.faults import KINDS
from tests.misbehaving.rig import rig
from tests.misbehaving.served import served, stored

pytestmark = pytest.mark.db

POLLS = {"bitget": 5, "htx": 60, "synthetix": 60}
RATES = {"malformed-row": 0.15, "duplicate-row": 0.1, "wrong-symbol": 0.1, "429": 0.01}
PARAMS: dict[str, int | float] = {"huge": 9, "bomb": 64, "slow-body": 0.5, "clock-offset": 3600}
TIMES = {"stall": 1}
"""Each costs three seconds of waiting, so there are few."""

SUMS = """
SELECT venue, sum(requests) AS requests, sum(rows_stored) AS stored, sum(rows_rejected) AS rejected,
    bool_and(rows_fetched = rows_stored + rows_duplicate + rows_rejected) AS sums
FROM polls GROUP BY venue ORDER BY venue
"""


def everything() -> list[dict[str, object]]:
    """Return each kind of fault, for every venue that knows it, at its rate."""
    faults: list[dict[str, object]] = []
    for kind in KINDS:
        for venue in POLLS if kind != "silent-zero" else ["synthetix"]:
            fault = {"venue": venue, "kind": kind, "rate": RATES.get(kind, 0.02)}
            faults.append(fault | ({"param": PARAMS[kind]} if kind in PARAMS else {}))
            if kind in TIMES:
                faults[-1] |= {"times": TIMES[kind], "rate": 0.1}
    for form in (1, "date"):
        faults += [
            {"venue": venue, "kind": "429", "rate": 0.1, "param": form, "times": 1}
            for venue in POLLS
        ]
    return faults


async def test_what_is_stored_is_what_was_served_well(
    tmp_path: Path, simulator: Simulator, database: Database, sql: Connection
) -> None:
    """Digit for digit and nothing else, bad rows set aside, sums right, no limit exceeded."""
    for fault in everything():
        simulator.faults.add(fault)
    hosts = dict.fromkeys(POLLS, simulator.base_urls)
    async with rig(tmp_path, database, hosts) as collector:
        await asyncio.gather(*(collector.poll(venue, times) for venue, times in POLLS.items()))
        while KINDS.keys() != {
            fault["kind"] for fault in simulator.faults.report() if fault["hits"]
        }:
            await collector.poll("synthetix")

    there, sent = await stored(sql), served(simulator)
    good = {value.key for value in sent if value.good}
    assert there.items() <= {(v.key, v.amounts) for v in sent if v.good or v.doubtful}
    assert good <= there.keys()
    # Rows of nobody are left out, but for the few that came when there was no list to be had.
    assert len(there.keys() - good) < len([value for value in sent if value.doubtful]) / 5
    await _sums_are_right(simulator, sql)
    _limits_were_kept(simulator)


async def _sums_are_right(simulator: Simulator, sql: Connection) -> None:
    rejects = Counter([row["venue"] for row in await sql.fetch("SELECT venue FROM rejects")])
    for row in await sql.fetch(SUMS):
        venue: Any = simulator.stats()["venues"]
        paths = venue[row["venue"]]["endpoints"].values()
        # Dropped ones never counted at the venue, and were sent all the same.
        arrived = sum(path["requests"] + path["faulted"].get("drop-before", 0) for path in paths)
        rows = await sql.fetchval(
            "SELECT count(*) FROM open_interest WHERE venue = $1", row["venue"]
        )
        assert row["sums"]
        assert arrived == row["requests"]
        assert rows == row["stored"]
        assert rejects[row["venue"]] == row["rejected"]


def _limits_were_kept(simulator: Simulator) -> None:
    venues: Any = simulator.stats()["venues"]
    for venue in venues.values():
        for seen in venue["limits"].values():
            assert seen["rejected"] == 0
            assert seen["most_arrivals_in_window"] <= seen["limit"]["count"]
