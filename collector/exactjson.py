"""JSON without rounding: a number keeps the digits that were on the wire.

The standard library's decoder is used because it can hand over every number as text. Faster ones
fail the whole document on a number of 5,000 digits or a lone surrogate, and so would lose good rows
beside a bad one.
"""

import json


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


def encode(value: object) -> str:
    """Return a decoded value as ASCII JSON again, numbers as they were written."""
    match value:
        case Number():
            return str(value)
        case dict():
            members = (f"{encode(str(name))}: {encode(item)}" for name, item in value.items())
            return "{" + ", ".join(members) + "}"
        case list():
            return "[" + ", ".join(map(encode, value)) + "]"
        case _:
            return json.dumps(value)
