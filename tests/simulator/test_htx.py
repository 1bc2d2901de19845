"""HTX's endpoints against the documented and captured samples (facts 2)."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import ClientResponse

from collector.simulator import Simulator

Start = Callable[..., Awaitable[Simulator]]
Ask = Callable[..., Awaitable[ClientResponse]]

STARTED_MS = 1_790_000_000_000
OPEN_INTEREST = "/linear-swap-api/v1/swap_open_interest"
CONTRACTS = "/linear-swap-api/v1/swap_contract_info"
V5 = "/v5/market/open_interest"


async def data_of(reply: ClientResponse) -> Any:
    """Read the rows, with every bare decimal as its text."""
    answer = json.loads(await reply.text(), parse_float=str)
    assert (answer["status"], answer["ts"]) == ("ok", STARTED_MS)
    return answer["data"]


async def test_a_row_has_the_documented_fields_and_forms(start: Start, ask: Ask) -> None:
    """Open interest as bare numbers with 18 decimals, the 24 h figures plain."""
    (row,) = await data_of(await ask(await start(), f"{OPEN_INTEREST}?contract_code=BTC-USDT"))
    for name in ("volume", "amount", "value"):
        whole, _, decimals = row.pop(name).partition(".")
        assert (whole.isdigit(), len(decimals)) == (True, 18)
    assert isinstance(row.pop("trade_volume"), int)
    for name in ("trade_amount", "trade_turnover"):
        float(row.pop(name))
    assert row == {
        "symbol": "BTC",
        "contract_code": "BTC-USDT",
        "business_type": "swap",
        "pair": "BTC-USDT",
        "contract_type": "swap",
        "trade_partition": "USDT",
    }


@pytest.mark.parametrize(
    ("query", "kinds"),
    [
        ("", {"swap"}),
        ("business_type=swap", {"swap"}),
        ("business_type=futures", {"this_week", "next_week", "quarter", "next_quarter"}),
        ("business_type=all", {"swap", "this_week", "next_week", "quarter", "next_quarter"}),
        ("business_type=all&contract_type=quarter", {"quarter"}),
        ("contract_type=quarter", set()),
        ("business_type=all&pair=BTC-USDT&contract_type=swap", {"swap"}),
        ("contract_code=BTC-USDT&pair=ETH-USDT&contract_type=quarter", {"swap"}),
    ],
)
@pytest.mark.parametrize("path", [OPEN_INTEREST, CONTRACTS])
async def test_filters_select_as_documented(
    start: Start, ask: Ask, path: str, query: str, kinds: set[str]
) -> None:
    """Swaps by default; contract_code goes before pair and contract_type."""
    rows = await data_of(await ask(await start(), f"{path}?{query}"))
    assert {row["contract_type"] for row in rows} == kinds


async def test_no_filter_serves_all_swaps_and_the_dead_rows(start: Start, ask: Ask) -> None:
    """Open interest has 16 rows that the contract list no longer has (facts 2.7)."""
    simulator = await start(htx=361)
    rows = await data_of(await ask(simulator, f"{OPEN_INTEREST}?business_type=all"))
    contracts = await data_of(await ask(simulator, f"{CONTRACTS}?business_type=all"))
    codes = {row["contract_code"] for row in rows}
    listed = {contract["contract_code"] for contract in contracts}
    assert (len(rows), len(contracts), len(codes - listed)) == (377, 361, 16)
    assert "CVX-USDT" in codes - listed
    assert sum(each["contract_status"] == 3 for each in contracts) == 4


async def test_a_few_zeros_are_printed_with_an_exponent(start: Start, ask: Ask) -> None:
    """0E-18 stands on the wire for some of the zeros, and for none with the option."""
    for plain, expected in ((False, True), (True, False)):
        reply = await ask(await start(htx=361, htx_plain_zero=plain), OPEN_INTEREST)
        assert (":0E-18" in await reply.text()) == expected
        assert ':0.000000000000000000,"symbol"' in await reply.text()


@pytest.mark.parametrize(
    ("query", "code", "message"),
    [
        ("contract_code=NOPE-USDT", 1014, "This contract doesnt exist."),
        ("contract_code=BTC-USDT&business_type=futures", 1014, "This contract doesnt exist."),
        ("pair=NOPE-USDT", 1013, "This contract symbol doesnt exist."),
        ("business_type=spot", 1067, "Illegal parameter business_type"),
        ("contract_type=year", 1033, "Contract period field error."),
    ],
)
@pytest.mark.parametrize("path", [OPEN_INTEREST, CONTRACTS])
async def test_errors_come_with_http_200(
    start: Start, ask: Ask, path: str, query: str, code: int, message: str
) -> None:
    """An integer err_code in an error envelope (facts 2.6)."""
    reply = await ask(await start(), f"{path}?{query}")
    expected = {"status": "error", "err_code": code, "err_msg": message, "ts": STARTED_MS}
    assert (reply.status, await reply.json()) == (200, expected)


async def test_a_dated_contract_needs_its_business_type(start: Start, ask: Ask) -> None:
    """Without business_type its code answers 1014, with futures or all its row."""
    simulator = await start()
    (dated,) = [code for code in simulator.venues["htx"].market.listed if code.count("-") == 2][:1]
    path = f"{OPEN_INTEREST}?contract_code={dated}"
    assert (await (await ask(simulator, path)).json())["err_code"] == 1014
    for business in ("futures", "all"):
        (row,) = await data_of(await ask(simulator, f"{path}&business_type={business}"))
        assert (row["contract_code"], row["business_type"]) == (dated, "futures")


async def test_a_contract_is_described_in_the_live_shape(start: Start, ask: Ask) -> None:
    """Sizes with 18 decimals, an integer status, strings of milliseconds (facts 2.4)."""
    (contract,) = await data_of(await ask(await start(), f"{CONTRACTS}?contract_code=BTC-USDT"))
    settlement = int(contract.pop("settlement_date")) - STARTED_MS
    assert 0 < settlement <= 8 * 3600 * 1000
    assert contract == {
        "symbol": "BTC",
        "contract_code": "BTC-USDT",
        "contract_size": "0.001000000000000000",
        "price_tick": "0.100000000000000000",
        "delivery_date": "",
        "delivery_time": "",
        "create_date": "20201021",
        "contract_status": 1,
        "support_margin_mode": "all",
        "business_type": "swap",
        "pair": "BTC-USDT",
        "contract_type": "swap",
        "trade_partition": "USDT",
        "settlement_period": "8",
        "adjust": [],
        "price_estimated": [],
        "open_type": 0,
        "labels": [],
        "tradfi_labels": [],
        "enable_rpi": False,
    }


async def test_a_dated_contract_has_its_delivery_day_and_time(start: Start, ask: Ask) -> None:
    """The day as in its code, and the same as milliseconds in a string."""
    contracts = await data_of(await ask(await start(), f"{CONTRACTS}?business_type=futures"))
    assert len(contracts) == 4
    for contract in contracts:
        assert contract["delivery_date"] == f"20{contract['contract_code'][-6:]}"
        assert int(contract["delivery_time"]) % 86_400_000 == 8 * 3_600_000


async def test_margin_mode_filters_contracts(start: Start, ask: Ask) -> None:
    """Only contracts of that mode; an unknown mode is 1067."""
    simulator = await start()
    rows = await data_of(await ask(simulator, f"{CONTRACTS}?support_margin_mode=cross"))
    assert {row["support_margin_mode"] for row in rows} == {"cross"}
    reply = await ask(simulator, f"{CONTRACTS}?support_margin_mode=none")
    assert (await reply.json())["err_code"] == 1067


async def test_a_delisted_contract_stays_in_open_interest(
    start: Start, ask: Ask, clock: list[int]
) -> None:
    """It leaves the contract list and its row stands still (facts, section 4)."""
    simulator = await start()
    path = f"{OPEN_INTEREST}?contract_code=BTC-USDT"
    simulator.change_listing("htx", delist=["BTC-USDT"])
    before = (await data_of(await ask(simulator, path)))[0]
    clock[0] += 60_000_000_000
    after = json.loads(await (await ask(simulator, path)).text(), parse_float=str)["data"][0]
    assert before == after
    reply = await ask(simulator, f"{CONTRACTS}?contract_code=BTC-USDT")
    assert (await reply.json())["err_code"] == 1014


async def test_v5_is_one_object_of_strings_with_the_same_numbers(start: Start, ask: Ask) -> None:
    """The fallback says what V1 says, in another form (facts 2.3)."""
    simulator = await start()
    (old,) = await data_of(await ask(simulator, f"{OPEN_INTEREST}?contract_code=BTC-USDT"))
    answer = await (await ask(simulator, f"{V5}?contract_code=BTC-USDT")).json()
    new = answer.pop("data")
    assert answer == {"code": 200, "message": "Success", "ts": STARTED_MS}
    assert {*map(type, new.values())} == {str}
    assert [float(old[name]) for name in ("volume", "amount", "value", "trade_turnover")] == [
        float(new[name]) for name in ("volume", "amount", "value", "trade_turnover")
    ]


@pytest.mark.parametrize(("query", "code"), [("", 1066), ("?contract_code=NOPE-USDT", 1014)])
async def test_v5_errors_have_a_code_and_a_message(
    start: Start, ask: Ask, query: str, code: int
) -> None:
    """HTTP 200 and `code`, without status (facts 2.6)."""
    reply = await ask(await start(), V5 + query)
    answer = await reply.json()
    assert (reply.status, answer["code"], set(answer)) == (200, code, {"code", "message", "ts"})


async def test_unknown_path_is_the_gateways_404(start: Start, ask: Ask) -> None:
    """The body captured in facts 2.6."""
    reply = await ask(await start(), "/linear-swap-api/v1/nope")
    expected = {"timestamp": STARTED_MS, "status": 404, "error": "Not Found"}
    assert await reply.json() == {**expected, "path": "/linear-swap-api/v1/nope"}
    assert reply.status == 404
