"""Replies made wrong: in their structure, in their values, and byte by byte; all from one seed."""

from collections.abc import Callable, Iterator
from random import Random

from tests.fuzz.tree import Members, Token, Tree, copied

_DAY = 86_400_000
_NUMBERS = (
    "0", "-0", "0.0", "-1", "1", "1.5", "1e5", "1E+30", "1e-30", "0E-18", "0e0", "1e39", "1e40",
    "1e60", "1e-60", "1e-61", "1e999", "1e-999", "1e9999", "1e999999999", "1.10", "4.35", "0.1",
    "123456789012345678901234567890.123456789012345678", "9" * 40, "9" * 41, "9" * 500,
    "0." + "9" * 60, "0." + "9" * 61, "9007199254740993", "0.1000000000000000055511151231257827",
    "NaN", "Infinity", "-Infinity", "18446744073709551616", "0.30000000000000004", "1E-18",
)  # fmt: skip
_NO_NUMBERS = ("00", "01", "1.", ".5", "+1", "1_000", "0x10", "1 ", "1,5", "1e", "1e+", "--1",
               "1.2.3", "1e5.5", "nan", "True", "'1'", "٣", "１")  # fmt: skip
_STRINGS = (
    "", " ", "\t", "\n", "\r", "\0", "\\", "\\N", "\\.", "\\t", "a\tb", "a\nb", "a\\", "a b",
    "\ud800", "x\udfff", "\ud83d\ude00", "龙虾USDT", "BTC\u200bUSDT", "BTC\u00a0USDT", "\u202eTDSU",
    "e\u0301", "x" * 64, "x" * 65, "x" * 5000, "'; DROP TABLE open_interest; --", "%s", "{}", "$1",
    "nan", "NaN", "inf", "Infinity", "-Infinity", "sNaN", "١٢٣", "１２３", "1٫5", "1\u20605",
    " 1", "1 ", "1\n", "+1", "1_0", "1e400", "0x1p3", "½", "²", "null", "true", "00000", "error",
    "ok", "429", "1013", "BTC-USDT", "BTCUSDT", "-", "BTC-", "-USDT", "\ufeff1", "1\u0000", "@",
)  # fmt: skip
_NAMES = ("ts", "data", "symbol", "size", "amount", "status", "code", "response", "", "\ud800", "x")
_PIECES = (
    b'"', b"\\", b"{", b"}", b"[", b"]", b",", b":", b"null", b"NaN", b"-", b"e999", b".", b"0",
    b"\\u0000", b"\\ud800", b"\\udc00", b"\xff", b"\x00", b"\xed\xa0\x80", b"\xf0\x9f\x98\x80",
    b"\xef\xbb\xbf", b"\n", b'""', b'"a":1,', b"1e5", b"99999999999999999999", b"\xc0\x80",
)  # fmt: skip

_Place = tuple[list[Tree] | Members, int]


def structurally(tree: Tree, rng: Random, now_ms: int) -> Tree:
    """Return the document with one to four members or rows made wrong."""
    root: list[Tree] = [copied(tree)]
    for _ in range(rng.choice((1, 1, 1, 2, 2, 3, 4))):
        if root:
            _once(root, rng, now_ms)
    return root[0] if root else None


def bytewise(body: bytes, rng: Random) -> bytes:
    """Return the bytes with one to eight places flipped, cut, overwritten, repeated or added to."""
    found = bytearray(body)
    for _ in range(rng.choice((1, 1, 2, 3, 5, 8))):
        at = rng.randrange(len(found) + 1)
        end = min(len(found), at + rng.choice((1, 1, 2, 4, 16, 64)))
        match rng.randrange(6):
            case 0 if at < len(found):
                found[at] ^= 1 << rng.randrange(8)
            case 1 if at < len(found):
                found[at] = rng.randrange(256)
            case 2:
                del found[at:end]
            case 3 if rng.random() < 0.2:
                del found[at:]
            case 4:
                found[at:at] = found[at:end]
            case _:
                found[at:at] = rng.choice(_PIECES)
    return bytes(found)


def heavily(tree: Tree, rng: Random, now_ms: int) -> Tree:
    """Return the document with something in it that is deep, long or many."""
    root: list[Tree] = [copied(tree)]
    where, at = _place(root, rng)
    match rng.randrange(5):
        case 0:
            put(where, at, _nested(rng.choice((10, 100, 400, 900, 1100, 20_000)), rng))
        case 1:
            put(where, at, Token("9" * rng.choice((100, 4301, 50_000))))
        case 2:
            put(where, at, rng.choice("x9\ud800\0é") * rng.choice((100, 65_537)))
        case 3:
            size = rng.choice((10, 300, 3000))
            put(where, at, [copied(_value(where, at)) for _ in range(size)])
        case _:
            names = rng.choice((10, 1000))
            put(where, at, Members((f"m{number}", None) for number in range(names)))
    return structurally(root[0], rng, now_ms) if rng.random() < 0.3 else root[0]


def hostile(rng: Random, now_ms: int) -> Tree:
    """Return a value that may be wrong in any place."""
    made: Tree
    match rng.randrange(9):
        case 0 | 1:
            wild = rng.random() < 0.05
            made = Token(rng.choice(_NO_NUMBERS if wild else _NUMBERS))
        case 2:
            made = rng.choice((*_NUMBERS, *_NO_NUMBERS))
        case 3 | 4:
            made = rng.choice(_STRINGS)
        case 5:
            near = now_ms + rng.choice((0, -30 * _DAY, _DAY, -3_600_000)) + rng.randint(-2, 2)
            far = rng.choice((near, near // 1000, near * 1000, 10**16, 10**17 - 1, 253402300800000))
            made = Token(far) if rng.random() < 0.5 else str(far)
        case 6:
            made = Token(f"{rng.randrange(10**9)}.{rng.randrange(10**12)}")
        case 7:
            made = rng.choice((None, True, False))
        case _:
            empty: tuple[Tree, ...] = ([], Members(), [[]], [None], Members([("symbol", "A")]))
            made = copied(rng.choice(empty))
    return made


def _once(root: list[Tree], rng: Random, now_ms: int) -> None:
    where, at = _place(root, rng)
    change: Callable[[list[Tree] | Members, int, Random, int], None] = rng.choice(_CHANGES)
    change(where, at, rng, now_ms)


def _place(root: list[Tree], rng: Random) -> _Place:
    """Return a place in the document: any depth is as likely as it is deep."""
    where: list[Tree] | Members = root
    at = 0
    while True:
        below = _value(where, at)
        if not isinstance(below, list) or not below or rng.random() < 0.12:
            return where, at
        where, at = below, rng.randrange(len(below))


def _value(where: list[Tree] | Members, at: int) -> Tree:
    if isinstance(where, Members):
        return where[at][1]
    return where[at]


def places(where: list[Tree] | Members) -> Iterator[_Place]:
    """Yield every place in a document, those inside others included."""
    for at in range(len(where)):
        yield where, at
        below = _value(where, at)
        if isinstance(below, list):
            yield from places(below)


def put(where: list[Tree] | Members, at: int, value: Tree) -> None:
    """Put a value into a place; a member keeps its name."""
    if isinstance(where, Members):
        where[at] = (where[at][0], value)
    else:
        where[at] = value


def _nested(depth: int, rng: Random) -> Tree:
    opening, closing = rng.choice((("[", "]"), ('{"a":', "}")))
    return Token(opening * depth + "0" + closing * depth)


def _drop(where: list[Tree] | Members, at: int, rng: Random, now_ms: int) -> None:
    del where[at]


def _duplicate(where: list[Tree] | Members, at: int, rng: Random, now_ms: int) -> None:
    value = copied(_value(where, at)) if rng.random() < 0.6 else hostile(rng, now_ms)
    if isinstance(where, Members):
        where.insert(rng.randrange(len(where) + 1), (where[at][0], value))
    else:
        where.insert(rng.randrange(len(where) + 1), value)


def _replace(where: list[Tree] | Members, at: int, rng: Random, now_ms: int) -> None:
    put(where, at, hostile(rng, now_ms))


def _retype(where: list[Tree] | Members, at: int, rng: Random, now_ms: int) -> None:
    value = _value(where, at)
    if isinstance(value, Token):
        put(where, at, str(value))
    elif isinstance(value, str):
        put(where, at, Token(value) if value[:1].isdigit() else [value])
    else:
        put(where, at, [value] if rng.random() < 0.5 else Members([("0", value)]))


def _digits(where: list[Tree] | Members, at: int, rng: Random, now_ms: int) -> None:
    """Change a number a little, so that it stays one or only just does not."""
    value = _value(where, at)
    if isinstance(value, str) and value:
        here = rng.randrange(len(value) + 1)
        piece = rng.choice(("0", "9", ".", "e", "E-", "-", "+", " ", "5" * 25, "_", "٣"))
        changed = value[:here] + piece + value[here + rng.randrange(2) :]
        put(where, at, Token(changed) if isinstance(value, Token) else changed)


def _rename(where: list[Tree] | Members, at: int, rng: Random, now_ms: int) -> None:
    if isinstance(where, Members):
        name = where[at][0]
        other = rng.choice((name.upper(), name + " ", name[:-1], *_NAMES))
        where[at] = (other, where[at][1])


def _swap(where: list[Tree] | Members, at: int, rng: Random, now_ms: int) -> None:
    other = rng.randrange(len(where))
    mine, others = _value(where, at), _value(where, other)
    put(where, at, others)
    put(where, other, mine)


def _add(where: list[Tree] | Members, at: int, rng: Random, now_ms: int) -> None:
    if isinstance(where, Members):
        where.insert(at, (rng.choice(_NAMES), hostile(rng, now_ms)))
    else:
        where.insert(at, hostile(rng, now_ms))


_CHANGES = (_drop, _duplicate, _replace, _replace, _replace, _retype, _digits, _digits, _rename,
            _swap, _add)  # fmt: skip
