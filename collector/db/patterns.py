"""Patterns for symbols, as `include` and `exclude` have them, for the database to compare with."""

from collections.abc import Sequence


def expression(patterns: Sequence[str]) -> str | None:
    """Return a regular expression of PostgreSQL for patterns as in include and exclude.

    None if there are no patterns, and then every symbol is meant.
    """
    if not patterns:
        return None
    return f"^(?:{'|'.join(_translated(pattern) for pattern in patterns)})$"


def _translated(pattern: str) -> str:
    """Translate `*`, `?` and `[abc]`, which mean what they mean to `fnmatchcase`."""
    out: list[str] = []
    at = 0
    while at < len(pattern):
        sign = pattern[at]
        at += 1
        closed = pattern.find("]", at + (2 if pattern[at : at + 1] == "!" else 1))
        if sign == "*":
            out.append(".*")
        elif sign == "?":
            out.append(".")
        elif sign == "[" and closed >= 0:
            out.append(_class(pattern[at:closed]))
            at = closed + 1
        else:
            out.append(_quoted(sign))
    return "".join(out)


def _class(inside: str) -> str:
    """Return a bracket expression; a range that is the wrong way round holds nothing."""
    negated, members = inside.startswith("!"), inside.removeprefix("!")
    parts: list[str] = []
    at = 0
    while at < len(members):
        if members[at + 1 : at + 2] == "-" and at + 2 < len(members):
            first, last = members[at], members[at + 2]
            if first <= last:
                parts.append(f"{_quoted(first)}-{_quoted(last)}")
            at += 3
        else:
            parts.append(_quoted(members[at]))
            at += 1
    if not parts:
        return "." if negated else "(?!)"
    return f"[{'^' if negated else ''}{''.join(parts)}]"


def _quoted(sign: str) -> str:
    return sign if sign.isalnum() or sign == "_" else f"\\{sign}"
