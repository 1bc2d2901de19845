"""Limits as a client meets them over HTTP."""

from collections.abc import Awaitable, Callable
from email.utils import parsedate_to_datetime
from typing import Any

import pytest
from aiohttp import ClientResponse

from collector.simulator import Simulator

Start = Callable[..., Awaitable[Simulator]]
Ask = Callable[..., Awaitable[ClientResponse]]

STARTED_MS = 1_790_000_000_000
SECOND = 10**9
BITGET = "/api/v2/mix/market/open-interest?symbol=BTCUSDT&productType=USDT-FUTURES"
BITGET_CONTRACTS = "/api/v2/mix/market/contracts?productType=COIN-FUTURES"
HTX = "/linear-swap-api/v1/swap_open_interest?contract_code=BTC-USDT"
HTX_CONTRACTS = "/linear-swap-api/v1/swap_contract_info?contract_code=BTC-USDT"
V5 = "/v5/market/open_interest?contract_code=BTC-USDT"
FLAT = {"action": "getOpenInterest"}


async def statuses(ask: Ask, simulator: Simulator, path: str, count: int, **more: Any) -> list[int]:
    """Ask so often and give the HTTP statuses."""
    return [(await ask(simulator, path, **more)).status for _ in range(count)]


async def test_the_documented_limits_are_in_force(start: Start) -> None:
    """Count and window of each scope, as the seeds state them."""
    venues: Any = (await start()).stats()["venues"]
    limits = {
        scope: (each["limit"]["count"], each["limit"]["window_seconds"])
        for venue in venues.values()
        for scope, each in venue["limits"].items()
    }
    assert limits == {
        "bitget.open-interest": (20, 1),
        "bitget.contracts": (20, 1),
        "bitget.tickers": (20, 1),
        "bitget.total": (6000, 60),
        "htx.v1": (240, 3),
        "htx.v5": (240, 3),
        "synthetix.minute": (1000, 60),
        "synthetix.second": (100, 1),
    }


async def test_bitget_refuses_the_21st_request_of_any_second(
    start: Start, ask: Ask, clock: list[int]
) -> None:
    """With the captured body; other endpoints go on, and a second after the first so does it."""
    simulator = await start()
    assert await statuses(ask, simulator, BITGET, 10) == [200] * 10
    clock[0] = SECOND // 2
    assert await statuses(ask, simulator, BITGET, 11) == [200] * 10 + [429]
    clock[0] = SECOND - 1
    reply = await ask(simulator, BITGET)
    request_time = STARTED_MS + 999
    expected = {"code": "429", "msg": "Too Many Requests", "requestTime": request_time}
    assert await reply.json() == {**expected, "data": None}
    assert reply.headers["x-mbx-used-remain-limit"] == "0"
    assert "Retry-After" not in reply.headers
    assert (await ask(simulator, BITGET_CONTRACTS)).status == 200
    clock[0] = SECOND
    assert await statuses(ask, simulator, BITGET, 11) == [200] * 10 + [429]


async def test_breaking_bitgets_total_costs_five_minutes(
    start: Start, ask: Ask, clock: list[int]
) -> None:
    """All endpoints are refused for as long, whatever the windows hold."""
    simulator = await start(limits=("bitget.total=5/60",))
    assert await statuses(ask, simulator, BITGET, 6) == [200] * 5 + [429]
    clock[0] = 299 * SECOND
    assert (await ask(simulator, BITGET_CONTRACTS)).status == 429
    clock[0] = 300 * SECOND
    assert (await ask(simulator, BITGET_CONTRACTS)).status == 200


async def test_reset_can_forgive(start: Start, ask: Ask) -> None:
    """A plain reset forgets the counts only, one with limits also the penalty."""
    simulator = await start(limits=("bitget.total=1/60",))
    assert await statuses(ask, simulator, BITGET, 2) == [200, 429]
    await ask(simulator, "/_sim/reset", method="POST")
    assert await statuses(ask, simulator, BITGET, 1) == [429]
    await ask(simulator, "/_sim/reset", json={"limits": True})
    assert await statuses(ask, simulator, BITGET, 1) == [200]


async def test_htx_meters_open_interest_and_discovery_together(
    start: Start, ask: Ask, clock: list[int]
) -> None:
    """240 in 3 s over both; V5 has a budget of its own; the headers count down."""
    simulator = await start()
    for path in (HTX, HTX_CONTRACTS):
        assert set(await statuses(ask, simulator, path, 119)) == {200}
    clock[0] = SECOND
    reply = await ask(simulator, HTX)
    assert {
        name: value for name, value in reply.headers.items() if name.startswith("ratelimit-")
    } == {
        "ratelimit-limit": "240",
        "ratelimit-interval": "3000",
        "ratelimit-remaining": "1",
        "ratelimit-reset": str(STARTED_MS + 3000),
    }
    await ask(simulator, HTX_CONTRACTS)
    refused = await ask(simulator, HTX)
    expected = {"err_code": 1032, "err_msg": "The number of access exceeded the limit."}
    expected |= {"status": "error", "ts": STARTED_MS + 1000}
    assert (refused.status, await refused.json()) == (200, expected)
    v5 = await ask(simulator, V5)
    assert ((await v5.json())["code"], "ratelimit-limit" in v5.headers) == (200, False)
    clock[0] = 3 * SECOND
    assert (await (await ask(simulator, HTX)).json())["status"] == "ok"


async def test_htx_may_say_it_with_a_status_and_ban(
    start: Start, ask: Ask, clock: list[int]
) -> None:
    """As options HTTP 429 instead of 200, and a ban."""
    simulator = await start(htx_over_limit="429", htx_ban_seconds=10.0, limits=("htx.v1=1/3",))
    reply = (await ask(simulator, HTX), await ask(simulator, HTX))[1]
    assert (reply.status, (await reply.json())["err_code"]) == (429, 1032)
    clock[0] = 9 * SECOND
    assert (await ask(simulator, HTX)).status == 429
    clock[0] = 10 * SECOND
    assert (await ask(simulator, HTX)).status == 200


async def test_synthetix_has_two_windows(start: Start, ask: Ask, clock: list[int]) -> None:
    """100 in a second and 1000 in a minute, then RATE_LIMIT_EXCEEDED without any header."""
    simulator = await start()
    assert await statuses(ask, simulator, "/v1/info", 101, json=FLAT) == [200] * 100 + [429]
    reply = await ask(simulator, "/v1/info", json=FLAT)
    error = (await reply.json())["error"]
    named = (error["code"], error["category"], error["retryable"])
    assert named == ("RATE_LIMIT_EXCEEDED", "RATE_LIMIT", True)
    assert not [name for name in reply.headers if "limit" in name.lower() or name == "Retry-After"]
    for second in range(1, 10):
        clock[0] = second * SECOND
        assert set(await statuses(ask, simulator, "/v1/info", 100, json=FLAT)) == {200}
    clock[0] = 11 * SECOND
    assert await statuses(ask, simulator, "/v1/info", 1, json=FLAT) == [429]
    clock[0] = 60 * SECOND
    assert await statuses(ask, simulator, "/v1/info", 1, json=FLAT) == [200]


async def test_synthetix_as_a_bucket(start: Start, ask: Ask, clock: list[int]) -> None:
    """10000 tokens that refill in 10 s, a cost per request, and headers if asked for."""
    options = {"synthetix_limiter": "bucket", "synthetix_cost": 4000}
    simulator = await start(**options, synthetix_limit_headers=True)
    assert await statuses(ask, simulator, "/v1/info", 3, json=FLAT) == [200, 200, 429]
    clock[0] = 2 * SECOND - 1
    assert await statuses(ask, simulator, "/v1/info", 1, json=FLAT) == [429]
    clock[0] = 2 * SECOND
    reply = await ask(simulator, "/v1/info", json=FLAT)
    headers = (reply.headers["x-ratelimit-limit"], reply.headers["x-ratelimit-remaining"])
    assert (reply.status, *headers) == (200, "10000", "0")


async def test_every_client_address_has_its_own_budget(start: Start, ask: Ask) -> None:
    """A limit used up by one loopback address leaves the others theirs."""
    simulator = await start()
    assert await statuses(ask, simulator, BITGET, 21) == [200] * 20 + [429]
    assert await statuses(ask, simulator, BITGET, 5, source="127.0.0.2") == [200] * 5
    limits: Any = simulator.stats()["venues"]
    report = limits["bitget"]["limits"]["bitget.open-interest"]
    assert (report["clients"], report["most_accepted_in_window"], report["requests"]) == (2, 20, 26)


async def test_refused_requests_can_be_charged(start: Start, ask: Ask, clock: list[int]) -> None:
    """With the option a client that never pauses never gets in again."""
    simulator = await start(charge_rejected=True, limits=("bitget.open-interest=2/1",))
    seen = []
    for _ in range(8):
        seen += await statuses(ask, simulator, BITGET, 1)
        clock[0] += SECOND // 4
    assert seen == [200, 200] + [429] * 6


@pytest.mark.parametrize("form", ["seconds", "date"])
async def test_retry_after_is_true_and_rounded_up(
    start: Start, ask: Ask, clock: list[int], form: str
) -> None:
    """As an option in seconds or as a date, never too early."""
    simulator = await start(retry_after=form, limits=("bitget.open-interest=1/30",))
    await ask(simulator, BITGET)
    clock[0] = SECOND // 2
    told = (await ask(simulator, BITGET)).headers["Retry-After"]
    if form == "date":
        waits_until = parsedate_to_datetime(told).timestamp() - STARTED_MS / 1000
    else:
        waits_until = int(told) + 0.5
    assert 30 <= waits_until <= 31


async def test_limits_can_be_off(start: Start, ask: Ask) -> None:
    """Then all is counted and nothing refused."""
    simulator = await start(no_limits=True)
    assert set(await statuses(ask, simulator, BITGET, 50)) == {200}
    venues: Any = simulator.stats()["venues"]
    assert venues["bitget"]["limits"]["bitget.open-interest"]["most_accepted_in_window"] == 50
