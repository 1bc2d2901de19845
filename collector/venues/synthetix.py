"""Synthetix V4 perpetuals: every market in one POST, long and short in the base asset.

`openInterest` is the sum of the two legs, which differ in practice. `timestamp` is documented as
the time of the last update; in the published server code it is the moment of the reply, the same in
all rows. One market that fails makes the whole request fail.
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

_PATH = "/v1/info"
_DOC = "Synthetix API, Get Open Interest, Rate Limiting"
_LIMITS = (
    RateLimit("synthetix.info", 100, 1, f"{_DOC}: Burst: Up to 100 requests per second"),
    RateLimit("synthetix.info", 1000, 60, f"{_DOC}: Default: 1000 requests per minute per IP"),
    # Another official page is stricter; at two or three requests a minute both are kept with ease.
    RateLimit("synthetix.info", 600, 60, "Synthetix REST API overview: info 600 / min per IP"),
)

_CODES = {
    "RATE_LIMIT_EXCEEDED": FaultKind.RATE_LIMITED,
    "MARKET_NOT_FOUND": FaultKind.GONE,
    "INTERNAL_ERROR": FaultKind.TROUBLE,
    "DATABASE_ERROR": FaultKind.TROUBLE,
    "CACHE_ERROR": FaultKind.TROUBLE,
    "REQUEST_TIMEOUT": FaultKind.TROUBLE,
    "SERVICE_UNAVAILABLE": FaultKind.TROUBLE,
}

_SIDES = SidesRule(
    Sides.BOTH,
    Basis.DOCUMENTED,
    "Synthetix documents the figure as long + short positions, so half of it is the mean of the two"
    " legs: docs/venues/synthetix.md",
)


def plan(instruments: Sequence[Instrument]) -> Sequence[Request]:
    """Ask once for all markets; there is no filter."""
    del instruments
    return [_ask({"action": "getOpenInterest"})]


def parse(reply: Reply) -> Parsed:
    """Read all markets, keeping both legs as they were given."""

    def read(row: object) -> Snapshot:
        return Snapshot(
            symbol=fields.identifier(row, "symbol"),
            exchange_ts=fields.epoch_ms(row, "timestamp", reply.received_at),
            open_interest_base=fields.amount(row, "openInterest"),
            long_base=fields.amount(row, "longOpenInterest"),
            short_base=fields.amount(row, "shortOpenInterest"),
        )

    return fields.read_rows(fields.rows(reply.payload, "response"), "symbol", read)


def plan_listing(product_types: Sequence[str]) -> Sequence[Request]:
    """Ask once for all markets, open and closed."""
    del product_types
    return [_ask({"action": "getMarkets"})]


def parse_listing(reply: Reply) -> Listing:
    """Read the markets; a closed one stays listed, but no figure is expected of it."""
    return fields.read_instruments(fields.rows(reply.payload, "response"), "symbol", _instrument)


def fault(payload: object) -> Fault | None:
    """Read the error envelope; `category`, `retryable` and the ids are optional."""
    if fields.optional(payload, "status") != "error":
        return None
    error = fields.optional(payload, "error")
    code = fields.said(error, "code")
    message = fields.said(error, "message")
    return Fault(_CODES.get(code, FaultKind.REFUSED), code, message)


def _ask(params: dict[str, object]) -> Request:
    return Request(path=_PATH, method="POST", body={"params": params}, limits=_LIMITS)


def _instrument(row: object) -> Instrument:
    quote = fields.identifier(row, "quoteAsset")
    return Instrument(
        symbol=fields.identifier(row, "symbol"),
        base=fields.identifier(row, "baseAsset"),
        quote=quote,
        settle=quote,  # not in the reply; every market settles in its quote currency
        kind=Kind.PERPETUAL,
        sides=_SIDES.sides,
        contract_size=_contract_size(row),
        active=fields.optional(row, "isOpen") is not False,
    )


def _contract_size(row: object) -> DecimalText | None:
    """Return base units per contract; the server cuts a size below one to 0, which says nothing."""
    try:
        size = fields.number_amount(row, "contractSize")
    except ShapeError:
        return None
    return size if size.isdecimal() and size != "0" else None


VENUE = Venue(
    name="synthetix",
    base_urls=("https://papi.synthetix.io",),
    limits=_LIMITS,
    plan=plan,
    parse=parse,
    plan_listing=plan_listing,
    parse_listing=parse_listing,
    sides=_SIDES,
    fault=fault,
    typical_instruments=40,
    longest_penalty=300,  # not documented; as for Bitget
)
