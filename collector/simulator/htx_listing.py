"""HTX's instruments, and their descriptions in the shape of a live capture (facts 2.4 and 2.7)."""

from datetime import UTC, datetime
from itertools import chain, islice

from collector.simulator.decimals import fixed18
from collector.simulator.expiries import fridays, milliseconds, quarters
from collector.simulator.market import Draft, Instrument, MarketError, draw
from collector.simulator.names import DEAD, bases
from collector.simulator.options import SimulatorOptions
from collector.simulator.replies import compact

QUOTE = "USDT"
DATED = ("this_week", "next_week", "quarter", "next_quarter")
SMALLEST_WITH_DATED = 20
SUSPENDED = frozenset({61, 133, 217, 301})
SETTLEMENT_MS = 8 * 3600 * 1000


def listing(options: SimulatorOptions, now_ms: int) -> tuple[list[Instrument], list[Instrument]]:
    """List 357 swaps and 4 dated contracts of 361, and apart from them the long gone ones."""
    groups = DATED if options.htx >= SMALLEST_WITH_DATED else ()
    living = [_swap(base, index) for index, base in _first(options.htx - len(groups))]
    weeks = fridays(now_ms)
    expiries = (*weeks, *quarters(weeks[1]))
    for index, (group, expiry) in enumerate(zip(groups, expiries, strict=False)):
        symbol = f"BTC-{QUOTE}-{expiry:%y%m%d}"
        living.append(Draft(symbol, "BTC", QUOTE, group, 2 + index, milliseconds(expiry)))
    names = chain(DEAD, (f"X{base}" for base in bases()))
    # From 30 on, so that one of the usual sixteen is a zero.
    dead = [
        _swap(base, 30 + index) for index, base in enumerate(islice(names, options.htx_dead_rows))
    ]
    gone = [draw(options.seed, "htx", each, _lot_exponent) for each in dead]
    for instrument in gone:
        instrument.gone_ms = 0
    return [draw(options.seed, "htx", each, _lot_exponent) for each in living], gone


def draft(seed: int, symbol: str) -> Instrument:
    """Make a swap from a contract code such as NEW-USDT."""
    base = symbol.removesuffix(f"-{QUOTE}")
    if not base or base == symbol:
        raise MarketError(f"htx: {symbol!r} does not end in -{QUOTE}")
    return draw(seed, "htx", _swap(base, 5), _lot_exponent)


def _first(count: int) -> enumerate[str]:
    return enumerate(islice(bases(), count))


def _swap(base: str, index: int) -> Draft:
    return Draft(f"{base}-{QUOTE}", base, QUOTE, "swap", index)


def _lot_exponent(magnitude: int) -> int:
    # Contract sizes run from 0.0001 to 1,000,000 base coins; BTC's is 0.001 (facts 2.4).
    return min(max(2 - magnitude, -4), 6)


def pair(instrument: Instrument) -> str:
    """Give the pair, which a swap and the dated contracts of its coin share."""
    return f"{instrument.base}-{instrument.quote}"


def business_type(instrument: Instrument) -> str:
    """Give `swap` or `futures`."""
    return "swap" if instrument.group == "swap" else "futures"


def margin_mode(instrument: Instrument) -> str:
    """Give the margin modes of a contract; most have both."""
    return "cross" if instrument.index % 50 == 7 else "all"  # noqa: PLR2004 - a few of them


def next_settlement_ms(wall_ms: int) -> int:
    """Give the next settlement; there is one every eight hours."""
    return (wall_ms // SETTLEMENT_MS + 1) * SETTLEMENT_MS


def describe(instrument: Instrument, settlement_ms: int) -> str:
    """Write a contract as `swap_contract_info` does."""
    # The sizes are numbers with 18 decimals, which JSON text from Python's numbers would not keep.
    size = fixed18(10 ** (18 + instrument.lot_exponent))
    tick = fixed18(10 ** (18 - instrument.price_digits))
    delivery = "", ""
    if instrument.expires_ms is not None:
        day = datetime.fromtimestamp(instrument.expires_ms / 1000, UTC)
        delivery = f"{day:%Y%m%d}", str(instrument.expires_ms)
    fields = {
        "symbol": instrument.base,
        "contract_code": instrument.symbol,
        "contract_size": 0,
        "price_tick": 1,
        "delivery_date": delivery[0],
        "delivery_time": delivery[1],
        "create_date": "20201021",
        "contract_status": 3 if instrument.index in SUSPENDED else 1,
        "settlement_date": str(settlement_ms),
        "support_margin_mode": margin_mode(instrument),
        "business_type": business_type(instrument),
        "pair": pair(instrument),
        "contract_type": instrument.group,
        "trade_partition": "USDT",
        "settlement_period": "8",
        "adjust": [],
        "price_estimated": [],
        "open_type": 0,
        "labels": [],
        "tradfi_labels": [],
        "enable_rpi": False,
    }
    text = compact(fields).replace('"contract_size":0', f'"contract_size":{size}', 1)
    return text.replace('"price_tick":1', f'"price_tick":{tick}', 1)
