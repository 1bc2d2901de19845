"""Ready means: every venue lately polled, and the database takes the rows. The server says so."""

import asyncio

import aiohttp
import pytest
from structlog.testing import capture_logs

from collector.errors import CollectorError
from collector.health import Health
from collector.server import serve
from collector.settings import HttpSettings


class Clock:
    """A clock that the test sets."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        """Return what the test has set."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    """A clock at some moment."""
    return Clock()


@pytest.fixture
def health(clock: Clock) -> Health:
    """Two venues, polled every minute."""
    health = Health(clock)
    health.add("bitget", 60)
    health.add("htx", 60)
    return health


def test_before_the_first_good_poll_nothing_is_ready(health: Health) -> None:
    """A daemon that has just started has nothing to show yet."""
    assert health.problems() == ["bitget: no good poll lately", "htx: no good poll lately"]


def test_after_good_polls_it_is_ready_until_three_intervals_have_passed(
    health: Health, clock: Clock
) -> None:
    """A venue that is down for one or two polls is not yet a reason for alarm."""
    for venue in health.venues.values():
        venue.worked()
    clock.now += 180
    in_time = health.problems()
    health.venues["htx"].worked()
    clock.now += 1

    assert in_time == []
    assert health.problems() == ["bitget: no good poll lately"]


def test_a_database_that_is_away_is_told_with_how_long(health: Health, clock: Clock) -> None:
    """Nothing is lost, but nobody can query it either."""
    for venue in health.venues.values():
        venue.worked()
    health.database.failed("connection refused")
    clock.now += 7

    assert health.problems() == ["database: away for 7 s; rows wait in the journal"]
    health.database.worked()
    assert health.problems() == []


def test_what_a_human_has_to_mend_is_told_once_more(health: Health, clock: Clock) -> None:
    """A database that comes back with a schema that is too old must not hide behind the outage."""
    for venue in health.venues.values():
        venue.worked()
    with capture_logs() as logged:
        health.database.failed("connection refused")
        health.database.failed("too old", lasting=True)
        health.database.failed("connection refused")
        health.database.failed("too old", lasting=True)
        clock.now += 7
        problems = health.problems()
        health.database.worked()
        health.database.failed("too old", lasting=True)

    assert problems == ["database: not as it must be for 7 s; rows wait in the journal"]
    assert [each.get("error") for each in logged] == [
        "connection refused",
        "too old",
        None,
        "too old",
    ]


async def test_the_server_tells_alive_and_ready(health: Health, unused_port: int) -> None:
    """200 or 503, and why."""
    url = f"http://127.0.0.1:{unused_port}"
    async with (
        serve(HttpSettings(port=unused_port), health),
        aiohttp.ClientSession(url) as session,
    ):
        alive = await session.get("/healthz")
        sleeping = [asyncio.create_task(asyncio.sleep(60)) for _ in range(5)]
        busier = await session.get("/healthz")
        not_ready = await session.get("/readyz")
        for venue in health.venues.values():
            venue.worked()
        ready = await session.get("/readyz")

        assert (alive.status, (await alive.json())["status"]) == (200, "alive")
        assert (await busier.json())["tasks"] >= (await alive.json())["tasks"] + len(sleeping)
        assert not_ready.status == 503
        assert (await not_ready.json())["problems"] == [
            "bitget: no good poll lately",
            "htx: no good poll lately",
        ]
        assert (ready.status, await ready.json()) == (200, {"status": "ready", "problems": []})


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
async def test_the_server_answers_nothing_but_get(
    health: Health, unused_port: int, method: str
) -> None:
    """There is nothing to change over HTTP."""
    async with (
        serve(HttpSettings(port=unused_port), health),
        aiohttp.ClientSession(f"http://127.0.0.1:{unused_port}") as session,
    ):
        response = await session.request(method, "/healthz", data=b"x" * 100_000)

        assert response.status == 405


async def test_a_port_that_is_taken_is_told(health: Health, unused_port: int) -> None:
    """By the keys that name it."""
    settings = HttpSettings(port=unused_port)
    async with serve(settings, health):
        with pytest.raises(CollectorError, match=r"http\.host, http\.port: 127.* is not usable"):
            async with serve(settings, health):
                pass
