"""Instruments and their numbers."""

import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from decimal import Decimal
from itertools import islice, pairwise

import pytest
from aiohttp import ClientResponse
from hypothesis import given
from hypothesis import strategies as st

from collector.simulator import Simulator, SimulatorOptions
from collector.simulator.bitget_listing import listing as bitget_listing
from collector.simulator.decimals import fixed18, natural
from collector.simulator.expiries import fridays, milliseconds, quarters
from collector.simulator.htx_listing import listing as htx_listing
from collector.simulator.market import Instrument, Market, MarketError, Walk
from collector.simulator.names import DEAD, bases
from collector.simulator.synthetix_listing import listing as synthetix_listing

Start = Callable[..., Awaitable[Simulator]]
Ask = Callable[..., Awaitable[ClientResponse]]
NOW_MS = 1_790_000_000_000


def everything(seed: int = 1) -> list[Instrument]:
    """List every instrument of the default sizes."""
    options = SimulatorOptions(seed=seed)
    return [
        *bitget_listing(options, NOW_MS),
        *htx_listing(options, NOW_MS)[0],
        *synthetix_listing(options),
    ]


@given(st.integers(0, 10**30), st.integers(0, 20))
def test_natural_text_is_exact_and_has_no_trailing_zeros(units: int, digits: int) -> None:
    """The text is the number, in its shortest plain form."""
    text = natural(units, digits)
    assert Decimal(text) == Decimal(f"{units}E-{digits}")
    assert "." not in text or text[-1] != "0"


@given(st.integers(0, 10**40))
def test_fixed_text_is_exact_and_has_18_decimals(units: int) -> None:
    """The text is the number with all of its 18 decimals."""
    text = fixed18(units)
    assert Decimal(units) == Decimal(text.replace(".", ""))
    assert len(text.partition(".")[2]) == len("000000000000000000")


def test_the_default_sizes_are_those_that_were_seen() -> None:
    """865 of Bitget in three types and 8 demo ones, 361 of HTX and 16 dead, 40 of Synthetix."""
    options = SimulatorOptions()
    bitget = bitget_listing(options, NOW_MS)
    groups = [each.group for each in bitget]
    assert tuple(groups.count(f"{name}-FUTURES") for name in ("USDT", "USDC", "COIN")) == (
        805,
        49,
        11,
    )
    assert len(bitget) == 865 + 8
    assert sum(each.expires_ms is not None for each in bitget) == 2
    htx, dead = htx_listing(options, NOW_MS)
    assert [len(htx), len(dead)] == [361, 16]
    assert sum(each.expires_ms is not None for each in htx) == 4
    assert len(synthetix_listing(options)) == 40


def test_symbols_are_unique_and_look_real() -> None:
    """Each venue's symbols differ from one another, and the odd ones of the facts are there."""
    options = SimulatorOptions()
    htx, dead = htx_listing(options, NOW_MS)
    bitget = [each.symbol for each in bitget_listing(options, NOW_MS)]
    synthetix = [each.symbol for each in synthetix_listing(options)]
    for symbols in (bitget, [each.symbol for each in (*htx, *dead)], synthetix):
        assert len(symbols) == len(set(symbols))
    assert {"BTCUSDT", "BTCPERP", "BTCUSD", "SBTCSUSDT", "SBTCSPERP", "龙虾USDT"} <= {*bitget}
    assert {"BTC-USDT", "龙虾-USDT"} <= {each.symbol for each in htx}
    assert {"BTC-USDT", "1000PEPE-USDT"} <= {*synthetix}


def test_names_never_run_out_or_repeat() -> None:
    """Ten thousand base assets are all different, and none is one of the dead."""
    names = list(islice(bases(), 10_000))
    assert len({*names, *DEAD}) == 10_000 + len(DEAD)


def test_the_same_seed_gives_the_same_market_and_another_gives_another() -> None:
    """Every number follows from the seed; symbols do not depend on it."""
    first, again, other = everything(), everything(), everything(seed=2)
    assert first == again
    assert [each.symbol for each in first] == [each.symbol for each in other]
    assert all(one.price_ticks != two.price_ticks for one, two in zip(first, other, strict=True))
    moments = range(0, 3_600_000, 977)
    walks = [Walk(1), Walk(1), Walk(2)]
    values = [[first[0].lots_at(walk, moment) for moment in moments] for walk in walks]
    assert values[0] == values[1] != values[2]


def test_numbers_do_not_depend_on_how_many_instruments_there_are() -> None:
    """BTCUSDT is the same in a small listing and in a large one."""
    few = bitget_listing(SimulatorOptions(bitget=3), NOW_MS)
    assert few[0] == bitget_listing(SimulatorOptions(), NOW_MS)[0]


def test_the_walk_moves_at_every_step_and_stays_in_bounds() -> None:
    """An active instrument changes each period, within an eighth of where it started."""
    walk, instrument = Walk(1), everything()[0]
    lots = [instrument.lots_at(walk, step * instrument.period_ms) for step in range(20_000)]
    assert all(one != two for one, two in pairwise(lots))
    assert instrument.lots * 7 // 8 <= min(lots) < max(lots) <= instrument.lots * 9 // 8


def test_most_instruments_are_lively_some_are_still_and_a_few_are_zero() -> None:
    """In ten seconds most change, the inactive ones do not, and zeros stay exactly zero."""
    walk, instruments = Walk(1), everything()
    values = [{each.lots_at(walk, second * 1000) for second in range(10)} for each in instruments]
    lively = sum(len(each) > 4 for each in values) / len(values)
    still = sum(len(each) == 1 for each in values) / len(values)
    zeros = sum(each == {0} for each in values)
    assert 0.5 < lively < 0.7
    assert 0.1 < still < 0.5
    assert 15 < zeros < 50


def test_a_delisted_instrument_keeps_its_last_value() -> None:
    """Its numbers stand still, and go on when it is listed again."""
    walk, instrument = Walk(1), everything()[0]
    market = Market([instrument], walk)
    before = instrument.lots_at(walk, 10_000)
    market.delist("BTCUSDT", 10_000)
    assert (before, {}) == (instrument.lots_at(walk, 99_000), market.listed)
    market.add(instrument, 99_000)
    assert before != instrument.lots_at(walk, 99_000)


@pytest.mark.parametrize(
    ("added", "delisted", "message"),
    [
        (["BTCUSDT"], [], "listed already"),
        ([], ["NOPE"], "is not listed"),
        (["NEW"], ["BTCUSDT", "BTCUSDT"], "more than once"),
    ],
)
def test_impossible_listings_are_refused(
    added: list[str], delisted: list[str], message: str
) -> None:
    """Whatever cannot be listed or delisted is named."""
    with pytest.raises(MarketError, match=message):
        Market([everything()[0]], Walk(1)).check(added, delisted)


@given(st.integers(0, 4_000_000_000))
def test_expiries_are_fridays_ahead(now_seconds: int) -> None:
    """Weekly and quarterly contracts end on different Fridays at 08:00 UTC, in order."""
    weeks = fridays(now_seconds * 1000)
    days = (*weeks, *quarters(weeks[1]))
    assert list(days) == sorted({*days})
    assert {(4, 8, 0)} == {(day.weekday(), day.hour, day.minute) for day in days}
    assert now_seconds * 1000 < milliseconds(days[0]) <= (now_seconds + 7 * 86_400) * 1000
    assert {3, 6, 9, 12} >= {day.month for day in days[2:]}


def test_the_quarter_ends_on_its_last_friday() -> None:
    """In September 2026 the next quarters end on the 25th and on Christmas."""
    after = datetime(2026, 9, 11, 8, tzinfo=UTC)
    assert [f"{day:%Y-%m-%d}" for day in quarters(after)] == ["2026-09-25", "2026-12-25"]


async def test_two_requests_at_one_instant_agree(start: Start, ask: Ask, clock: list[int]) -> None:
    """Value and time are those of the instant, and move together with it."""
    simulator = await start()
    path = "/linear-swap-api/v1/swap_open_interest"
    first, again = [(await ask(simulator, path)) for _ in range(2)]
    clock[0] += 1_500_000_000
    later = await ask(simulator, path)
    assert await first.text() == await again.text()
    assert await first.text() != await later.text()


async def test_rows_are_consistent(start: Start, ask: Ask) -> None:
    """On HTX amount is volume times contract size, and value is amount times a price tick."""
    simulator = await start(htx=361)
    info = await ask(simulator, "/linear-swap-api/v1/swap_contract_info?business_type=all")
    described = json.loads(await info.text(), parse_float=Decimal)["data"]
    contracts = {each["contract_code"]: each for each in described}
    reply = await ask(simulator, "/linear-swap-api/v1/swap_open_interest?business_type=all")
    rows = json.loads(await reply.text(), parse_float=Decimal)["data"]
    for row in rows:
        if (contract := contracts.get(row["contract_code"])) is not None:
            assert row["amount"] == row["volume"] * contract["contract_size"]
            assert row["trade_amount"] == row["trade_volume"] * contract["contract_size"]
            if row["amount"]:
                ticks = row["value"] / row["amount"] / contract["price_tick"]
                assert ticks == ticks.to_integral_value()
    odd = sum(int(row["volume"]) % 2 for row in rows) / len(rows)
    assert 0.35 < odd < 0.65
    assert not any(int(row["trade_volume"]) % 2 for row in rows)
