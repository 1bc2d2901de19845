"""What the limiter is told of a request without an answer: may the venue still read it?"""

import asyncio

import pytest

from collector.errors import NoAnswer
from tests.http.client import LIMIT, asking, failure
from tests.http.scripted import Answer, drop, scripted, stall

WINDOW = 25.0  # seconds, with the limiter's margin; held slots are held for half a minute more


@pytest.mark.parametrize(
    ("answer", "held"),
    [pytest.param(stall, 1, id="no word"), pytest.param(drop, 0, id="the venue hung up")],
)
async def test_only_a_request_that_may_still_be_read_holds_its_slot(
    answer: Answer, held: int
) -> None:
    """A venue that has ended the connection counts nothing of it any more."""
    async with scripted(answer) as server, asking(server.url) as (client, limiter):
        assert isinstance(await failure(client), NoAnswer)
        (gate,) = limiter._gates.values()  # noqa: SLF001 - what it holds shows nowhere else

        assert limiter.used()[LIMIT] == 1
        assert gate.window.used(asyncio.get_running_loop().time() + WINDOW) == held


async def test_a_connection_that_cannot_be_made_holds_nothing(unused_port: int) -> None:
    """Nothing has left."""
    async with asking(f"http://127.0.0.1:{unused_port}") as (client, limiter):
        assert isinstance(await failure(client), NoAnswer)
        (gate,) = limiter._gates.values()  # noqa: SLF001

        assert gate.window.used(asyncio.get_running_loop().time() + WINDOW) == 0
