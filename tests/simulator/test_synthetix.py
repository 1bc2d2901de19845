"""Synthetix's endpoint against the documented samples and the published code (facts 3)."""

from collections.abc import Awaitable, Callable
from decimal import Decimal
from statistics import median
from typing import Any

import pytest
from aiohttp import ClientResponse

from collector.simulator import Simulator

Start = Callable[..., Awaitable[Simulator]]
Ask = Callable[..., Awaitable[ClientResponse]]

STARTED_MS = 1_790_000_000_000
OPEN_INTEREST = {"params": {"action": "getOpenInterest"}}


async def response_of(reply: ClientResponse) -> Any:
    """Check the envelope and give what is in it."""
    answer = await reply.json()
    assert (reply.status, answer["status"], answer["timestamp"]) == (200, "ok", STARTED_MS)
    assert answer["requestId"] == answer["request_id"]
    assert len(bytes.fromhex(answer["requestId"])) == 8
    return answer["response"]


@pytest.mark.parametrize("body", [OPEN_INTEREST, {"action": "getOpenInterest"}])
async def test_open_interest_is_served_nested_and_flat(
    start: Start, ask: Ask, body: dict[str, object]
) -> None:
    """All markets, decimal strings without trailing zeros, one integer time for all rows."""
    rows = await response_of(await ask(await start(), "/v1/info", json=body))
    assert len(rows) == 8
    for row in rows:
        assert [*row] == [
            "symbol",
            "openInterest",
            "longOpenInterest",
            "shortOpenInterest",
            "timestamp",
        ]
        total, long, short = (Decimal(row[name]) for name in [*row][1:4])
        assert total == long + short
        assert row["timestamp"] == STARTED_MS
        assert all("." not in row[name] or row[name][-1] != "0" for name in [*row][1:4])


async def test_the_legs_differ_by_a_few_per_cent(start: Start, ask: Ask) -> None:
    """About 3.6 % apart at the median, as the venue's history is (facts 3.2)."""
    rows = await response_of(await ask(await start(synthetix=400), "/v1/info", json=OPEN_INTEREST))
    gaps = [
        abs(Decimal(row["longOpenInterest"]) - Decimal(row["shortOpenInterest"]))
        / (Decimal(row["openInterest"]) / 2)
        for row in rows
        if row["openInterest"] != "0"
    ]
    assert Decimal("0.025") < median(gaps) < Decimal("0.045")


async def test_markets_are_listed_with_the_closed_ones(start: Start, ask: Ask) -> None:
    """All by default, only open ones when asked; contractSize is an integer (facts 3.5)."""
    simulator = await start()
    nested = {"params": {"action": "getMarkets", "activeOnly": True}}
    every = await response_of(await ask(simulator, "/v1/info", json={"action": "getMarkets"}))
    active = await response_of(await ask(simulator, "/v1/info", json=nested))
    assert [each["isOpen"] for each in every] == [True] * 8 + [False] * 2
    assert active == [each for each in every if each["isOpen"]]
    assert {(each["contractSize"], each["isCloseOnly"]) for each in every} == {(1, False)}
    served = await response_of(await ask(simulator, "/v1/info", json=OPEN_INTEREST))
    assert [each["symbol"] for each in active] == [each["symbol"] for each in served]


async def test_prices_are_a_map_that_a_cache_may_repeat(
    start: Start, ask: Ask, clock: list[int]
) -> None:
    """Keyed by symbol, the same time and numbers within a second."""
    simulator = await start()
    body = {"action": "getMarketPrices"}
    first = (await (await ask(simulator, "/v1/info", json=body)).json())["response"]
    clock[0] += 900_000_000
    again = (await (await ask(simulator, "/v1/info", json=body)).json())["response"]
    clock[0] += 1_000_000_000
    later = (await (await ask(simulator, "/v1/info", json=body)).json())["response"]
    assert first == again != later
    assert first["BTC-USDT"]["symbol"] == "BTC-USDT"
    assert {each["timestamp"] for each in later.values()} == {STARTED_MS + 1000}


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"no json", 400, "INVALID_FORMAT"),
        (b"[]", 400, "INVALID_FORMAT"),
        (b'{"params":[]}', 400, "INVALID_FORMAT"),
        (b"", 400, "INVALID_FORMAT"),
        (b"\xff", 400, "INVALID_FORMAT"),
        (b"{}", 400, "MISSING_REQUIRED_FIELD"),
        (b'{"params":{}}', 400, "MISSING_REQUIRED_FIELD"),
        (b'{"action":"getNothing"}', 400, "VALIDATION_ERROR"),
        (b'{"action":7}', 400, "VALIDATION_ERROR"),
        (b" " * 20_481, 413, "VALIDATION_ERROR"),
    ],
)
async def test_errors_have_the_documented_envelope(
    start: Start, ask: Ask, body: bytes, status: int, code: str
) -> None:
    """A code, a category, a message and whether to retry (facts 3.3)."""
    reply = await ask(await start(), "/v1/info", data=body)
    answer = await reply.json()
    error = answer.pop("error")
    assert (reply.status, error["code"], error["category"]) == (status, code, "REQUEST")
    assert (error["retryable"], type(error["message"])) == (False, str)
    assert (answer["status"], answer["timestamp"]) == ("error", STARTED_MS)


async def test_a_body_of_20_kb_is_still_read(start: Start, ask: Ask) -> None:
    """The limit is the last size that passes, chunked or not."""
    body = b'{"action":"getOpenInterest"}'.ljust(20_480)
    simulator = await start()
    await response_of(await ask(simulator, "/v1/info", data=body))

    async def pieces(size: int) -> Any:
        for place in range(0, size, 4096):
            yield body.ljust(size)[place : place + 4096]

    await response_of(await ask(simulator, "/v1/info", data=pieces(20_480)))
    assert (await ask(simulator, "/v1/info", data=pieces(20_481))).status == 413


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/v1/info", 405, "METHOD_NOT_ALLOWED"),
        ("POST", "/v1/trade", 404, "NOT_FOUND"),
    ],
)
async def test_wrong_methods_and_paths_are_refused(
    start: Start, ask: Ask, method: str, path: str, status: int, code: str
) -> None:
    """With the venue's own envelope."""
    reply = await ask(await start(), path, method=method)
    assert (reply.status, (await reply.json())["error"]["code"]) == (status, code)


async def test_a_delisting_shows_a_minute_late_at_most(
    start: Start, ask: Ask, clock: list[int]
) -> None:
    """The market list is cached for 60 s, for listings too (facts 3.1)."""
    simulator = await start()
    seen = []
    clock[0] = 30 * 10**9
    simulator.change_listing("synthetix", add=["NEW-USDT"], delist=["BTC-USDT"])
    for second in (31, 59, 60):
        clock[0] = second * 10**9
        answer = await (await ask(simulator, "/v1/info", json=OPEN_INTEREST)).json()
        symbols = {row["symbol"] for row in answer["response"]}
        seen.append(("BTC-USDT" in symbols, "NEW-USDT" in symbols))
    assert seen == [(True, False), (True, False), (False, True)]
