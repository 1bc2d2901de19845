"""What must become of a reply, worked out anew from the wire and from the venues' documents.

The collector's code is not asked. Where its bounds are a matter of taste (how many digits, how many
rows), a row may go either way; where a document or the arithmetic decides, it may not.
"""

import json
import unicodedata
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum

from tests.fuzz.seeds import Seed
from tests.fuzz.tree import Members, Token, Tree

_MANY = 5000
_FAR_BACK_MS = 30 * 86_400_000
_FAR_AHEAD_MS = 86_400_000


class Verdict(Enum):
    """Whether something must be taken."""

    GOOD = 2
    EITHER = 1
    BAD = 0


@dataclass(frozen=True)
class Figure:
    """An amount as it stands on the wire."""

    text: str
    exact: Decimal


@dataclass
class Row:
    """A row of open interest as the wire has it."""

    verdict: Verdict
    symbol: str = ""
    ts_ms: int = 0
    figures: dict[str, Figure] = field(default_factory=dict)


_COLUMNS = {
    "bitget": {"open_interest_base": "size"},
    "htx": {
        "open_interest_base": "amount",
        "open_interest_contracts": "volume",
        "open_interest_quote": "value",
    },
    "synthetix": {
        "open_interest_base": "openInterest",
        "long_base": "longOpenInterest",
        "short_base": "shortOpenInterest",
    },
}
_SYMBOL = {"bitget": "symbol", "htx": "contract_code", "synthetix": "symbol"}
_IDS = {
    "bitget": ("symbol", "baseCoin", "quoteCoin"),
    "htx": ("contract_code", "symbol", "pair"),
    "synthetix": ("symbol", "baseAsset", "quoteAsset"),
}


def is_error(seed: Seed, tree: Tree) -> bool:
    """Tell whether the venue's own envelope says that this is an error."""
    if not isinstance(tree, Members):
        return False
    if seed.venue.name == "bitget":
        code = (tree.named("code") or [None])[-1]
        return isinstance(code, str) and code != "00000"
    return (tree.named("status") or [None])[-1] == "error"


def rows_of(seed: Seed, tree: Tree) -> list[Tree] | None:
    """Return the rows of a reply; None if it has no list of rows where the document has it."""
    path = {"bitget": ["data", "openInterestList"], "htx": ["data"], "synthetix": ["response"]}
    keys = ["data"] if seed.listing and seed.venue.name == "bitget" else path[seed.venue.name]
    for key in keys:
        if not isinstance(tree, Members) or tree.twice() or not tree.named(key):
            return None
        tree = tree.named(key)[0]
    return tree if isinstance(tree, list) and not isinstance(tree, Members) else None


def shape(seed: Seed, tree: Tree) -> Verdict:
    """Say whether a reply has the documented shape as a whole."""
    rows = rows_of(seed, tree)
    if rows is None:
        return Verdict.BAD
    if len(rows) > _MANY:
        return Verdict.EITHER
    if not seed.listing and seed.venue.name == "bitget" and not rows:
        return Verdict.BAD
    return Verdict.GOOD


def row(seed: Seed, tree: Tree, found: Tree) -> Row:
    """Judge one row of open interest."""
    if not isinstance(found, Members) or found.twice():
        return Row(Verdict.BAD)
    name = seed.venue.name
    symbol = _only(found, _SYMBOL[name])
    verdicts = [identifier(symbol)]
    if name == "bitget":
        data = _only(tree, "data")
        verdicts.append(Verdict.GOOD if symbol == seed.request.symbol else Verdict.BAD)
        verdict, ts_ms = _time(seed, _only(data, "ts"), number=False)
    else:
        clock = tree if name == "htx" else found
        verdict, ts_ms = _time(seed, _only(clock, "timestamp" if clock is found else "ts"))
    verdicts.append(verdict)
    figures: dict[str, Figure] = {}
    for column, key in _COLUMNS[name].items():
        verdict, figure = amount(_only(found, key), number=name == "htx")
        verdicts.append(verdict)
        if figure is not None:
            figures[column] = figure
    least = min(verdicts, key=lambda each: each.value)
    return Row(least, symbol if isinstance(symbol, str) else "", ts_ms, figures)


def listed(seed: Seed, found: Tree) -> tuple[Verdict, str]:
    """Judge one row of a list of instruments; return its symbol as well."""
    if not isinstance(found, Members) or found.twice():
        return Verdict.BAD, ""
    ids = [_only(found, key) for key in _IDS[seed.venue.name]]
    verdict = min((identifier(each) for each in ids), key=lambda each: each.value)
    symbol, last = (each if isinstance(each, str) else "" for each in (ids[0], ids[2]))
    if seed.venue.name == "htx" and not last.rpartition("-")[2]:
        verdict = Verdict.BAD
    return verdict, symbol


def identifier(value: Tree) -> Verdict:
    """Say whether a value can be the name of an instrument or an asset."""
    if not isinstance(value, str) or isinstance(value, Token) or not 0 < len(value) <= 64:
        return Verdict.BAD
    visible = all(unicodedata.category(each)[0] not in "CZ" for each in value)
    return Verdict.GOOD if visible else Verdict.BAD


def amount(value: Tree, *, number: bool) -> tuple[Verdict, Figure | None]:
    """Read an amount: a number where the document has one, otherwise a string with one in it."""
    if not isinstance(value, str) or isinstance(value, Token) is not number:
        return Verdict.BAD, None
    if not value or not set(value) <= set("0123456789.eE+-") or value[0] in "+-":
        return Verdict.BAD, None
    mantissa, _, exponent = value.lower().partition("e")
    if len(exponent) > 6 or len(mantissa) > 2000:
        return Verdict.EITHER, None  # wrong or beyond any market, and it may be told as either
    try:
        json.loads(value, parse_float=Decimal, parse_int=Decimal)  # the grammar of JSON decides
    except ValueError:
        return Verdict.BAD, None
    exact = Decimal(value)
    whole, _, fraction = mantissa.partition(".")
    shift = int(exponent or 0)
    small = len(whole) <= 38 and len(whole) + shift <= 38 and len(fraction) - shift <= 58
    small = small and len(exponent) <= 3
    return (Verdict.GOOD if small else Verdict.EITHER), Figure(str(value), exact)


def _time(seed: Seed, value: Tree, *, number: bool = True) -> tuple[Verdict, int]:
    """Read milliseconds since 1970 that no working clock is far from."""
    if not isinstance(value, str) or isinstance(value, Token) is not number:
        return Verdict.BAD, 0
    if not value or not set(value) <= set("0123456789") or len(value) > 17:
        return Verdict.BAD, 0
    ms = int(value)
    if not seed.received_ms - _FAR_BACK_MS - 1 <= ms <= seed.received_ms + _FAR_AHEAD_MS + 1:
        return Verdict.BAD, ms
    inside = seed.received_ms - _FAR_BACK_MS < ms < seed.received_ms + _FAR_AHEAD_MS
    return (Verdict.GOOD if inside and value[0] != "0" else Verdict.EITHER), ms


def _only(parent: Tree, key: str) -> Tree:
    """Return the one member of this name; None if there is none, or one too many."""
    if not isinstance(parent, Members) or parent.twice():
        return None
    return (parent.named(key) or [None])[0]


def symbol_of(seed: Seed, found: Tree) -> str | None:
    """Return the instrument that a row names, if it names one."""
    name = "contract_code" if seed.venue.name == "htx" else "symbol"
    value = _only(found, name)
    return value if isinstance(value, str) else None


def values(found: Tree) -> list[Tree]:
    """Return the values of a row."""
    return [value for _, value in found] if isinstance(found, Members) else []
