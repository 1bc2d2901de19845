"""JSON keeps its digits on the way in and out, and says no to what is none."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.exactjson import Number, Repeated, decode, encode

documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@pytest.mark.parametrize(
    "text",
    ["0", "-0", "1.10", "7192610.000000000000000000", "0E-18", "1e999999999", "9" * 5000, "-1.5"],
)
def test_a_number_keeps_its_digits(text: str) -> None:
    """Trailing zeros, exponents and any length."""
    assert decode(text.encode()) == text
    assert isinstance(decode(text.encode()), Number)


def test_what_is_no_json_but_looks_like_a_number_does_not_cost_the_rest() -> None:
    """NaN and Infinity are kept as they stand, for the parser to refuse where they stand."""
    assert decode(b'{"good": 1, "bad": NaN, "worse": -Infinity}') == {
        "good": "1",
        "bad": "NaN",
        "worse": "-Infinity",
    }


def test_a_text_is_no_number() -> None:
    """The two are told apart, although both are made of characters."""
    assert not isinstance(decode(b'"1.5"'), Number)


def test_a_name_that_occurs_twice_is_noticed() -> None:
    """Which of the values was meant, nobody can say."""
    assert isinstance(decode(b'{"size": "1", "size": "2"}'), Repeated)
    assert not isinstance(decode(b'{"size": "1", "other": "2"}'), Repeated)


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"{", b"[1,]", b"01", b"\xff", b"{'a': 1}", b"[" * 100_000]
)
def test_anything_else_is_an_error_of_one_kind(body: bytes) -> None:
    """However it is broken, and however deep it is nested."""
    with pytest.raises(ValueError):  # noqa: PT011 - the kind is what matters
        decode(body)


@given(documents)
def test_what_is_decoded_can_be_written_again(document: object) -> None:
    """The raw text of a reject says what the venue said."""
    again = encode(decode(json.dumps(document).encode()), 10**9)

    assert json.loads(again) == document
    assert again.isascii()


@given(documents, st.integers(1, 100))
def test_a_document_that_is_cut_is_the_beginning_of_the_whole(document: object, most: int) -> None:
    """What is kept of a reject is its first characters, found without writing out the rest."""
    decoded = decode(json.dumps(document).encode())

    assert encode(decoded, 10**9)[:most] == encode(decoded, most)


def test_a_deep_value_can_be_written() -> None:
    """What could be read can be shown, from any depth of the stack."""
    nested: object = "x"
    for _ in range(100_000):
        nested = [nested]

    assert encode(nested, 50) == "[" * 50
