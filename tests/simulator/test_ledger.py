"""The ledger of served values, and its delivered flag."""

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientResponse

from collector.simulator import Simulator
from collector.simulator.ledger import Ledger, LedgerError, read_ledger
from collector.simulator.replies import Row

Start = Callable[..., Awaitable[Simulator]]
Ask = Callable[..., Awaitable[ClientResponse]]

STARTED_MS = 1_790_000_000_000
BITGET = "/api/v2/mix/market/open-interest?symbol=BTCUSDT&productType=USDT-FUTURES"
TICKERS = "/api/v2/mix/market/tickers?productType=USDT-FUTURES"
HTX = "/linear-swap-api/v1/swap_open_interest"
FLAT = {"action": "getOpenInterest"}
ROW = Row("龙虾-USDT", 7, {"volume": "0E-18"}, "")


async def broken_off(simulator: Simulator, path: str, read_bytes: int) -> None:
    """Ask with a small receive buffer, read a little, and reset the connection."""
    loop = asyncio.get_running_loop()
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        connection.settimeout(0)
        port = int(simulator.base_url.rpartition(":")[2])
        await loop.sock_connect(connection, ("127.0.0.1", port))
        await loop.sock_sendall(connection, f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        while read_bytes > 0:
            read_bytes -= len(await loop.sock_recv(connection, read_bytes))


async def settled(simulator: Simulator) -> list[dict[str, Any]]:
    """Wait until every reply's outcome is known, and give the values."""
    async with asyncio.timeout(5):
        while True:
            entries = simulator.ledger.entries()
            if entries and all(entry["delivered"] is not None for entry in entries):
                return entries
            # One turn of the loop, in which the server gets on.
            turn = asyncio.get_running_loop().create_future()
            asyncio.get_running_loop().call_later(0.01, turn.set_result, None)
            await turn


async def test_every_served_value_is_there_as_it_was_on_the_wire(start: Start, ask: Ask) -> None:
    """In order, with the exact text, the time served, and that it was handed over."""
    simulator = await start(ledger=True, bitget_ts_jitter_ms=0)
    bitget = (await (await ask(simulator, BITGET)).json())["data"]["openInterestList"]
    htx = json.loads(await (await ask(simulator, HTX)).text(), parse_float=str)["data"]
    info = (await (await ask(simulator, "/v1/info", json=FLAT)).json())["response"]
    served = [("bitget", row["symbol"], {"size": row["size"]}) for row in bitget]
    names = ("volume", "amount", "value")
    served += [("htx", row["contract_code"], {name: row[name] for name in names}) for row in htx]
    names = ("openInterest", "longOpenInterest", "shortOpenInterest")
    served += [("synthetix", row["symbol"], {name: row[name] for name in names}) for row in info]
    reply = await ask(simulator, "/_sim/served")
    assert reply.content_type == "application/x-ndjson"
    assert [json.loads(line) for line in (await reply.text()).splitlines()] == [
        {
            "sequence": number,
            "venue": venue,
            "symbol": symbol,
            "exchange_ms": STARTED_MS,
            "amounts": amounts,
            "fault": None,
            "delivered": True,
        }
        for number, (venue, symbol, amounts) in enumerate(served, 1)
    ]


async def test_the_ledger_can_be_read_in_parts(start: Start, ask: Ask) -> None:
    """By venue, and after a sequence number even if it lies inside a reply."""
    simulator = await start(ledger=True, htx=3, htx_dead_rows=0)
    for path in (HTX, BITGET, HTX):
        await ask(simulator, path)
    numbers = []
    for query in ("", "?since=2", "?venue=htx&since=4", "?venue=bitget", "?since=7"):
        text = await (await ask(simulator, f"/_sim/served{query}")).text()
        numbers.append([json.loads(line)["sequence"] for line in text.splitlines()])
    assert numbers == [[1, 2, 3, 4, 5, 6, 7], [3, 4, 5, 6, 7], [5, 6, 7], [4], []]
    for query in ("venue=nyse", "since=-1", "since=x"):
        assert (await ask(simulator, f"/_sim/served?{query}")).status == 400


async def test_the_ledger_is_off_unless_asked_for(start: Start, ask: Ask) -> None:
    """Nothing is kept, and asking for it says how to have it."""
    simulator = await start()
    await ask(simulator, BITGET)
    reply = await ask(simulator, "/_sim/served")
    assert (reply.status, "--ledger" in (await reply.json())["error"]) == (409, True)
    assert simulator.ledger.entries() == []


async def test_a_large_reply_broken_off_half_way_is_not_delivered(start: Start) -> None:
    """Megabytes that the client did not take were not handed over."""
    simulator = await start(ledger=True, bitget=12_000, real=True)
    await broken_off(simulator, TICKERS, 10_000)
    entries = await settled(simulator)
    assert {entry["delivered"] for entry in entries} == {False}


async def test_a_large_reply_that_is_read_whole_is_delivered(start: Start, ask: Ask) -> None:
    """However long the client takes for it."""
    simulator = await start(ledger=True, bitget=12_000, real=True)
    await ask(simulator, TICKERS)
    assert {entry["delivered"] for entry in await settled(simulator)} == {True}


@pytest.mark.parametrize(
    ("fault", "delivered"),
    [
        ("htx:slow-body:1:0.02", True),
        ("htx:duplicate-row:1", True),
        ("htx:truncated:1", False),
        ("htx:cut-json:1", False),
    ],
)
async def test_a_reply_is_delivered_if_all_of_it_was_sent(
    start: Start,
    fault: str,
    delivered: bool,  # noqa: FBT001 - a case
) -> None:
    """Slowly is whole, half is not."""
    simulator = await start(ledger=True, faults=(fault,), real=True)
    port = int(simulator.base_url.rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET {HTX} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    await reader.read(-1)
    writer.close()
    assert {entry["delivered"] for entry in await settled(simulator)} == {delivered}


@pytest.mark.parametrize(
    ("options", "read_bytes"),
    [({"faults": ("htx:slow-body:1:2",)}, 100), ({"latency_ms": 200.0}, 0)],
)
async def test_a_client_that_left_early_has_nothing_delivered(
    start: Start, options: dict[str, Any], read_bytes: int
) -> None:
    """Gone while the body dripped, or before the reply set out; the request counts all the same."""
    simulator = await start(ledger=True, real=True, **options)
    await broken_off(simulator, HTX, read_bytes)
    assert {entry["delivered"] for entry in await settled(simulator)} == {False}
    venues: Any = simulator.stats()["venues"]
    assert venues["htx"]["limits"]["htx.v1"]["accepted"] == 1


async def test_replies_without_values_leave_no_trace(start: Start, ask: Ask) -> None:
    """Errors and replaced replies serve nothing."""
    simulator = await start(ledger=True, faults=("htx:html:1",))
    await ask(simulator, HTX)
    await ask(simulator, f"{BITGET}X")
    assert simulator.ledger.entries() == []


def test_the_file_has_a_line_before_the_reply_and_one_after(tmp_path: Path) -> None:
    """So a simulator that is killed between them leaves values whose outcome is unknown."""
    path = tmp_path / "ledger.ndjson"
    ledger = Ledger(path)
    ledger.finish(ledger.begin("htx", [ROW, ROW]), delivered=True)
    ledger.begin("htx", [ROW])
    # Nobody closes it: what is in the file is there at every moment.
    assert [entry["delivered"] for entry in read_ledger(path)] == [True, True, None]
    assert [entry["delivered"] for entry in ledger.entries()] == [True, True, None]
    assert ledger.entries()[0] == {
        "sequence": 1,
        "venue": "htx",
        "symbol": "龙虾-USDT",
        "exchange_ms": 7,
        "amounts": {"volume": "0E-18"},
        "fault": None,
        "delivered": True,
    }
    ledger.close()


def test_a_file_is_continued_where_it_ended(tmp_path: Path) -> None:
    """A torn last line is dropped, since its reply was never sent, and numbers go on."""
    path = tmp_path / "ledger.ndjson"
    first = Ledger(path)
    first.finish(first.begin("htx", [ROW, ROW]), delivered=False)
    first.close()
    with path.open("ab") as file:
        file.write(b'{"sequence":3,"ven')
    second = Ledger(path)
    second.finish(second.begin("bitget", [ROW]), delivered=True)
    assert [entry["sequence"] for entry in second.entries()] == [3]
    second.close()
    told = [(entry["sequence"], entry["delivered"]) for entry in read_ledger(path)]
    assert told == [(1, False), (2, False), (3, True)]


def test_a_file_that_is_no_ledger_is_left_alone(tmp_path: Path) -> None:
    """It is refused by name and not a byte of it changes."""
    path = tmp_path / "notes.txt"
    path.write_text("my notes\nunfinished")
    with pytest.raises(LedgerError, match=r"notes\.txt is no ledger"):
        Ledger(path)
    assert path.read_text() == "my notes\nunfinished"
