"""Bitget futures (v2): one instrument per request, open interest in the base asset.

`data.ts` is the time of the data and may lie on either side of `requestTime`; it arrives as a
string. Errors come with HTTP 400 and an envelope. An empty list beside a success code has been
seen on neighbouring endpoints: for the one instrument asked for, it means that there is no figure.
"""

from collections.abc import Sequence

from collector.models import (
    Basis,
    DecimalText,
    Instrument,
    Kind,
    Listing,
    Parsed,
    Sides,
    SidesRule,
    Snapshot,
)
from collector.venues import fields
from collector.venues.fields import ShapeError
from collector.venues.spec import Fault, FaultKind, RateLimit, Reply, Request, Venue

_DOC = "https://www.bitget.com/api-doc/contract/market/Get-Open-Interest"
_OPEN_INTEREST = RateLimit(
    "bitget.open-interest", 20, 1, f"{_DOC} (2025-03-14): Frequency limit: 20 times/1s (IP)"
)
_CONTRACTS = RateLimit(
    "bitget.contracts",
    20,
    1,
    "https://www.bitget.com/api-doc/contract/market/Get-All-Symbols-Contracts: 20 times/1s (IP)",
)
_ALL_ENDPOINTS = RateLimit(
    "bitget.ip", 6000, 60, "Bitget API FAQ, question 10: 6000 requests a minute per IP in all"
)

_SUCCESS = "00000"
_CODES = {
    "429": FaultKind.RATE_LIMITED,
    "25004": FaultKind.RATE_LIMITED,
    "30006": FaultKind.RATE_LIMITED,
    "30007": FaultKind.RATE_LIMITED,
    "30014": FaultKind.RATE_LIMITED,
    "25100": FaultKind.GONE,  # trading pair does not exist
    "40034": FaultKind.GONE,  # parameter does not exist
    "40309": FaultKind.GONE,  # the symbol has been removed
    "40015": FaultKind.TROUBLE,  # system abnormal; the next ones are maintenance and releases
    "40200": FaultKind.TROUBLE,
    "40308": FaultKind.TROUBLE,
    "40725": FaultKind.TROUBLE,
    "40808": FaultKind.TROUBLE,
    "41114": FaultKind.TROUBLE,
    "45001": FaultKind.TROUBLE,
}

_SIDES = SidesRule(
    Sides.ONE,
    Basis.MEASURED,
    "Bitget does not say, but 4 of 5 live figures of 2022 to 2025 are odd numbers of order steps,"
    " which a figure that is counted twice cannot be: docs/venues/bitget.md",
)


def plan(instruments: Sequence[Instrument]) -> Sequence[Request]:
    """Ask for every instrument in turn; the endpoint takes one symbol."""
    return [
        Request(
            path="/api/v2/mix/market/open-interest",
            query={"symbol": instrument.symbol, "productType": instrument.product_type or ""},
            symbol=instrument.symbol,
            limits=(_OPEN_INTEREST, _ALL_ENDPOINTS),
            max_bytes=2**16,  # one row; twenty of these are under way at once
        )
        for instrument in instruments
    ]


def parse(reply: Reply) -> Parsed:
    """Read the one row that was asked for; `size` is in the base coin, not rounded."""
    data = fields.member(reply.payload, "data")
    found = fields.rows(data, "openInterestList")
    if not found:
        raise ShapeError("data.openInterestList", "empty")

    def read(row: object) -> Snapshot:
        symbol = fields.identifier(row, "symbol")
        if symbol != reply.request.symbol:
            raise ShapeError("symbol", f"asked for {reply.request.symbol}, answered {symbol}")
        return Snapshot(
            symbol=symbol,
            exchange_ts=fields.epoch_ms_text(data, "ts", reply.received_at),
            open_interest_base=fields.amount(row, "size"),
        )

    return fields.read_rows(found, "symbol", read)


def plan_listing(product_types: Sequence[str]) -> Sequence[Request]:
    """Ask for the contracts of each product type."""
    return [
        Request(
            path="/api/v2/mix/market/contracts",
            query={"productType": product_type},
            limits=(_CONTRACTS, _ALL_ENDPOINTS),
        )
        for product_type in product_types
    ]


def parse_listing(reply: Reply) -> Listing:
    """Read the contracts; those that are `off` are listed, but not asked for."""
    product_type = reply.request.query["productType"]
    return fields.read_instruments(
        fields.rows(reply.payload, "data"), "symbol", lambda row: _instrument(row, product_type)
    )


def fault(payload: object) -> Fault | None:
    """Read Bitget's envelope: any code but 00000 is an error."""
    code = fields.optional(payload, "code")
    if not isinstance(code, str) or code == _SUCCESS:
        return None
    return Fault(
        _CODES.get(code, FaultKind.REFUSED), fields.readable(code), fields.said(payload, "msg")
    )


def _instrument(row: object, product_type: str) -> Instrument:
    base, quote = fields.identifier(row, "baseCoin"), fields.identifier(row, "quoteCoin")
    expires_at = fields.expiry(row, "deliveryTime")
    dated = expires_at is not None or fields.optional(row, "symbolType") == "delivery"
    return Instrument(
        symbol=fields.identifier(row, "symbol"),
        base=base,
        quote=quote,
        settle=_settle(fields.optional(row, "supportMarginCoins"), base, quote),
        kind=Kind.FUTURE if dated else Kind.PERPETUAL,
        sides=_SIDES.sides,
        # Sizes are in the base coin; `sizeMultiplier` is the order step, not a multiplier.
        contract_size=DecimalText("1"),
        expires_at=expires_at,
        product_type=product_type,
        active=fields.optional(row, "symbolStatus") != "off",
    )


def _settle(margin_coins: object, base: str, quote: str) -> str:
    """Tell the settlement asset from the margin coins; Bitget has no field for it."""
    coins = (
        [coin for coin in margin_coins if fields.is_identifier(coin)]
        if isinstance(margin_coins, list)
        else []
    )
    if base in coins:
        return base
    return quote if quote in coins or not coins else coins[0]


VENUE = Venue(
    name="bitget",
    base_urls=("https://api.bitget.com",),
    limits=(_OPEN_INTEREST, _CONTRACTS, _ALL_ENDPOINTS),
    plan=plan,
    parse=parse,
    plan_listing=plan_listing,
    parse_listing=parse_listing,
    sides=_SIDES,
    fault=fault,
    remaining_header="x-mbx-used-remain-limit",
    typical_instruments=865,
    longest_penalty=300,  # the FAQ: five minutes to recover once the limit is triggered
    product_types=(
        "USDT-FUTURES",
        "COIN-FUTURES",
        "USDC-FUTURES",
        "SUSDT-FUTURES",
        "SCOIN-FUTURES",
        "SUSDC-FUTURES",
    ),
    # The other three are demo markets with play money.
    default_product_types=("USDT-FUTURES", "COIN-FUTURES", "USDC-FUTURES"),
)
