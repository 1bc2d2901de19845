"""Bitget's instruments, and their contract descriptions (facts 1.4 and 1.7)."""

from itertools import islice

from collector.simulator.expiries import fridays, milliseconds, quarters
from collector.simulator.market import Draft, Instrument, MarketError, draw
from collector.simulator.names import bases
from collector.simulator.options import SimulatorOptions
from collector.simulator.replies import compact

USDT, COIN, USDC = "USDT-FUTURES", "COIN-FUTURES", "USDC-FUTURES"
DEMO = ("SUSDT-FUTURES", "SCOIN-FUTURES", "SUSDC-FUTURES")
PRODUCTS = (USDT, COIN, USDC, *DEMO)
QUOTES = dict(zip(PRODUCTS, ("USDT", "USD", "USDC", "SUSDT", "SUSD", "SUSDC"), strict=True))
SUFFIXES = QUOTES | {USDC: "PERP", "SUSDC-FUTURES": "SPERP"}
COIN_PERPETUALS = 9
FULL_SIZE = 865
MONTH_LETTERS = {3: "H", 6: "M", 9: "U", 12: "Z"}
STATUSES = {97: "limit_open", 193: "maintain"}


def listing(options: SimulatorOptions, now_ms: int) -> list[Instrument]:
    """List about 805 USDT, 49 USDC and 11 coin-margined instruments of 865, and eight demo ones."""
    coins = min(COIN_PERPETUALS + 2, options.bitget * 11 // FULL_SIZE)
    usdc = options.bitget * 49 // FULL_SIZE
    counts = {USDT: options.bitget - coins - usdc, USDC: usdc, COIN: min(coins, COIN_PERPETUALS)}
    drafts = [
        Draft(base + SUFFIXES[product], base, QUOTES[product], product, index)
        for product, count in counts.items()
        for index, base in enumerate(islice(bases(), count))
    ]
    for expiry in quarters(fridays(now_ms)[0])[: coins - counts[COIN]]:
        symbol = f"BTCUSD{MONTH_LETTERS[expiry.month]}{expiry:%y}"
        drafts.append(Draft(symbol, "BTC", "USD", COIN, 3, milliseconds(expiry)))
    for product, count in zip(DEMO, (4, 2, 2), strict=True):
        for index, base in enumerate(("BTC", "ETH", "XRP", "EOS")[:count]):
            symbol = f"S{base}{SUFFIXES[product]}"
            drafts.append(Draft(symbol, f"S{base}", QUOTES[product], product, index))
    return [draw(options.seed, "bitget", draft, _lot_exponent) for draft in drafts]


def draft(seed: int, symbol: str) -> Instrument:
    """Make an instrument of the product type that the symbol's ending says."""
    for product in sorted(PRODUCTS, key=lambda each: -len(SUFFIXES[each])):
        base = symbol.removesuffix(SUFFIXES[product])
        if base and base != symbol:
            made = Draft(symbol, base, QUOTES[product], product, 5)
            return draw(seed, "bitget", made, _lot_exponent)
    raise MarketError(f"bitget: {symbol!r} ends in none of {', '.join(SUFFIXES.values())}")


def _lot_exponent(magnitude: int) -> int:
    return -min(max(magnitude - 1, 0), 4)


def describe(instrument: Instrument) -> str:
    """Write an instrument as the contracts endpoint does: strings throughout (facts 1.4)."""
    margin = [instrument.base] if instrument.group in {COIN, DEMO[1]} else [instrument.quote]
    places = max(0, -instrument.lot_exponent)
    step = f"{10.0**instrument.lot_exponent:.{places}f}"
    perpetual = instrument.expires_ms is None
    delivery = "" if instrument.expires_ms is None else str(instrument.expires_ms)
    return compact(
        {
            "symbol": instrument.symbol,
            "baseCoin": instrument.base,
            "quoteCoin": instrument.quote,
            "buyLimitPriceRatio": "0.05",
            "sellLimitPriceRatio": "0.05",
            "feeRateUpRatio": "0.005",
            "makerFeeRate": "0.0002",
            "takerFeeRate": "0.0006",
            "openCostUpRatio": "0.01",
            "supportMarginCoins": margin,
            "minTradeNum": step,
            "priceEndStep": "1",
            "volumePlace": str(places),
            "pricePlace": str(instrument.price_digits),
            "sizeMultiplier": step,
            "symbolType": "perpetual" if perpetual else "delivery",
            "minTradeUSDT": "5",
            "maxSymbolOrderNum": "200",
            "maxProductOrderNum": "1000",
            "maxPositionNum": "150",
            "symbolStatus": STATUSES.get(instrument.index, "normal"),
            "offTime": "-1",
            "limitOpenTime": "-1",
            "deliveryTime": delivery,
            "deliveryStartTime": "",
            "deliveryPeriod": "" if perpetual else "this_quarter",
            "launchTime": "",
            "fundInterval": "8",
            "minLever": "1",
            "maxLever": "125",
            "posLimit": "0.1",
            "maintainTime": "",
            "maxMarketOrderQty": "220",
            "maxOrderQty": "1200",
            "isRwa": "YES" if instrument.index % 5 in {1, 3} else "NO",
        }
    )
