"""What counts as a round trip: from the moment a request really leaves to its reply."""

import asyncio
from types import SimpleNamespace

import aiohttp

from collector.http import VenueClient, open_session
from collector.limits import Limiter
from collector.venues import VENUES
from tests.http.client import IMPATIENT, LIMIT, NEVER, REQUEST
from tests.http.scripted import reply, scripted

SLOW = 0.2  # seconds


async def slow_connection(
    _: aiohttp.ClientSession, __: SimpleNamespace, ___: aiohttp.TraceConnectionCreateStartParams
) -> None:
    """Take as long as DNS, TCP and TLS do to a venue that is far away."""
    await asyncio.sleep(SLOW)


async def test_making_a_connection_is_not_part_of_a_round_trip() -> None:
    """It would seem three times as long as it is, and the limiter would give slots back early."""
    limiter = Limiter(asyncio.get_running_loop().time)
    limiter.declare((LIMIT,), 1.0)
    slow = aiohttp.TraceConfig()
    slow.on_connection_create_start.append(slow_connection)
    slow.freeze()
    async with (
        scripted(reply('{"code":"00000"}')) as server,
        open_session(IMPATIENT) as session,
    ):
        session.trace_configs.append(slow)
        client = VenueClient(session, VENUES["bitget"], [server.url], limiter, IMPATIENT)
        started = asyncio.get_running_loop().time()
        await client.fetch(REQUEST, NEVER)
        taken = asyncio.get_running_loop().time() - started

    (gate,) = limiter._gates.values()  # noqa: SLF001 - what it has seen shows nowhere else
    assert taken > SLOW
    assert 0 < gate.round_trips._fastest < SLOW  # noqa: SLF001
