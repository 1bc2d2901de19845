"""The real venues, one figure of each: off unless COLLECTOR_LIVE=1, since it asks strangers.

The addresses are those of config.yaml and the environment, so the simulator can stand in.
"""

import asyncio
import os
from datetime import UTC, datetime, timedelta

import pytest

from collector import config
from collector.app import sweepers
from collector.http import Patience
from collector.models import Parsed
from collector.venues import VENUES
from collector.venues.spec import Reply

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(os.environ.get("COLLECTOR_LIVE") != "1", reason="COLLECTOR_LIVE is not 1"),
]


@pytest.mark.parametrize("venue", VENUES)
async def test_the_venue_answers_as_documented(venue: str) -> None:
    """It lists instruments, and has fresh figures for one or for all of them."""
    settings = config.load(None, os.environ)
    parsed: list[Parsed] = []

    async def accept(_: Reply, rows: Parsed, _unlisted: int) -> None:
        parsed.append(rows)

    async with sweepers(settings, [venue], Patience()) as (_, asking):
        sweeper = asking[venue]
        deadline = asyncio.get_running_loop().time() + 30
        await sweeper.instruments.refresh(deadline)
        listed = [each for each in sweeper.instruments.selected() if each.base == "BTC"]
        request = VENUES[venue].plan(listed[:1])[0]
        reply = await sweeper.client.fetch(request, deadline)

    rows = VENUES[venue].parse(reply)
    assert listed, "no instrument on BTC"
    assert rows.rejects == []
    assert rows.snapshots
    age = max(datetime.now(UTC) - row.exchange_ts for row in rows.snapshots)
    assert timedelta(minutes=-5) < age < timedelta(minutes=5)
