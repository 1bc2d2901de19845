"""Faults that replace or break a whole reply, as the bytes arrive."""

import asyncio
import json
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from email.utils import parsedate_to_datetime
from typing import Any

import pytest
from aiohttp import ClientResponse

from collector.simulator import Simulator

Start = Callable[..., Awaitable[Simulator]]
Ask = Callable[..., Awaitable[ClientResponse]]

STARTED_MS = 1_790_000_000_000
BITGET = "/api/v2/mix/market/open-interest?symbol=BTCUSDT&productType=USDT-FUTURES"
HTX = "/linear-swap-api/v1/swap_open_interest?contract_code=BTC-USDT"
V5 = "/v5/market/open_interest?contract_code=BTC-USDT"
FLAT = {"action": "getOpenInterest"}


@asynccontextmanager
async def connected(
    simulator: Simulator, path: str = HTX
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """Connect without an HTTP client and send a GET that asks to close afterwards."""
    port = int(simulator.base_url.rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    try:
        yield reader, writer
    finally:
        writer.close()


async def bytes_of(simulator: Simulator, path: str = HTX) -> tuple[bytes, bytes]:
    """Give the head and the body as they were when the server closed."""
    async with connected(simulator, path) as (reader, _):
        head, _, body = (await reader.read(-1)).partition(b"\r\n\r\n")
    return head, body


def declared(head: bytes) -> int:
    """Read Content-Length."""
    lines = [line.partition(b": ") for line in head.split(b"\r\n")[1:]]
    return int({name.lower(): value for name, _, value in lines}[b"content-length"])


@pytest.mark.parametrize(
    ("fault", "status", "kind", "said"),
    [
        ("htx:429:1", 429, "application/json", '"err_code":1032'),
        ("htx:500:1", 500, "application/json", '"error":"Internal Server Error"'),
        ("htx:503:1", 503, "application/json", '"error":"Service Unavailable"'),
        ("htx:maintenance:1", 200, "application/json", '"err_code":1001'),
        ("htx:error-in-200:1", 200, "application/json", '"err_code":1000'),
        ("*:ban:1", 418, "text/html", "418 I'm a teapot"),
        ("*:ban:1:403", 403, "text/html", "403 Forbidden"),
        ("*:html:1", 200, "text/html", "<!DOCTYPE html>"),
        ("*:html502:1", 502, "text/html", "502 Bad Gateway"),
        ("*:empty:1", 200, "application/json", ""),
    ],
)
async def test_whole_replies_are_replaced(
    start: Start, ask: Ask, fault: str, status: int, kind: str, said: str
) -> None:
    """Status, content type and body are those of the fault, and the limit counts the request."""
    simulator = await start(faults=(fault,))
    reply = await ask(simulator, HTX)
    assert (reply.status, reply.content_type) == (status, kind)
    assert said in await reply.text()
    assert (said == "") == (await reply.text() == "")
    venues: Any = simulator.stats()["venues"]
    assert venues["htx"]["limits"]["htx.v1"]["accepted"] == 1


@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [
        ("429", 429, "429"),
        ("500", 500, "40015"),
        ("503", 503, "40015"),
        ("maintenance", 400, "40200"),
        ("error-in-200", 200, "40015"),
    ],
)
async def test_bitget_fails_with_its_own_codes(
    start: Start, ask: Ask, kind: str, status: int, code: str
) -> None:
    """A code, a message and no data."""
    reply = await ask(await start(faults=(f"bitget:{kind}:1",)), BITGET)
    answer = await reply.json()
    assert (reply.status, answer["code"], answer["data"]) == (status, code, None)


@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [
        ("429", 429, "RATE_LIMIT_EXCEEDED"),
        ("500", 500, "INTERNAL_ERROR"),
        ("503", 503, "REQUEST_TIMEOUT"),
        ("maintenance", 503, "SERVICE_UNAVAILABLE"),
        ("error-in-200", 200, "INTERNAL_ERROR"),
    ],
)
async def test_synthetix_fails_whole_with_its_own_codes(
    start: Start, ask: Ask, kind: str, status: int, code: str
) -> None:
    """The error envelope of facts 3.3, never a part of the markets."""
    reply = await ask(await start(faults=(f"synthetix:{kind}:1",)), "/v1/info", json=FLAT)
    answer = await reply.json()
    assert (reply.status, answer["status"], answer["error"]["code"]) == (status, "error", code)
    assert (answer["error"]["retryable"], "response" in answer) == (True, False)


@pytest.mark.parametrize("kind", ["429", "error-in-200"])
async def test_v5_fails_in_its_own_envelope(start: Start, ask: Ask, kind: str) -> None:
    """`code` and `message`, no status."""
    answer = await (await ask(await start(faults=(f"htx:{kind}:1",)), V5)).json()
    assert set(answer) == {"code", "message", "ts"}


async def test_retry_after_is_absent_seconds_or_a_date(
    start: Start, ask: Ask, clock: list[int]
) -> None:
    """As the fault's parameter says; the date is two seconds ahead, rounded up."""
    simulator = await start()
    clock[0] = 500_000_000
    told = []
    for fault in ("*:429:1", "*:429:1:7", "*:429:1:date"):
        simulator.faults.replace(fault)
        told.append((await ask(simulator, HTX)).headers.get("Retry-After", ""))
    assert told[:2] == ["", "7"]
    assert parsedate_to_datetime(told[2]).timestamp() == STARTED_MS / 1000 + 3


async def test_a_redirect_leads_to_a_page_that_is_no_json(start: Start, ask: Ask) -> None:
    """HTTP 302 to the parameter, and without one to a page of the simulator."""
    simulator = await start(faults=("htx:redirect:1",))
    reply = await ask(simulator, HTX)
    assert (reply.status, reply.headers["Location"]) == (302, "/_sim/moved")
    assert (await ask(simulator, HTX, allow_redirects=True)).content_type == "text/html"
    simulator.faults.replace("htx:redirect:1:http://elsewhere.invalid/?a=b:c")
    expected = "http://elsewhere.invalid/?a=b:c"
    assert (await ask(simulator, HTX)).headers["Location"] == expected


@pytest.mark.parametrize(("kind", "counted"), [("drop-before", 0), ("drop-after", 1)])
async def test_a_dropped_connection_says_nothing(start: Start, kind: str, counted: int) -> None:
    """Not a byte comes; before or after the request was counted."""
    simulator = await start(faults=(f"htx:{kind}:1",))
    assert await bytes_of(simulator) == (b"", b"")
    venues: Any = simulator.stats()["venues"]
    endpoint = venues["htx"]["endpoints"][HTX.partition("?")[0]]
    assert (endpoint["requests"], endpoint["faulted"]) == (counted, {kind: 1})


@pytest.mark.parametrize("kind", ["drop-before", "drop-after"])
async def test_a_drop_can_be_a_reset(start: Start, kind: str) -> None:
    """The parameter makes it a connection reset."""
    simulator = await start(faults=(f"htx:{kind}:1:reset",))
    async with connected(simulator) as (reader, _):
        with pytest.raises(ConnectionResetError):
            await reader.read(-1)


async def test_a_stalled_request_is_never_answered(start: Start) -> None:
    """The connection stays open without a byte, and the request is counted."""
    simulator = await start(faults=("htx:stall:1",))
    async with connected(simulator) as (reader, _):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(1), 0.3)
        venues: Any = simulator.stats()["venues"]
        assert venues["htx"]["limits"]["htx.v1"]["accepted"] == 1


async def test_a_stalled_connection_does_not_delay_the_end(start: Start) -> None:
    """The simulator stops at once, and the client finds the connection closed."""
    simulator = await start(faults=("htx:stall:1",))
    async with connected(simulator) as (reader, _):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(1), 0.2)
        await asyncio.wait_for(simulator.__aexit__(None, None, None), 1)
        assert await reader.read(-1) == b""


async def test_a_truncated_body_is_shorter_than_declared(start: Start) -> None:
    """Content-Length tells the whole and half of it comes."""
    simulator = await start(faults=("htx:truncated:1",))
    head, body = await bytes_of(simulator)
    assert declared(head) // 2 == len(body)
    assert body.startswith(b'{"status":"ok"')


async def test_cut_json_is_whole_http(start: Start) -> None:
    """Content-Length is right and the JSON ends in its middle."""
    simulator = await start(faults=("htx:cut-json:1",))
    head, body = await bytes_of(simulator)
    assert declared(head) == len(body) > 100
    with pytest.raises(json.JSONDecodeError):
        json.loads(body)


async def test_a_slow_body_drips(start: Start) -> None:
    """The body is whole, and takes about as long as the parameter says, if not longer."""
    simulator = await start(faults=("htx:slow-body:1:0.4",))
    began = asyncio.get_running_loop().time()
    head, body = await bytes_of(simulator)
    assert 0.3 < asyncio.get_running_loop().time() - began < 4
    assert declared(head) == len(body)
    assert json.loads(body)["status"] == "ok"


async def test_a_huge_body_is_as_large_as_asked_and_json(start: Start) -> None:
    """Megabytes of blanks, then an object."""
    head, body = await bytes_of(await start(faults=("htx:huge:1:3",)))
    assert declared(head) == len(body) == 3 * 2**20
    assert json.loads(body) == {}


async def test_a_bomb_inflates_to_what_was_asked(start: Start) -> None:
    """A small gzip body, valid to its last byte."""
    head, body = await bytes_of(await start(faults=("htx:bomb:1:5",)))
    assert b"Content-Encoding: gzip" in head
    packed, rest = b"", body
    while rest:
        size, _, rest = rest.partition(b"\r\n")
        packed, rest = packed + rest[: int(size, 16)], rest[int(size, 16) + 2 :]
    assert len(packed) < 20_000
    inflated = zlib.decompress(packed, wbits=31)
    assert (len(inflated), inflated.strip()) == (5 * 2**20 + 2, b"{}")
