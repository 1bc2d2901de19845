"""Faults in the rows of a reply: a bad row among good ones, a repeated one, a wrong name."""

import random
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from collector.simulator.board import Hit
from collector.simulator.faults import MALFORMATIONS
from collector.simulator.market import Market
from collector.simulator.replies import Row, quoted

NOBODY = "NOSUCH-USDT"

# Seconds, microseconds, nanoseconds, the year 10000, more than 64 bits, before the epoch.
ABSURD_MS = (1_760_000_000, 1_760_000_000_000_000, 10**18, 253_402_300_800_000, 2**64, -1)

# What stands on the wire in the place of an amount; none of these is a plain ASCII decimal number.
LITERALS: Mapping[str, Callable[[str], str]] = {
    "null": lambda _: "null",
    "negative": lambda amount: f'"-1{amount}"',
    "nan": lambda _: '"NaN"',
    "infinity": lambda _: '"Infinity"',
    "boolean": lambda _: "true",
    "wrong-type": lambda amount: f'[{{"value":"{amount}"}}]',
    "spaces": lambda amount: f'" {amount} "',
    "underscore": lambda amount: f'"1_{amount}"',
    "non-ascii": lambda _: '"١٢٣٤"',
    "exponent": lambda _: '"1E+999999"',
    "bare-nan": lambda _: "NaN",
}
# A bare NaN is no JSON, so it takes its neighbours with it; only who asks for it gets it.
BY_REQUEST = ("bare-nan",)


@dataclass(frozen=True, slots=True)
class Anatomy:
    """The fields of a venue's rows; `strings` says whether its amounts are JSON strings.

    `legs` are the long and short amounts, of which the first amount is the sum.
    """

    symbol: str
    amounts: tuple[str, ...]
    timestamp: bool
    strings: bool
    legs: tuple[str, ...] = ()


def spoil(
    rows: Sequence[Row], hits: Sequence[Hit], anatomy: Anatomy, market: Market
) -> Sequence[Row]:
    """Apply the row faults that hit this request; without one the rows are as they were."""
    for hit in hits:
        if hit.stage != "row" or not rows:
            continue
        rows = list(rows)
        place = hit.rng.randrange(len(rows))
        row = rows[place]
        if hit.kind == "duplicate-row":
            rows.insert(place + 1, replace(row, fault=hit.kind))
        elif hit.kind == "wrong-symbol":
            rows[place] = _renamed(row, anatomy, _stranger(rows, market, hit.rng))
        elif hit.kind == "malformed-row":
            rows[place] = _malformed(row, anatomy, hit)
        elif hit.kind == "silent-zero" and anatomy.legs:
            rows[place] = _silently_zero(row, anatomy, hit.rng)
    return rows


def _stranger(rows: Sequence[Row], market: Market, rng: random.Random) -> str:
    # In a list another listed symbol would be a duplicate, which is a fault of its own.
    others = [symbol for symbol in market.listed if symbol != rows[0].symbol]
    return rng.choice(others) if len(rows) == 1 and others else NOBODY


def _renamed(row: Row, anatomy: Anatomy, symbol: str) -> Row:
    text = _substitute(row.text, anatomy.symbol, quoted(symbol))
    return replace(row, symbol=symbol, text=text, fault="wrong-symbol")


def _silently_zero(row: Row, anatomy: Anatomy, rng: random.Random) -> Row:
    """Let one leg read 0, as Synthetix does with a quantity it cannot parse (facts 3.1)."""
    zeroed, kept = rng.sample(anatomy.legs, 2)
    amounts = row.amounts | {zeroed: "0", anatomy.amounts[0]: row.amounts[kept]}
    text = row.text
    for name, amount in amounts.items():
        text = _substitute(text, name, quoted(amount))
    return replace(row, amounts=amounts, text=text, fault="silent-zero")


def _malformed(row: Row, anatomy: Anatomy, hit: Hit) -> Row:
    if hit.param is None:
        left_out = {*BY_REQUEST} if anatomy.timestamp else {*BY_REQUEST, "timestamp"}
        sort = hit.rng.choice([each for each in MALFORMATIONS if each not in left_out])
    else:
        sort = str(hit.param)
    fault = f"{hit.kind}:{sort}"
    if sort == "timestamp":
        if not anatomy.timestamp:
            return row
        absurd = hit.rng.choice(ABSURD_MS)
        literal = f'"{absurd}"' if '"ts"' in row.text else str(absurd)
        text = _substitute(_substitute(row.text, "ts", literal), "timestamp", literal)
        return replace(row, exchange_ms=absurd, text=text, fault=fault)
    amounts = dict(row.amounts)
    if sort == "missing":
        name = hit.rng.choice((anatomy.symbol, *anatomy.amounts))
        amounts.pop(name, None)
        return replace(row, amounts=amounts, text=_without(row.text, name), fault=fault)
    name = hit.rng.choice(anatomy.amounts)
    literal = LITERALS[sort](row.amounts[name])
    if not anatomy.strings and sort in {"negative", "exponent"}:
        literal = literal.strip('"')
    amounts[name] = literal
    return replace(row, amounts=amounts, text=_substitute(row.text, name, literal), fault=fault)


def _field(name: str) -> str:
    return rf'"{name}":("[^"]*"|[^,}}\]]*)'


def _substitute(text: str, name: str, literal: str) -> str:
    return re.sub(_field(name), lambda _: f'"{name}":{literal}', text, count=1)


def _without(text: str, name: str) -> str:
    cut = re.sub(_field(name) + ",?", "", text, count=1)
    return cut.replace(",}", "}")
