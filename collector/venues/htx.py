"""HTX USDT-margined swaps and futures: every instrument in one request, in three units.

`volume` is in contracts, `amount` in the base asset, `value` in the quote currency, all of them
bare JSON numbers with up to 18 decimals. `ts` is the moment of the reply and the same for all rows,
so it moves even if nothing else does. `contract_code` names the instrument; `symbol` is only the
coin. Errors come with status 200. The reply carries rows of contracts that are long gone.
"""

from collections.abc import Sequence

from collector.exactjson import Number
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

_PUBLIC = RateLimit(
    "htx.public",
    240,
    3,
    "https://www.htx.com/en-us/opend/newApiPages/?id=8cb80166-77b5-11ed-9966-0242ac110003:"
    " 240 times every 3 second at most for each IP,"
    " shared by all the requests of non-marketing information",
)

_CODES = {
    "429": FaultKind.RATE_LIMITED,
    "1032": FaultKind.RATE_LIMITED,  # the number of access exceeded the limit
    "1013": FaultKind.GONE,
    "1014": FaultKind.GONE,
    "1000": FaultKind.TROUBLE,  # system error
    "1001": FaultKind.TROUBLE,  # system not ready
    "1004": FaultKind.TROUBLE,  # system busy
    "1077": FaultKind.TROUBLE,  # these four: in settlement or delivery
    "1078": FaultKind.TROUBLE,
    "1079": FaultKind.TROUBLE,
    "1080": FaultKind.TROUBLE,
}
_NOT_TRADED = {"2", "4", "8"}  # pending listing, suspending of listing, delivered

_SIDES = SidesRule(
    Sides.ONE,
    Basis.MEASURED,
    "HTX's document says the sum of both sides, but 5 of 11 live counts of 2022 to 2026 are odd,"
    " which such a sum cannot be; contract_parity has the present ones: docs/venues/htx.md",
)


def plan(instruments: Sequence[Instrument]) -> Sequence[Request]:
    """Ask once for swaps and dated futures together, whatever is listed."""
    del instruments
    return [
        Request(
            path="/linear-swap-api/v1/swap_open_interest",
            query={"business_type": "all"},
            limits=(_PUBLIC,),
        )
    ]


def parse(reply: Reply) -> Parsed:
    """Read all rows; they share the time of the reply, and none can be believed without it."""

    def read(row: object) -> Snapshot:
        return Snapshot(
            symbol=fields.identifier(row, "contract_code"),
            exchange_ts=fields.epoch_ms(reply.payload, "ts", reply.received_at),
            open_interest_base=fields.number_amount(row, "amount"),
            open_interest_contracts=fields.number_amount(row, "volume"),
            open_interest_quote=fields.number_amount(row, "value"),
        )

    return fields.read_rows(fields.rows(reply.payload, "data"), "contract_code", read)


def plan_listing(product_types: Sequence[str]) -> Sequence[Request]:
    """Ask once for the contracts of swaps and dated futures."""
    del product_types
    return [
        Request(
            path="/linear-swap-api/v1/swap_contract_info",
            query={"business_type": "all"},
            limits=(_PUBLIC,),
        )
    ]


def parse_listing(reply: Reply) -> Listing:
    """Read the contracts that HTX lists now."""
    return fields.read_instruments(fields.rows(reply.payload, "data"), "contract_code", _instrument)


def fault(payload: object) -> Fault | None:
    """Read HTX's envelope; some paths spell `err_code`, others `err-code`."""
    if fields.optional(payload, "status") != "error":
        return None
    hyphen = fields.optional(payload, "err_code") is None
    code = fields.said(payload, "err-code" if hyphen else "err_code")
    message = fields.said(payload, "err-msg" if hyphen else "err_msg")
    return Fault(_CODES.get(code, FaultKind.REFUSED), code, message)


def _instrument(row: object) -> Instrument:
    quote = fields.identifier(row, "pair").rpartition("-")[2]
    if not quote:
        raise ShapeError("pair", "without a quote asset")
    dated = fields.optional(row, "business_type") == "futures"
    return Instrument(
        symbol=fields.identifier(row, "contract_code"),
        base=fields.identifier(row, "symbol"),
        quote=quote,
        settle=quote,
        kind=Kind.FUTURE if dated else Kind.PERPETUAL,
        sides=_SIDES.sides,
        contract_size=_contract_size(row),
        expires_at=fields.expiry(row, "delivery_time"),
        active=fields.said(row, "contract_status") not in _NOT_TRADED,
    )


def _contract_size(row: object) -> DecimalText | None:
    """Return base units per contract; None if unreadable, which must not cost the figures."""
    size = fields.optional(row, "contract_size")
    try:
        return fields.number_amount(row, "contract_size") if isinstance(size, Number) else None
    except ShapeError:
        return None


VENUE = Venue(
    name="htx",
    base_urls=("https://api.hbdm.com", "https://api.hbdm.vn"),
    limits=(_PUBLIC,),
    plan=plan,
    parse=parse,
    plan_listing=plan_listing,
    parse_listing=parse_listing,
    sides=_SIDES,
    fault=fault,
    remaining_header="ratelimit-remaining",
    typical_instruments=361,
    longest_penalty=300,  # not documented; as for Bitget
)
