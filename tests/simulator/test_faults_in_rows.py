"""Faults in the rows of a reply and in its clock."""

import json
from collections.abc import Awaitable, Callable
from decimal import Decimal, InvalidOperation
from itertools import pairwise
from typing import Any

import pytest
from aiohttp import ClientResponse

from collector.simulator import Simulator
from collector.simulator.faults import MALFORMATIONS

Start = Callable[..., Awaitable[Simulator]]
Ask = Callable[..., Awaitable[ClientResponse]]

STARTED_MS = 1_790_000_000_000
SECOND = 10**9
BITGET = "/api/v2/mix/market/open-interest?symbol=BTCUSDT&productType=USDT-FUTURES"
TICKERS = "/api/v2/mix/market/tickers?productType=USDT-FUTURES"
HTX = "/linear-swap-api/v1/swap_open_interest"
V5 = "/v5/market/open_interest?contract_code=BTC-USDT"
INFO = "/v1/info"
AMOUNTS = {
    BITGET: ("size",),
    TICKERS: ("holdingAmount",),
    HTX: ("volume", "amount", "value"),
    V5: ("volume", "amount", "value"),
    INFO: ("openInterest", "longOpenInterest", "shortOpenInterest"),
}
SYMBOL = {BITGET: "symbol", TICKERS: "symbol", HTX: "contract_code", V5: "contract_code"}


async def rows_of(ask: Ask, simulator: Simulator, path: str) -> list[dict[str, Any]]:
    """Read the rows of any endpoint, bare decimals as their text, the time put into each."""
    asked = {"json": {"action": "getOpenInterest"}} if path == INFO else {}
    reply = await ask(simulator, path, **asked)
    answer = json.loads(await reply.text(), parse_float=str)
    data = answer.get("response") or answer["data"]
    if path == BITGET:
        return [{**row, "ts": data["ts"]} for row in data["openInterestList"]]
    if path in {HTX, V5}:
        return [{**row, "ts": answer["ts"]} for row in (data if type(data) is list else [data])]
    return [{**row, "ts": row.get("ts", row.get("timestamp"))} for row in data]


def acceptable(amount: object) -> bool:
    """Judge an amount by the design: a plain ASCII decimal number that is not negative."""
    if isinstance(amount, bool) or not isinstance(amount, str | int):
        return False
    text = str(amount)
    try:
        number = Decimal(text)
    except InvalidOperation:
        return False
    plain = text.isascii() and "_" not in text and text == text.strip()
    return plain and number.is_finite() and 0 <= number < Decimal("1e60")


@pytest.mark.parametrize("path", AMOUNTS)
async def test_without_faults_every_amount_is_acceptable(start: Start, ask: Ask, path: str) -> None:
    """The test's own judgement accepts what the venues serve."""
    rows = await rows_of(ask, await start(bitget_ts_jitter_ms=0), path)
    assert all(acceptable(row[name]) for row in rows for name in AMOUNTS[path])


# A bare NaN is no JSON, and HTX has no timestamp in its rows.
CASES = [
    (path, sort)
    for path in AMOUNTS
    for sort in MALFORMATIONS
    if sort != "bare-nan" and (sort != "timestamp" or path not in {HTX, V5})
]


@pytest.mark.parametrize(("path", "sort"), CASES)
async def test_one_row_is_malformed_and_its_neighbours_are_as_they_were(
    start: Start, ask: Ask, path: str, sort: str
) -> None:
    """Exactly one row differs, in exactly one field, which nobody could accept."""
    simulator = await start(bitget_ts_jitter_ms=0, ledger=True, seed=3)
    good = await rows_of(ask, simulator, path)
    simulator.faults.add(f"*:malformed-row:1:{sort}")
    bad = await rows_of(ask, simulator, path)
    changed = [(one, two) for one, two in zip(good, bad, strict=True) if one != two]
    ((before, after),) = [pair for pair in changed if path != TICKERS or _more_than_ts(*pair)]
    if sort == "timestamp":
        assert not STARTED_MS - 2000 < int(after["ts"]) < STARTED_MS + 2000
    else:
        (name,) = {key for key in before if before[key] != after.get(key) and key != "ts"}
        assert name in {*AMOUNTS[path], SYMBOL.get(path, "symbol")}
        assert (name in after) == (sort != "missing")
        assert not acceptable(after.get(name))
    marked = [entry for entry in simulator.ledger.entries() if entry["fault"]]
    assert [entry["fault"] for entry in marked] == [f"malformed-row:{sort}"]


def _more_than_ts(one: dict[str, Any], two: dict[str, Any]) -> bool:
    # Between two replies the tickers' ts differs in every row; only an absurd one counts.
    return {**one, "ts": 0} != {**two, "ts": 0} or abs(int(one["ts"]) - int(two["ts"])) > 1000


async def test_a_random_sort_is_one_that_leaves_the_reply_readable(start: Start, ask: Ask) -> None:
    """Without a parameter many sorts appear over time, and each reply is JSON."""
    simulator = await start(ledger=True, faults=("htx:malformed-row:1",), no_limits=True)
    for _ in range(150):
        reply = await ask(simulator, HTX)
        json.loads(await reply.text(), parse_constant=pytest.fail)
    sorts = {entry["fault"] for entry in simulator.ledger.entries() if entry["fault"]}
    expected = {*MALFORMATIONS} - {"bare-nan", "timestamp"}
    assert sorts == {f"malformed-row:{sort}" for sort in expected}


async def test_a_bare_nan_has_to_be_asked_for(start: Start, ask: Ask) -> None:
    """It makes the whole reply no JSON."""
    reply = await ask(await start(faults=("htx:malformed-row:1:bare-nan",)), HTX)
    assert ":NaN," in await reply.text()


@pytest.mark.parametrize("path", AMOUNTS)
async def test_a_row_can_stand_twice(start: Start, ask: Ask, path: str) -> None:
    """One more row than usual, equal to the one before it."""
    simulator = await start(bitget_ts_jitter_ms=0)
    good = await rows_of(ask, simulator, path)
    simulator.faults.add("*:duplicate-row:1")
    bad = await rows_of(ask, simulator, path)
    assert len(bad) == len(good) + 1
    assert sum(one == two for one, two in pairwise(bad)) == 1


@pytest.mark.parametrize("path", AMOUNTS)
async def test_a_row_can_have_another_symbol(start: Start, ask: Ask, path: str) -> None:
    """Alone in its reply that of another instrument, in a list one that does not exist."""
    simulator = await start(bitget_ts_jitter_ms=0, ledger=True)
    name = SYMBOL.get(path, "symbol")
    good = [row[name] for row in await rows_of(ask, simulator, path)]
    simulator.faults.add("*:wrong-symbol:1")
    bad = [row[name] for row in await rows_of(ask, simulator, path)]
    ((before, after),) = [pair for pair in zip(good, bad, strict=True) if pair[0] != pair[1]]
    market = simulator.venues["bitget" if path in {BITGET, TICKERS} else "htx"].market
    assert (after in market.listed) == (len(good) == 1)
    assert (before, after) != (after, before)
    served = simulator.ledger.entries(since=len(good))
    assert [entry["symbol"] for entry in served] == bad


async def test_a_leg_can_silently_read_zero(start: Start, ask: Ask) -> None:
    """One market's leg is "0" and the total is the other leg, as in the venue's code."""
    simulator = await start()
    good = await rows_of(ask, simulator, INFO)
    simulator.faults.add("synthetix:silent-zero:1")
    bad = await rows_of(ask, simulator, INFO)
    ((before, after),) = [pair for pair in zip(good, bad, strict=True) if pair[0] != pair[1]]
    legs = (after["longOpenInterest"], after["shortOpenInterest"])
    assert ("0" in legs, after["openInterest"]) == (True, max(legs, key=Decimal))
    kept = "longOpenInterest" if legs[1] == "0" else "shortOpenInterest"
    assert before[kept] == after[kept]


@pytest.mark.parametrize("path", AMOUNTS)
@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ("*:frozen-clock:1", [0, 0]),
        ("*:zero-ts:1", [-STARTED_MS, -STARTED_MS]),
        ("*:clock-offset:1:-7.5", [-2_500, 2_500]),
        ("*:clock-offset:1", [3_605_000, 3_610_000]),
        ("*:clock-backwards:1", [-5_000, -10_000]),
    ],
)
async def test_clocks_can_lie(
    start: Start, ask: Ask, clock: list[int], path: str, fault: str, expected: list[int]
) -> None:
    """The exchange time of every row is off as the fault says; the values go on."""
    simulator = await start(faults=(fault,))
    seen, values = [], []
    for _ in range(2):
        clock[0] += 5 * SECOND
        rows = await rows_of(ask, simulator, path)
        (stamp,) = {int(row["ts"]) - STARTED_MS for row in rows}
        seen.append(stamp)
        values.append(rows[0][AMOUNTS[path][0]])
    assert seen == expected
    assert values[0] != values[1]


async def test_discovery_is_spared_by_row_and_clock_faults(start: Start, ask: Ask) -> None:
    """They are about open interest, so nothing else uses them up."""
    simulator = await start()
    simulator.faults.add({"venue": "*", "kind": "zero-ts", "times": 3})
    simulator.faults.add({"venue": "*", "kind": "malformed-row", "times": 3})
    info = await (await ask(simulator, "/linear-swap-api/v1/swap_contract_info")).json()
    markets = await (await ask(simulator, INFO, json={"action": "getMarkets"})).json()
    assert (info["ts"], markets["timestamp"]) == (STARTED_MS, STARTED_MS)
    assert [each["hits"] for each in simulator.faults.report()] == [0, 0]
    for path in (HTX, BITGET, INFO):
        await rows_of(ask, simulator, path)
    assert [each["hits"] for each in simulator.faults.report()] == [3, 3]
