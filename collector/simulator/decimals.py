"""Exact decimal text from whole numbers of the instrument's smallest step."""

E18 = 10**18


def natural(units: int, digits: int) -> str:
    """Write `units` of 10**-digits without trailing zeros: 1505 with one digit is 150.5."""
    if digits == 0:
        return str(units)
    text = str(units).zfill(digits + 1)
    return f"{text[:-digits]}.{text[-digits:]}".rstrip("0").rstrip(".")


def fixed18(units: int) -> str:
    """Write `units` of 10**-18 with all 18 decimals, as HTX prints its numbers (facts 2.1)."""
    text = str(units).zfill(19)
    return f"{text[:-18]}.{text[-18:]}"
