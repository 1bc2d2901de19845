"""Bitget's endpoints against the documented and captured samples (facts 1)."""

from collections.abc import Awaitable, Callable

import pytest
from aiohttp import ClientResponse

from collector.simulator import Simulator

Start = Callable[..., Awaitable[Simulator]]
Ask = Callable[..., Awaitable[ClientResponse]]

STARTED_MS = 1_790_000_000_000
ROOT = "/api/v2/mix/market"
BTC = f"{ROOT}/open-interest?symbol=BTCUSDT&productType=USDT-FUTURES"


async def test_open_interest_has_the_documented_envelope(start: Start, ask: Ask) -> None:
    """Strings for size and ts, a number for requestTime, one row."""
    reply = await ask(await start(bitget_ts_jitter_ms=0), BTC)
    answer = await reply.json()
    size = answer["data"]["openInterestList"][0].pop("size")
    assert answer == {
        "code": "00000",
        "msg": "success",
        "requestTime": STARTED_MS,
        "data": {"openInterestList": [{"symbol": "BTCUSDT"}], "ts": str(STARTED_MS)},
    }
    assert isinstance(size, str)
    assert float(size) > 1000
    assert (reply.status, reply.headers["x-mbx-used-remain-limit"]) == (200, "19")


@pytest.mark.parametrize(
    ("symbol", "product"),
    [
        ("BTCUSDT", "usdt-futures"),
        ("龙虾USDT", "Usdt-Futures"),
        ("BTCPERP", "USDC-FUTURES"),
        ("BTCUSD", "coin-futures"),
        ("SBTCSUSDT", "susdt-futures"),
        ("SBTCSUSD", "SCOIN-FUTURES"),
        ("SBTCSPERP", "SUSDC-FUTURES"),
        ("BTCPERP", "USDT-FUTURES"),
    ],
)
async def test_every_product_type_is_served(
    start: Start, ask: Ask, symbol: str, product: str
) -> None:
    """In any case, demo types too, and even a right symbol under the wrong type (facts 1.6)."""
    query = {"symbol": symbol, "productType": product}
    reply = await ask(await start(bitget=865), f"{ROOT}/open-interest", params=query)
    rows = (await reply.json())["data"]["openInterestList"]
    assert [row["symbol"] for row in rows] == [symbol]


@pytest.mark.parametrize(
    ("query", "code", "message"),
    [
        ("symbol=NOPEUSDT&productType=USDT-FUTURES", "40034", "Parameter NOPEUSDT does not exist"),
        (
            "symbol=BTCUSDT&productType=NOPE-FUTURES",
            "40019",
            "Parameter NOPE-FUTURES cannot be empty",
        ),
        ("symbol=BTCUSDT", "40019", "Parameter productType cannot be empty"),
        ("productType=USDT-FUTURES", "40019", "Parameter symbol cannot be empty"),
    ],
)
async def test_errors_are_those_captured(
    start: Start, ask: Ask, query: str, code: str, message: str
) -> None:
    """HTTP 400, a code and a message, no data."""
    reply = await ask(await start(), f"{ROOT}/open-interest?{query}")
    expected = {"code": code, "msg": message, "requestTime": STARTED_MS, "data": None}
    assert (reply.status, await reply.json()) == (400, expected)


async def test_unknown_path_is_40404(start: Start, ask: Ask) -> None:
    """HTTP 404 with the captured message."""
    reply = await ask(await start(), f"{ROOT}/open-interest-history")
    expected = {"code": "40404", "msg": "Request URL NOT FOUND", "requestTime": STARTED_MS}
    assert (reply.status, await reply.json()) == (404, {**expected, "data": None})


@pytest.mark.parametrize(
    ("kind", "status", "code"), [("error", 400, "40309"), ("empty", 200, "00000")]
)
async def test_a_delisted_symbol_is_gone(
    start: Start, ask: Ask, kind: str, status: int, code: str
) -> None:
    """40309 or, as an option, success without rows; tickers go on with its last value."""
    simulator = await start(bitget_delisted=kind)
    simulator.change_listing("bitget", delist=["BTCUSDT"])
    reply = await ask(simulator, BTC)
    assert (reply.status, (await reply.json())["code"]) == (status, code)
    contracts = await (await ask(simulator, f"{ROOT}/contracts?productType=usdt-futures")).json()
    tickers = await (await ask(simulator, f"{ROOT}/tickers?productType=usdt-futures")).json()
    assert "BTCUSDT" not in {each["symbol"] for each in contracts["data"]}
    assert "BTCUSDT" in {each["symbol"] for each in tickers["data"]}


async def test_strict_product_refuses_a_foreign_symbol(start: Start, ask: Ask) -> None:
    """With the option a symbol is known only under its own productType."""
    simulator = await start(bitget_strict_product=True, bitget=865)
    reply = await ask(simulator, f"{ROOT}/open-interest?symbol=BTCPERP&productType=USDT-FUTURES")
    assert (reply.status, (await reply.json())["code"]) == (400, "40034")


async def test_contracts_are_strings_but_for_the_margin_coins(start: Start, ask: Ask) -> None:
    """Every field has the documented type, and a dated contract has its delivery time."""
    simulator = await start(bitget=865)
    path = f"{ROOT}/contracts?productType=coin-futures"
    found = (await (await ask(simulator, path)).json())["data"]
    assert len(found) == 11
    for contract in found:
        assert contract.pop("supportMarginCoins") == [contract["baseCoin"]]
        assert all(isinstance(value, str) for value in contract.values())
        dated = contract["symbolType"] == "delivery"
        assert dated == (contract["deliveryTime"] != "") == (contract["symbol"][-2:].isdigit())
    one = await (await ask(simulator, f"{path}&symbol=BTCUSD")).json()
    assert [each["symbol"] for each in one["data"]] == ["BTCUSD"]
    unknown = await ask(simulator, f"{path}&symbol=NOPE")
    assert (unknown.status, (await unknown.json())["code"]) == (400, "40034")


async def test_tickers_have_the_numbers_of_open_interest(
    start: Start, ask: Ask, clock: list[int]
) -> None:
    """One row per contract, one ts 73 to 103 ms old, holdingAmount equal to size."""
    simulator = await start(bitget=865)
    clock[0] += 5_000_000_000
    reply = await (await ask(simulator, f"{ROOT}/tickers?productType=USDT-FUTURES")).json()
    (stamp,) = {row["ts"] for row in reply["data"]}
    assert 73 <= reply["requestTime"] - int(stamp) <= 103
    held = {row["symbol"]: row["holdingAmount"] for row in reply["data"]}
    assert len(held) == 805
    row = (await (await ask(simulator, BTC)).json())["data"]["openInterestList"][0]
    assert held["BTCUSDT"] == row["size"]


async def test_ts_lies_near_request_time_on_either_side(
    start: Start, ask: Ask, clock: list[int]
) -> None:
    """Mostly tens of milliseconds off, now and then more, never above the option."""
    simulator = await start(no_limits=True)
    offsets = []
    for _ in range(600):
        answer = await (await ask(simulator, BTC)).json()
        offsets.append(int(answer["data"]["ts"]) - answer["requestTime"])
        clock[0] += 50_000_000
    assert min(offsets) < 0 < max(offsets)
    far = sum(abs(offset) > 50 for offset in offsets)
    assert 0 < far < 40
    assert max(map(abs, offsets)) <= 1300


async def test_a_repeating_ts_repeats_its_size(start: Start, ask: Ask, clock: list[int]) -> None:
    """While ts stands still so does the value, and both go on together."""
    simulator = await start(bitget_ts_repeat_ms=5000, no_limits=True)
    seen = []
    for _ in range(20):
        data = (await (await ask(simulator, BTC)).json())["data"]
        seen.append((int(data["ts"]) - STARTED_MS, data["openInterestList"][0]["size"]))
        clock[0] += 500_000_000
    assert {stamp for stamp, _ in seen} == {0, 5000}
    assert len(set(seen)) == 2


async def test_a_wrong_method_is_refused(start: Start, ask: Ask) -> None:
    """POST to a GET endpoint is HTTP 405."""
    assert (await ask(await start(), BTC, method="POST")).status == 405
