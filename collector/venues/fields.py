"""Strict reads from untrusted JSON: the documented type, or a `ShapeError` that names the path."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TypeGuard

from msgspec.structs import astuple

from collector import exactjson
from collector.exactjson import Number, Repeated
from collector.models import DecimalText, Instrument, Listing, Parsed, Reject, Snapshot

OLDEST = timedelta(days=30)
NEWEST = timedelta(days=1)
"""How far a venue's timestamp may lie before or after our own clock.

Wide enough for a clock that is hours off, which is the venue's truth and is stored as given; narrow
enough that a frozen or absurd clock cannot scatter rows over chunks of other years.
"""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DECIMAL = re.compile(r"(0|[1-9][0-9]*)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]{1,3}))?", re.ASCII)
_INTEGER = re.compile(r"[0-9]{1,17}", re.ASCII)
_IDENTIFIER_MAX = 64
_INTEGER_DIGITS_MAX = 40
_FRACTION_DIGITS_MAX = 60
_ROWS_MAX = 10_000
_FRAGMENT_MAX = 2000
_SAID_MAX = 200
_SHOWN_MAX = 40


class ShapeError(Exception):
    """A reply, or a row of one, is not what the venue's document describes."""

    def __init__(self, path: str, problem: str) -> None:
        self.path = path
        self.problem = problem
        super().__init__(f"{path}: {problem}" if path else problem)


def member(parent: object, key: str) -> object:
    """Return a member that must be there; null is returned as None."""
    if not isinstance(parent, dict):
        raise ShapeError(key, f"expected inside an object, found {_shown(parent)}")
    if isinstance(parent, Repeated):
        raise ShapeError(key, "the object names a member twice")
    if key not in parent:
        raise ShapeError(key, "missing")
    value: object = parent[key]
    return value


def optional(parent: object, key: str) -> object:
    """Return a member, or None if it is absent or null."""
    return parent.get(key) if isinstance(parent, dict) else None


def rows(parent: object, key: str) -> list[object]:
    """Return a list of rows."""
    value = member(parent, key)
    if not isinstance(value, list):
        raise ShapeError(key, f"expected a list, found {_shown(value)}")
    if len(value) > _ROWS_MAX:  # ten times what any venue lists; they would hold up the others
        raise ShapeError(key, f"{len(value)} rows, more than {_ROWS_MAX}")
    return value


def text(parent: object, key: str) -> str:
    """Return a string that is not empty."""
    value = member(parent, key)
    if not isinstance(value, str) or isinstance(value, Number):
        raise ShapeError(key, f"expected a string, found {_shown(value)}")
    if not value:
        raise ShapeError(key, "empty")
    return value


def identifier(parent: object, key: str) -> str:
    """Return the id of an instrument or an asset: printable, without blanks, of any alphabet."""
    value = text(parent, key)
    if not is_identifier(value):
        raise ShapeError(key, f"not an id: {_shown(value)}")
    return value


def is_identifier(value: object) -> TypeGuard[str]:
    """Tell whether a value can be such an id."""
    return (
        isinstance(value, str)
        and not isinstance(value, Number)
        and 0 < len(value) <= _IDENTIFIER_MAX
        and value.isprintable()
        and not any(map(str.isspace, value))
    )


def said(parent: object, key: str) -> str:
    """Return what a venue says about an error, of whatever type it is."""
    value = optional(parent, key)
    return readable(str(value) if value is None or isinstance(value, str) else fragment(value))


def readable(words: str) -> str:
    """Return words of a venue that can be logged and stored: short, printable, valid Unicode."""
    short = words[:_SAID_MAX]
    return short if short.isprintable() else repr(short)[1:-1]


def amount(parent: object, key: str) -> DecimalText:
    """Return a non-negative decimal that is documented as a JSON string."""
    return _amount(key, text(parent, key))


def number_amount(parent: object, key: str) -> DecimalText:
    """Return a non-negative decimal that is documented as a bare JSON number."""
    value = member(parent, key)
    if not isinstance(value, Number):
        raise ShapeError(key, f"expected a number, found {_shown(value)}")
    return _amount(key, value)


def integer(parent: object, key: str) -> int:
    """Return a non-negative integer that is documented as a bare JSON number."""
    value = member(parent, key)
    if not isinstance(value, Number) or not _INTEGER.fullmatch(value):
        raise ShapeError(key, f"expected a whole number, found {_shown(value)}")
    return int(value)


def epoch_ms(parent: object, key: str, received_at: datetime) -> datetime:
    """Return a plausible time that is documented as a number of milliseconds."""
    return _plausible(key, integer(parent, key), received_at)


def epoch_ms_text(parent: object, key: str, received_at: datetime) -> datetime:
    """Return a plausible time that is documented as a string of milliseconds."""
    value = text(parent, key)
    if not _INTEGER.fullmatch(value):
        raise ShapeError(key, f"expected milliseconds, found {_shown(value)}")
    return _plausible(key, int(value), received_at)


def expiry(parent: object, key: str) -> datetime | None:
    """Return a delivery time in text milliseconds; None where a perpetual has "", "0" or null.

    One that is beyond the calendar is None as well: it is no reason to lose the instrument.
    """
    value = optional(parent, key)
    if not isinstance(value, str) or not _INTEGER.fullmatch(value) or int(value) == 0:
        return None
    try:
        return _moment(int(value))
    except OverflowError:
        return None


def reject(problem: ShapeError, row: object, name: object = None) -> Reject:
    """Set a row aside, with its reason and its raw text."""
    readable = isinstance(name, str) and not isinstance(name, Number) and name.isprintable()
    known = str(name)[:_IDENTIFIER_MAX] if readable else None
    return Reject(reason=str(problem), raw=fragment(row), symbol=known)


def fragment(value: object) -> str:
    """Return a decoded value as JSON text of bounded length."""
    return exactjson.encode(value, _FRAGMENT_MAX)


def read_rows(found: list[object], key: str, read: Callable[[object], Snapshot]) -> Parsed:
    """Read each row on its own, so that a bad one costs nothing but itself.

    Args:
        found: the rows of one reply.
        key: the member of a row that names its instrument.
        read: turns a row into a snapshot, or raises `ShapeError`.
    """
    good: dict[str, list[tuple[Snapshot, object]]] = {}
    rejects: list[Reject] = []
    for row in found:
        try:
            snapshot = read(row)
        except ShapeError as problem:
            rejects.append(reject(problem, row, optional(row, key)))
        else:
            good.setdefault(snapshot.symbol, []).append((snapshot, row))
    snapshots: list[Snapshot] = []
    for name, twins in good.items():
        if all(_agree(snapshot, twins[0][0]) for snapshot, _ in twins):
            snapshots.extend(snapshot for snapshot, _ in twins)
            continue
        contradiction = ShapeError(key, "in the reply more than once, with different values")
        rejects.extend(reject(contradiction, row, name) for _, row in twins)
    return Parsed(snapshots, rejects)


def read_instruments(
    found: list[object], key: str, read: Callable[[object], Instrument]
) -> Listing:
    """Read each row of a venue's list of instruments on its own; the first of two twins counts."""
    instruments: dict[str, Instrument] = {}
    rejects: list[Reject] = []
    for row in found:
        try:
            instrument = read(row)
        except ShapeError as problem:
            rejects.append(reject(problem, row, optional(row, key)))
        else:
            instruments.setdefault(instrument.symbol, instrument)
    return Listing(list(instruments.values()), rejects)


def _agree(one: Snapshot, other: Snapshot) -> bool:
    """Tell whether two rows of an instrument say the same; `1.0` and `1.00` do."""
    return one == other or _figures(one) == _figures(other)


def _figures(snapshot: Snapshot) -> tuple[object, ...]:
    _, moment, *amounts = astuple(snapshot)
    return (moment, *(None if each is None else Decimal(each) for each in amounts))


def _moment(milliseconds: int) -> datetime:
    """Turn milliseconds since 1970 into a time by integer arithmetic alone."""
    return _EPOCH + timedelta(milliseconds=milliseconds)


def _plausible(key: str, milliseconds: int, received_at: datetime) -> datetime:
    """Refuse a time that no working clock of a venue would give."""
    try:
        moment = _moment(milliseconds)
    except OverflowError:
        raise ShapeError(key, f"no such time: {milliseconds} ms") from None
    if not received_at - OLDEST <= moment <= received_at + NEWEST:
        raise ShapeError(key, f"implausible time {moment.isoformat()}")
    return moment


def _amount(key: str, value: str) -> DecimalText:
    match = _DECIMAL.fullmatch(value)
    if match is None:
        problem = "negative" if value.startswith("-") and _DECIMAL.fullmatch(value[1:]) else None
        raise ShapeError(key, problem or f"not a plain decimal number: {_shown(value)}")
    whole, fraction, exponent = match.groups()
    shift = int(exponent or 0)
    if (
        len(whole) + shift > _INTEGER_DIGITS_MAX
        or len(whole) > _INTEGER_DIGITS_MAX
        or len(fraction or "") - shift > _FRACTION_DIGITS_MAX
    ):
        raise ShapeError(key, f"too many digits: {_shown(value)}")
    return DecimalText(str(value) if exponent is None else format(Decimal(value), "f"))


def _shown(value: object) -> str:
    shown = exactjson.encode(value, _SHOWN_MAX + 1)
    return shown if len(shown) <= _SHOWN_MAX else shown[:_SHOWN_MAX] + "…"
