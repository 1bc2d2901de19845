"""Files and variables made wrong in any way: settings, or one error, and never a secret."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz import configuration
from tests.fuzz.configuration import DSN, Case
from tests.fuzz.runs import configurations

_NAMES = st.sampled_from([
    "DATABASE__DSN", "DATABASE", "HTTP__PORT", "JOURNAL__MAX_BYTES", "VENUES__HTX__INCLUDE",
    "VENUES__BITGET__LIMIT_SHARE", "VENUES__HTX", "LOG__LEVEL", "", "__",
])  # fmt: skip
_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)


def test_fifteen_hundred_cases_of_the_long_run_hold() -> None:
    """The numbered cases that `make fuzz` runs many more of."""
    tally = configurations(1, range(1500))

    assert tally.violations == []
    assert tally.kinds["read"] > 100
    assert tally.kinds["refused"] > 500


@settings(max_examples=300, derandomize=True, deadline=None, database=None)
@given(name=_NAMES, before=_TEXT, after=_TEXT)
def test_a_variable_is_read_or_refused_and_its_password_never_shown(
    name: str, before: str, after: str
) -> None:
    """Whatever stands around the address of the database, and in whichever variable it is."""
    with configuration.Reader() as reader:
        kind, _ = reader.run(Case(None, {f"COLLECTOR__{name}": f"{before}{DSN}{after}"}))

    assert kind in {"read", "refused"}


@pytest.mark.parametrize(
    "text",
    [
        f"database: {{{DSN}}}",
        f"{DSN}: 1",
        f"database: {{dsn: !{DSN} x}}",
        f"database: {{dsn: *{DSN}}}",
        f"a: &{DSN} 1\nb: &{DSN} 2",
        f"a: !!bool {DSN}",
        f"a: !!int {DSN}",
        f"venues: {{bitget: {{product_types: ['{DSN}']}}}}",
        f"http: {{port: [1, [2, {{a: {DSN}}}]]}}",
        "l: &l [x,x,x,x,x,x,x,x]\n" + "".join(
            f"{name}: &{name} [*{inner},*{inner},*{inner},*{inner},*{inner},*{inner},*{inner}]\n"
            for inner, name in zip("labcdefgh", "abcdefghi", strict=True)
        ) + "http: [*i]",
    ],
)  # fmt: skip
def test_a_file_that_was_found_by_fuzzing_is_refused_in_order(text: str) -> None:
    """A secret as key, tag, anchor or alias, a library's own mishap, a value without end."""
    with configuration.Reader() as reader:
        assert reader.run(Case(text.encode()))[0] == "refused"


@pytest.mark.parametrize("value", ["[2001-99-99]", "[" * 400, "9" * 5000, "[!!int x]"])
def test_a_variable_that_is_no_yaml_is_a_text(value: str) -> None:
    """It is refused where a text is not permitted, with its own name, and nothing breaks."""
    with configuration.Reader() as reader:
        assert reader.run(Case(None, {"COLLECTOR__HTTP__PORT": value}))[0] == "refused"
