"""JSON as the fuzzer sees it: every member in its place, twice if it was there twice.

It shares nothing with `collector.exactjson`, so that the same mistake is not made twice.
"""

import json
from typing import TypeAlias, cast


class Token(str):
    """A number exactly as it stands on the wire, or whatever a mutation puts in its place."""

    __slots__ = ()


class Members(list[tuple[str, "Tree"]]):
    """A JSON object: its members in order, none left out."""

    def named(self, name: str) -> list["Tree"]:
        """Return the values of all members of this name."""
        return [value for key, value in self if key == name]

    def twice(self) -> bool:
        """Tell whether a name occurs more than once."""
        return len({key for key, _ in self}) < len(self)


Tree: TypeAlias = Members | list["Tree"] | Token | str | bool | None

_DECODER = json.JSONDecoder(
    parse_float=Token, parse_int=Token, parse_constant=Token, object_pairs_hook=Members
)


def read(body: bytes) -> Tree:
    """Read a document.

    Raises:
        ValueError: it is none.
        RecursionError: it is nested beyond what Python reads.
    """
    found: Tree = _DECODER.decode(body.decode())
    return found


def write(tree: Tree, *, ascii_only: bool = True) -> bytes:
    """Write a document; tokens go out as they are, whether they are JSON or not."""
    pieces: list[str] = []
    left: list[Tree | _Piece] = [tree]
    while left:
        node = left.pop()
        if isinstance(node, _Piece | Token):
            pieces.append(node)
        elif isinstance(node, Members):
            left.append(_Piece("}"))
            for number, (key, value) in reversed(list(enumerate(node))):
                name = json.dumps(key, ensure_ascii=ascii_only)
                left += [value, _Piece(f"{', ' if number else ''}{name}: ")]
            left.append(_Piece("{"))
        elif isinstance(node, list):
            left.append(_Piece("]"))
            items = cast("list[Tree]", node)
            for number, item in reversed(list(enumerate(items))):
                left += [item, _Piece(", " if number else "")]
            left.append(_Piece("["))
        else:
            pieces.append(json.dumps(node, ensure_ascii=ascii_only))
    return "".join(pieces).encode("utf-8", "surrogatepass")


class _Piece(str):
    """Text that goes out as it is."""

    __slots__ = ()


def copied(tree: Tree) -> Tree:
    """Return a copy that can be changed."""
    if isinstance(tree, Members):
        return Members((key, copied(value)) for key, value in tree)
    if isinstance(tree, list):
        items = cast("list[Tree]", tree)
        return [copied(value) for value in items]
    return tree
