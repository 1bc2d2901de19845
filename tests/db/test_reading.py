"""How a long export is divided, and what a pattern means to the database."""

import random
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.db import Connection
from collector.db.patterns import expression
from collector.db.reading import EVER, sliced

MOMENTS = st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
WIDTHS = st.timedeltas(timedelta(hours=300), timedelta(days=366))


@given(
    start=st.one_of(st.just(EVER[0]), MOMENTS),
    end=st.one_of(st.just(EVER[1]), MOMENTS),
    polled=st.one_of(st.just((None, None)), st.tuples(MOMENTS, MOMENTS).map(sorted).map(tuple)),
    width=WIDTHS,
)
def test_slices_cover_the_time_once(
    start: datetime,
    end: datetime,
    polled: tuple[datetime | None, datetime | None],
    width: timedelta,
) -> None:
    """From the first moment to the last, each beginning where the one before ends."""
    if start >= end:
        return
    slices = sliced(start, end, polled, width)

    assert slices[0][0] == start
    assert slices[-1][1] == end
    assert all(before[1] == after[0] for before, after in pairwise(slices))
    assert all(first < last for first, last in slices)


def test_slices_are_as_narrow_as_asked_where_there_were_polls() -> None:
    """Before the first poll and after the last there is next to nothing to read."""
    first, last = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 11, tzinfo=UTC)
    slices = sliced(*EVER, (first, last), timedelta(days=3))

    assert slices[0] == (EVER[0], first)
    assert slices[-1] == (last, EVER[1])
    assert [end - start for start, end in slices[1:-1]] == [*[timedelta(days=3)] * 3, timedelta(1)]


@pytest.mark.db
async def test_a_pattern_means_to_the_database_what_it_means_in_include(sql: Connection) -> None:
    """Two thousand of them, with all that is special in a pattern or in a regular expression."""
    chance = random.Random(8)
    signs = "ABab-.*?[]!^$\\|(){}+_1"
    texts = ["".join(chance.choices("ABab-.^$\\|]1", k=chance.randint(0, 3))) for _ in range(60)]
    for _ in range(2000):
        pattern = "".join(chance.choices(signs, k=chance.randint(1, 6)))
        matching = await sql.fetch(
            "SELECT t FROM unnest($1::text[]) AS t WHERE t ~ $2", texts, expression([pattern])
        )
        wanted = [text for text in texts if fnmatchcase(text, pattern)]
        assert [text for (text,) in matching] == wanted, pattern


def test_no_pattern_is_every_symbol() -> None:
    """Those without one too, in rejects."""
    assert expression([]) is None
