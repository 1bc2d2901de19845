"""Synthetix's markets, and their descriptions (facts 3.5 and 3.6)."""

from collections.abc import Iterable
from itertools import islice

from collector.simulator.decimals import natural
from collector.simulator.market import Draft, Instrument, MarketError, draw
from collector.simulator.names import bases
from collector.simulator.options import SimulatorOptions

QUOTE = "USDT"
CLOSED = ("OLD", "OLDER")


def listing(options: SimulatorOptions) -> list[Instrument]:
    """List the open markets."""
    names = enumerate(_names(options.synthetix))
    return [_draw(options.seed, _market(base, index)) for index, base in names]


def closed(options: SimulatorOptions) -> list[Instrument]:
    """List the closed markets, which getMarkets shows and nothing else."""
    return [_draw(options.seed, _market(base, 5)) for base in CLOSED]


def draft(seed: int, symbol: str) -> Instrument:
    """Make a market from a symbol such as NEW-USDT."""
    base = symbol.removesuffix(f"-{QUOTE}")
    if not base or base == symbol:
        raise MarketError(f"synthetix: {symbol!r} does not end in -{QUOTE}")
    return _draw(seed, _market(base, 5))


def _names(count: int) -> Iterable[str]:
    # Synthetix lists no base outside ASCII.
    return islice((base for base in bases() if base.isascii()), count)


def _market(base: str, index: int) -> Draft:
    return Draft(f"{base}-{QUOTE}", base, QUOTE, "", index, notional=2e7)


def _draw(seed: int, draft: Draft) -> Instrument:
    # A hundredth of Bitget's steps: these markets are smaller.
    return draw(seed, "synthetix", draft, lambda magnitude: -min(max(magnitude + 1, 0), 6))


def describe(instrument: Instrument, *, is_open: bool) -> dict[str, object]:
    """Describe a market as getMarkets does; a contract is one base coin (facts 3.5)."""
    digits = -instrument.lot_exponent
    step = natural(1, digits)
    return {
        "symbol": instrument.symbol,
        "description": f"{instrument.base} perpetual",
        "baseAsset": instrument.base,
        "quoteAsset": instrument.quote,
        "isOpen": is_open,
        "isCloseOnly": False,
        "priceExponent": instrument.price_digits,
        "quantityExponent": digits,
        "priceIncrement": natural(1, instrument.price_digits),
        "minOrderSize": step,
        "orderSizeIncrement": "0",
        "contractSize": 1,
        "maxMarketOrderSize": "10000",
        "maxLimitOrderSize": "100000",
        "minOrderPrice": "0",
        "limitOrderPriceCapRatio": "0.05",
        "limitOrderPriceFloorRatio": "0.05",
        "marketOrderPriceCapRatio": "0.05",
        "marketOrderPriceFloorRatio": "0.05",
        "liquidationClearanceFee": "0.01",
        "minNotionalValue": "10",
        "largePositionPenalty": "0",
        "maintenanceMarginTiers": [
            {
                "minPositionSize": "0",
                "maxPositionSize": "",
                "maxLeverage": 50,
                "initialMarginRequirement": "0.02",
                "maintenanceMarginRequirement": "0.01",
            }
        ],
    }
