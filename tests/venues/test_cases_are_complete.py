"""Each venue has the cases that every venue must have, and each case says where it is from."""

from pathlib import Path

import pytest

from collector.venues import VENUES

CASES = Path(__file__).parent / "cases"
REQUIRED = (
    "normal",
    "zero",
    "missing",
    "null",
    "negative",
    "nan-string",
    "infinity-string",
    "wrong-type",
    "space",
    "underscore",
    "non-ascii-digits",
    "huge-exponent",
    "empty-list",
    "bad-row",
    "error",
    "timestamp",
    "duplicate",
    "name-outside-ascii",
    "listing-normal",
    "listing-one-bad-row",
)


@pytest.mark.parametrize("venue", VENUES)
@pytest.mark.parametrize("required", REQUIRED)
def test_every_venue_has_the_required_cases(venue: str, required: str) -> None:
    """A venue without such a case has not been looked at closely enough."""
    found = [folder.name for folder in (CASES / venue).iterdir() if required in folder.name]

    assert found != []


@pytest.mark.parametrize("venue", VENUES)
def test_every_case_has_its_source(venue: str) -> None:
    """SOURCE.md has a line for each folder, and for nothing else."""
    lines = (CASES / venue / "SOURCE.md").read_text(encoding="utf-8").splitlines()
    named = [line.split("`")[1] for line in lines if line.startswith("| `")]

    assert sorted(folder.name for folder in (CASES / venue).iterdir() if folder.is_dir()) == named
