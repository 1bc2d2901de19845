"""A client like the daemon's, with little patience and without the window that a start waits."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from collector.errors import VenueError
from collector.http import Patience, VenueClient, open_session
from collector.limits import Limiter
from collector.venues import VENUES
from collector.venues.spec import RateLimit, Request

# A window of more than ten seconds is open from the start.
LIMIT = RateLimit("test", 100, 20, "test")
REQUEST = Request(path="/asked", limits=(LIMIT,), symbol="BTCUSDT", max_bytes=10_000)
IMPATIENT = Patience(connect=0.3, read=0.3, total=0.6, attempts=1, backoff=0.001)
PERSISTENT = Patience(connect=0.3, read=0.3, total=0.6, attempts=3, backoff=0.001)
NEVER = 1e9


@asynccontextmanager
async def asking(
    *urls: str,
    venue: str = "bitget",
    patience: Patience = IMPATIENT,
    limit: RateLimit = LIMIT,
) -> AsyncIterator[tuple[VenueClient, Limiter]]:
    """Give a client for these hosts, and its limiter."""
    limiter = Limiter(asyncio.get_running_loop().time)
    limiter.declare((limit,), 1.0)
    async with open_session(patience) as session:
        yield VenueClient(session, VENUES[venue], urls, limiter, patience), limiter


async def failure(
    client: VenueClient, request: Request = REQUEST, deadline: float = NEVER
) -> VenueError:
    """Return the error that asking ends in."""
    with pytest.raises(VenueError) as failed:
        await client.fetch(request, deadline)
    return failed.value


def limited_to(limit: RateLimit) -> Request:
    """Return the usual request, charged to another limit."""
    return replace(REQUEST, limits=(limit,))
