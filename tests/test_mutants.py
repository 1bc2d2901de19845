"""The mistakes that `make mutations` makes can still be made: nobody runs it every day."""

import pytest
from mutants import Mutant
from mutations import ALL, ROOT, count


@pytest.mark.parametrize("mutant", ALL, ids=lambda each: each.name)
def test_its_text_is_there_once_and_so_are_its_tests(mutant: Mutant) -> None:
    """Code moves, and a mistake that changes nothing proves nothing."""
    assert count(ROOT, mutant) == 1
    assert [name for name in mutant.tests if not (ROOT / name.partition("::")[0]).exists()] == []


def test_the_document_counts_them() -> None:
    """And says that all are noticed, which only `make mutations` can show."""
    page = (ROOT / "docs/reliability.md").read_text(encoding="utf-8")
    assert f": {len(ALL)} in all" in page
