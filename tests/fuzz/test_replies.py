"""Replies made wrong in any way: nothing breaks, and nothing wrong is stored."""

import json
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collector import exactjson
from collector.venues import VENUES
from collector.venues.fields import ShapeError
from collector.venues.spec import Reply
from tests.fuzz import cases, mutate
from tests.fuzz.cases import Case
from tests.fuzz.invariants import Kind
from tests.fuzz.runs import replies, starts
from tests.fuzz.tree import Token, read, write

_NUMBERS = st.sampled_from(["0", "-0", "1e40", "1E-61", "NaN", "Infinity", "9" * 41, "0E-18"])
_HOSTILE = st.one_of(
    st.none(),
    st.booleans(),
    st.text(max_size=70),
    st.from_regex(r"[+-]?[0-9]{0,45}\.?[0-9]{0,65}([eE][+-]?[0-9]{1,4})?", fullmatch=True),
    st.builds(Token, _NUMBERS),
    st.builds(Token, st.integers(-(10**18), 10**18)),
    st.floats().map(lambda number: Token(json.dumps(number))),
)


def test_three_thousand_cases_of_the_long_run_hold() -> None:
    """The numbered cases that `make fuzz` runs a million of."""
    tally = replies(1, range(3000))

    assert tally.violations == []
    assert set(tally.kinds) == set(Kind)
    assert tally.accepted > 500
    assert tally.rejected > 500


@pytest.mark.parametrize("venue", VENUES)
@settings(max_examples=150, derandomize=True, deadline=None, database=None)
@given(data=st.data())
def test_any_value_in_any_place_of_a_reply_is_survived(venue: str, data: st.DataObject) -> None:
    """Hypothesis chooses the reply, the place and the value, and finds the smallest that fails."""
    among = [each for each in starts() if each.seed.venue.name == venue and each.rows]
    start = data.draw(st.sampled_from(among), label="reply")
    tree = read(start.seed.body)
    where, at = data.draw(st.sampled_from(list(mutate.places([tree]))[1:]), label="place")
    mutate.put(where, at, data.draw(_HOSTILE, label="value"))

    cases.run(Case(start.seed, write(tree)))


@pytest.mark.parametrize("venue", VENUES)
@settings(max_examples=100, derandomize=True, deadline=None, database=None,
          suppress_health_check=[HealthCheck.too_slow])  # fmt: skip
@given(data=st.data())
def test_any_bytes_in_any_place_of_a_reply_are_survived(venue: str, data: st.DataObject) -> None:
    """A body that was damaged on its way is refused, or read as what it now says."""
    among = [each.seed for each in starts() if each.seed.venue.name == venue and each.rows]
    seed = data.draw(st.sampled_from(among), label="reply")
    first = data.draw(st.integers(0, len(seed.body)), label="from")
    last = data.draw(st.integers(first, min(len(seed.body), first + 40)), label="to")
    inside = data.draw(st.binary(max_size=20), label="bytes")

    cases.run(Case(seed, seed.body[:first] + inside + seed.body[last:]))


@pytest.mark.parametrize("row", [b"0", b"{}"])
def test_a_reply_of_many_tiny_rows_does_not_hold_up_the_others(row: bytes) -> None:
    """Two hundred thousand rows are refused as a whole, at no more than the cost of reading."""
    start = next(each for each in starts() if each.seed.name == "htx/normal")
    body = b'{"status": "ok", "ts": 1638754059540, "data": [%s]}' % b",".join([row] * 200_000)
    payload = exactjson.decode(body)
    reply = Reply(start.seed.request, payload, start.seed.received_at)
    began = time.process_time()

    with pytest.raises(ShapeError, match="data: 200000 rows, more than 10000"):
        start.seed.venue.parse(reply)

    assert time.process_time() - began < 0.1


def test_a_huge_row_costs_no_more_than_what_is_kept_of_it() -> None:
    """Of a row that is set aside two thousand characters stay; the rest is not even written out."""
    start = next(each for each in starts() if each.seed.name == "htx/normal")
    huge = b"[%s]" % b",".join([b"0"] * 500_000)
    body = b'{"status": "ok", "ts": 1638754059540, "data": [%s]}' % huge
    reply = Reply(start.seed.request, exactjson.decode(body), start.seed.received_at)
    began = time.process_time()
    found = start.seed.venue.parse(reply)

    assert time.process_time() - began < 0.1
    assert [len(reject.raw) for reject in found.rejects] == [2000]
