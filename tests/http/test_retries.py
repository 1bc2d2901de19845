"""What is tried again, how often, where, and that the limiter sees all of it."""

import asyncio

import pytest
from structlog.testing import capture_logs

from collector import errors
from collector.venues.spec import RateLimit
from tests.http.client import NEVER, PERSISTENT, REQUEST, asking, failure, limited_to
from tests.http.scripted import Answer, drop, reply, scripted

GOOD = reply('{"code": "00000", "data": 1}')
FAULT = reply("oops", "500 Internal Server Error")


@pytest.mark.parametrize("answer", [FAULT, drop, reply("<html>"), reply("x", "502 Bad Gateway")])
async def test_what_may_pass_is_tried_again(answer: Answer) -> None:
    """Two failures and then a reply: three requests, and nobody hears of the failures."""
    sent: list[int] = []
    async with (
        scripted(answer, answer, GOOD) as server,
        asking(server.url, patience=PERSISTENT) as (client, _),
    ):
        await client.fetch(REQUEST, NEVER, lambda: sent.append(1))

    assert len(server.requests) == len(sent) == 3


@pytest.mark.parametrize(
    "answer",
    [
        reply("x", "404 Not Found"),
        reply("x", "403 Forbidden"),
        reply("x", "302 Found"),
        reply('{"code": "40034", "msg": "gone"}'),
        reply('{"code": "40019", "msg": "refused"}'),
        reply("x" * 20_000),
    ],
)
async def test_what_will_not_change_is_asked_once(answer: Answer) -> None:
    """The same question would bring the same answer."""
    async with (
        scripted(answer) as server,
        asking(server.url, patience=PERSISTENT) as (client, _),
    ):
        await failure(client)

    assert len(server.requests) == 1


async def test_tries_are_bounded() -> None:
    """After the third failure it is somebody else's turn."""
    async with (
        scripted(FAULT) as server,
        asking(server.url, patience=PERSISTENT) as (client, _),
    ):
        error = await failure(client)

    assert isinstance(error, errors.ServerFault)
    assert len(server.requests) == 3


async def test_every_try_takes_a_slot() -> None:
    """With two slots in the window, the third try is not sent before its deadline."""
    limit = RateLimit("two", 2, 20, "test")
    async with (
        scripted(FAULT) as server,
        asking(server.url, patience=PERSISTENT, limit=limit) as (client, limiter),
    ):
        deadline = asyncio.get_running_loop().time() + 0.5
        error = await failure(client, limited_to(limit), deadline)

        assert limiter.used()[limit] == 2
    assert isinstance(error, errors.BudgetClosed)
    assert (error.venue, error.endpoint) == ("bitget", "GET /asked")
    assert len(server.requests) == 2


async def test_a_kept_connection_that_drops_is_not_asked_again_behind_our_back() -> None:
    """The HTTP library would send a GET a second time by itself, past the limiter."""
    async with scripted(GOOD, drop) as server, asking(server.url) as (client, limiter):
        await client.fetch(REQUEST, NEVER)
        error = await failure(client)

        assert limiter.used()[REQUEST.limits[0]] == 2
    assert isinstance(error, errors.NoAnswer)
    assert len(server.requests) == 2


async def test_a_refusal_shuts_the_budget_for_everybody() -> None:
    """After a 429 with Retry-After nothing more is sent that could not wait so long."""
    answer = reply("x", "429 Too Many Requests", {"Retry-After": "60"})
    async with (
        scripted(answer) as server,
        asking(server.url, patience=PERSISTENT) as (client, _),
    ):
        deadline = asyncio.get_running_loop().time() + 5
        errors_found = [await failure(client, deadline=deadline) for _ in range(3)]

    assert {errors.BudgetClosed} == {type(error) for error in errors_found}
    assert [error.retry_after for error in errors_found] == pytest.approx([60, 60, 60], abs=1)
    assert len(server.requests) == 1


async def test_after_a_ban_the_venue_is_left_alone_for_its_longest_penalty() -> None:
    """Bitget says five minutes."""
    async with (
        scripted(reply("x", "403 Forbidden")) as server,
        asking(server.url) as (client, _),
    ):
        banned = await failure(client)
        after = await failure(client, deadline=asyncio.get_running_loop().time() + 100)

    assert banned.retry_after == 300
    assert isinstance(after, errors.BudgetClosed)
    assert len(server.requests) == 1


async def test_the_venues_own_count_tightens_the_budget() -> None:
    """Nothing is left although we sent one request: somebody else uses the same address."""
    answer = reply('{"code": "00000"}', headers={"x-mbx-used-remain-limit": "0"})
    async with scripted(answer) as server, asking(server.url) as (client, _):
        await client.fetch(REQUEST, NEVER)
        error = await failure(client, deadline=asyncio.get_running_loop().time() + 0.2)

    assert isinstance(error, errors.BudgetClosed)
    assert len(server.requests) == 1


async def test_a_dead_host_is_left_for_the_other_and_said_once() -> None:
    """The next try goes to the next host, and so does everything after it."""
    good = reply('{"status": "ok"}')
    async with scripted(drop) as dead, scripted(good) as alive:
        with capture_logs() as logged:
            async with asking(dead.url, alive.url, venue="htx", patience=PERSISTENT) as (client, _):
                for _ in range(3):
                    await client.fetch(REQUEST, NEVER)

    assert (len(dead.requests), len(alive.requests)) == (1, 3)
    assert logged == [
        {
            "event": "venue.host_switched",
            "log_level": "warning",
            "venue": "htx",
            "away_from": dead.url,
            "to": alive.url,
            "error": "no_answer",
        }
    ]


async def test_two_dead_hosts_are_said_once() -> None:
    """Until one of them answers again, turning from one to the other is no news."""
    good = reply('{"status": "ok"}')
    async with scripted(drop, drop, drop, good) as one, scripted(drop, drop, good, drop) as two:
        with capture_logs() as logged:
            async with asking(one.url, two.url, venue="htx", patience=PERSISTENT) as (client, _):
                await failure(client)
                await client.fetch(REQUEST, NEVER)
                before = len(logged)
                await client.fetch(REQUEST, NEVER)

    assert before == 1
    assert [each["event"] for each in logged] == ["venue.host_switched"] * 2


async def test_both_hosts_share_the_budget() -> None:
    """HTX counts by address, whichever host is asked."""
    async with (
        scripted(drop) as one,
        scripted(drop) as two,
        asking(one.url, two.url, venue="htx", patience=PERSISTENT) as (client, limiter),
    ):
        await failure(client)

        assert limiter.used()[REQUEST.limits[0]] == 3
    assert (len(one.requests), len(two.requests)) == (2, 1)
