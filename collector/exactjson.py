"""JSON without rounding: a number keeps the digits that were on the wire.

The standard library's decoder is used because it can hand over every number as text. Faster ones
fail the whole document on a number of 5,000 digits or a lone surrogate, and so would lose good rows
beside a bad one.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass


class Number(str):
    """A JSON number exactly as written, `NaN` and `Infinity` included (they are not JSON)."""

    __slots__ = ()


class Repeated(dict[str, object]):
    """A JSON object in which a name occurs twice: nobody can say which value was meant."""


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    return members if len(members) == len(pairs) else Repeated(members)


_decoder = json.JSONDecoder(
    parse_float=Number, parse_int=Number, parse_constant=Number, object_pairs_hook=_object
)


def decode(body: bytes) -> object:
    """Return the document as dict, list, str, `Number`, bool and None.

    Raises:
        ValueError: it is not JSON, not UTF-8, or nested beyond any documented reply.
    """
    try:
        value: object = _decoder.decode(body.decode())
    except RecursionError:
        raise ValueError("nested too deeply") from None
    return value


def encode(value: object, most: int) -> str:
    """Return the first `most` characters of a decoded value as ASCII JSON.

    Numbers are as they were written. What comes after the cut costs nothing, however much it is.
    """
    pieces: list[str] = []
    length = 0
    waiting = [_pieces(value, most)]
    while waiting and length < most:
        piece = next(waiting[-1], None)
        if piece is None:
            waiting.pop()
        elif isinstance(piece, str):
            pieces.append(piece)
            length += len(piece)
        else:
            waiting.append(_pieces(piece.value, most))
    return "".join(pieces)[:most]


@dataclass(frozen=True)
class _Inner:
    """A value inside another; a deep one takes no stack."""

    value: object


def _pieces(value: object, most: int) -> Iterator[str | _Inner]:
    match value:
        case Number():
            yield value[:most]
        case str():
            yield json.dumps(value[:most])
        case dict():
            for number, (name, item) in enumerate(value.items()):
                yield f"{', ' if number else '{'}{json.dumps(name[:most])}: "
                yield _Inner(item)
            yield "}" if value else "{}"
        case list():
            for number, item in enumerate(value):
                yield ", " if number else "["
                yield _Inner(item)
            yield "]" if value else "[]"
        case _:
            yield json.dumps(value)
