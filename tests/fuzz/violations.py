"""What the fuzzer looks for."""


class Violation(Exception):  # noqa: N818 - it is what was found, not what went wrong
    """Something that may never happen has happened."""


def must(holds: object, what: str, *shown: object) -> None:
    """Raise a `Violation` unless something holds."""
    if not holds:
        raise Violation(": ".join([what, *(repr(each)[:300] for each in shown)]))
