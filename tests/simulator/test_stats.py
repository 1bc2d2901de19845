"""`/_sim/stats` and the rest of the simulator's own endpoints."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import ClientResponse

from collector.simulator import Simulator

Start = Callable[..., Awaitable[Simulator]]
Ask = Callable[..., Awaitable[ClientResponse]]

SECOND = 10**9
BITGET = "/api/v2/mix/market/open-interest?symbol=BTCUSDT&productType=USDT-FUTURES"
HTX = "/linear-swap-api/v1/swap_open_interest?contract_code=BTC-USDT"
CONTRACTS = "/linear-swap-api/v1/swap_contract_info?contract_code=BTC-USDT"


async def test_stats_are_exact(start: Start, ask: Ask, clock: list[int]) -> None:
    """Requests, accepted, rejected and the fullest windows, by endpoint and by limit."""
    simulator = await start(limits=("htx.v1=3/2",))
    simulator.faults.add({"venue": "htx", "kind": "500", "times": 1})
    for path in (HTX, HTX, CONTRACTS, CONTRACTS):
        await ask(simulator, path)
    clock[0] = 2 * SECOND
    await ask(simulator, HTX)
    stats = await (await ask(simulator, "/_sim/stats")).json()
    htx = stats["venues"]["htx"]
    limit = {"scope": "htx.v1", "count": 3, "window_seconds": 2.0}
    v5 = {"scope": "htx.v5", "count": 240, "window_seconds": 3}
    none: dict[str, object] = {"requests": 0, "accepted": 0, "rejected": 0, "clients": 0}
    none |= {"most_accepted_in_window": 0, "most_arrivals_in_window": 0, "limit": v5}
    assert htx == {
        "listed": 50,
        "gone": 16,
        "endpoints": {
            "/linear-swap-api/v1/swap_open_interest": {
                "requests": 3,
                "accepted": 3,
                "rejected": 0,
                "clients": 1,
                "most_accepted_in_window": 2,
                "most_arrivals_in_window": 2,
                "limit": limit,
                "faulted": {"500": 1},
            },
            "/linear-swap-api/v1/swap_contract_info": {
                "requests": 2,
                "accepted": 1,
                "rejected": 1,
                "clients": 1,
                "most_accepted_in_window": 1,
                "most_arrivals_in_window": 2,
                "limit": limit,
                "faulted": {},
            },
            "/v5/market/open_interest": {**none, "faulted": {}},
        },
        "limits": {
            "htx.v1": {
                "requests": 5,
                "accepted": 4,
                "rejected": 1,
                "clients": 1,
                "most_accepted_in_window": 3,
                "most_arrivals_in_window": 4,
                "limit": limit,
            },
            "htx.v5": none,
        },
    }
    assert stats["uptime_seconds"] == 2


async def test_reset_starts_the_counts_again(start: Start, ask: Ask) -> None:
    """Counts and fullest windows are gone, what the clients have used up is not."""
    simulator = await start(limits=("bitget.open-interest=1/1",))
    await ask(simulator, BITGET)
    assert await (await ask(simulator, "/_sim/reset", method="POST")).json() == {"reset": True}
    assert (await ask(simulator, BITGET)).status == 429
    venues: Any = simulator.stats()["venues"]
    report = venues["bitget"]["limits"]["bitget.open-interest"]
    assert (report["requests"], report["most_accepted_in_window"]) == (1, 0)


async def test_faults_can_be_seen_replaced_and_patched(start: Start, ask: Ask) -> None:
    """GET shows each with its number and hits; POST replaces all, or adds and removes."""
    simulator = await start(faults=("htx:500:0",))
    first = (await (await ask(simulator, "/_sim/faults")).json())["faults"]
    blank = {"param": None, "listener": None, "endpoint": None, "times": None, "hits": 0}
    assert first == [{"number": 1, "venue": "htx", "kind": "500", "rate": 0.0, **blank}]
    added = {"venue": "*", "kind": "503", "times": 1, "endpoint": HTX.partition("?")[0]}
    reply = await ask(simulator, "/_sim/faults", json={"add": [added, "bitget:stall:0"]})
    assert [each["number"] for each in (await reply.json())["faults"]] == [1, 2, 3]
    assert [(await ask(simulator, HTX)).status for _ in range(2)] == [503, 200]
    reply = await ask(simulator, "/_sim/faults", json={"remove": [1, 3], "add": ["htx:html:0.5"]})
    left = (await reply.json())["faults"]
    assert [(each["number"], each["kind"], each["hits"]) for each in left] == [
        (2, "503", 1),
        (4, "html", 0),
    ]
    reply = await ask(simulator, "/_sim/faults", json={"faults": []})
    assert (await reply.json()) == {"faults": []}


@pytest.mark.parametrize(
    ("path", "body", "message"),
    [
        ("faults", b"", "the body is no JSON"),
        ("faults", b"[]", "the body is a JSON object"),
        ("faults", b'{"fault":[]}', "there is no 'fault'"),
        ("faults", b'{"faults":"htx:500:1"}', "faults are a list"),
        ("faults", b'{"faults":["htx:500"]}', "write VENUE[@PORT]:KIND:RATE[:PARAM]"),
        ("faults", b'{"faults":[],"add":[]}', "stands alone"),
        ("faults", b'{"remove":[7]}', "there is no fault number 7"),
        ("faults", b'{"remove":"7"}', "remove is a list of fault numbers"),
        ("faults", b'{"add":[{"venue":"htx","kind":"500","endpoint":"/x"}]}', "the endpoint is"),
        ("faults", b'{"add":["htx@1:500:1"]}', "no listener on port 1"),
        ("instruments", b'{"venue":"nyse","list":"A"}', "venue is one of bitget, htx, synthetix"),
        ("instruments", b'{"venue":"htx"}', "name a symbol"),
        ("instruments", b'{"venue":"htx","list":[""]}', "list is a symbol"),
        ("instruments", b'{"venue":"htx","list":"a\\"b-USDT"}', "list is a symbol"),
        ("instruments", b'{"venue":"htx","list":"NEW"}', "does not end in -USDT"),
        ("instruments", b'{"venue":"htx","list":"BTC-USDT"}', "listed already"),
        ("instruments", b'{"venue":"bitget","list":"NEW"}', "ends in none of"),
        ("instruments", b'{"venue":"synthetix","delist":"NEW-USDT"}', "is not listed"),
        ("instruments", b'{"venue":"htx","list":"NEW-USDT","delist":"NO-USDT"}', "is not listed"),
        ("reset", b'{"limits":1}', "limits is true or false"),
    ],
)
async def test_bad_input_is_one_clear_400(
    start: Start, ask: Ask, path: str, body: bytes, message: str
) -> None:
    """The answer says what is wrong, and nothing has changed."""
    simulator = await start(faults=("htx:500:0",))
    reply = await ask(simulator, f"/_sim/{path}", data=body)
    assert (reply.status, message in (await reply.json())["error"]) == (400, True)
    assert len(simulator.faults.report()) == 1
    assert simulator.venues["htx"].market.version == 0


async def test_instruments_can_be_listed_and_delisted(start: Start, ask: Ask) -> None:
    """At run time, one or several, and seen again in the listing."""
    simulator = await start()
    body = {"venue": "bitget", "delist": ["BTCUSDT", "ETHUSDT"], "list": "新USDT"}
    reply = await ask(simulator, "/_sim/instruments", json=body)
    changed = {"listed": ["新USDT"], "delisted": ["BTCUSDT", "ETHUSDT"]}
    assert await reply.json() == {"venue": "bitget", **changed}
    shown = (await (await ask(simulator, "/_sim/instruments")).json())["bitget"]
    assert ("新USDT" in shown["listed"], shown["gone"]) == (True, ["BTCUSDT", "ETHUSDT"])
    for symbol, status in (("新USDT", 200), ("BTCUSDT", 400)):
        query = {"symbol": symbol, "productType": "USDT-FUTURES"}
        reply = await ask(simulator, BITGET.partition("?")[0], params=query)
        assert reply.status == status
    await ask(simulator, "/_sim/instruments", json={"venue": "bitget", "list": "BTCUSDT"})
    assert (await ask(simulator, BITGET)).status == 200


@pytest.mark.parametrize("path", ["/_sim/nothing", "/nothing"])
async def test_unknown_paths_name_the_known_ones(start: Start, ask: Ask, path: str) -> None:
    """HTTP 404 with a sentence."""
    reply = await ask(await start(), path)
    assert (reply.status, "/_sim/stats" in (await reply.json())["error"]) == (404, True)
