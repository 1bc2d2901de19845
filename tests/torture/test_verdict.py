"""The verdict itself: it finds what is wrong, or the rest of this folder proves nothing."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from tests.torture.daemon import Done
from tests.torture.venues import Value
from tests.torture.verdict import Verdict

MOMENT = datetime(2026, 11, 21, 7, tzinfo=UTC)
MS = round(MOMENT.timestamp() * 1000)
DONE = Done("bitget", MOMENT, MOMENT, MOMENT + timedelta(seconds=1), 2, 0)


def value(symbol: str, amount: str = "1.10", ms: int = MS + 10) -> Value:
    """Return what a venue serves, and what the table then holds."""
    return "bitget", symbol, ms, amount, None, None, None, None


def judged(*stored: Value) -> Verdict:
    """Judge a table after a poll that was reported done and brought two values."""
    verdict = Verdict()
    verdict.judge_values([value("A"), value("B", "0E-3")], stored, set(), [DONE])
    return verdict


def test_what_was_served_and_stored_is_good() -> None:
    """Digit for digit, a zero with an exponent as the database writes it."""
    assert judged(value("A"), value("B", "0.000")).good


def test_a_snapshot_that_is_missing_is_lost() -> None:
    """Its poll was reported done, so it must be there."""
    assert judged(value("A")).lost == 1


def test_what_a_full_journal_did_not_accept_is_not_lost() -> None:
    """But what it has accepted is, if it is missing; a whole poll has accepted all."""
    values = [value("A"), value("B"), value("C")]
    for rows, cut_short, lost, good in (
        (2, True, 0, True),
        (3, True, 1, False),
        (2, False, 1, False),
        (4, True, 1, False),
    ):
        verdict, done = Verdict(), replace(DONE, rows=rows, cut_short=cut_short)
        verdict.judge_values(values, values[:2], set(), [done])
        assert (lost, good) == (verdict.lost, verdict.good)


def test_a_row_that_nobody_served_is_wrong() -> None:
    """Another digit, another time or another symbol is another value."""
    assert judged(value("A", "1.1"), value("B", "0.000")).wrong == 1
    assert judged(value("A"), value("B", "0.000"), value("A", ms=MS + 11)).wrong == 1


def test_a_key_that_is_there_twice_is_found() -> None:
    """Whatever the table's own constraints say."""
    assert judged(value("A"), value("A"), value("B", "0.000")).twice == 1


def test_counters_that_do_not_add_up_are_found() -> None:
    """Rows there are more or fewer than the poll's row says, or written a second time."""
    for counters in ((2, 2, 0, 0, 1, 0), (2, 1, 0, 1, 1, 0), (2, 1, 1, 0, 1, 0)):
        verdict = Verdict()
        verdict.judge_sums([("bitget", MOMENT, *counters)])
        assert not verdict.good


def test_rows_that_overtake_older_ones_are_found() -> None:
    """A later transaction has rows of long before."""
    verdict = Verdict()
    hour = timedelta(hours=1)
    verdict.judge_order([(MOMENT, MOMENT), (MOMENT - hour, MOMENT + hour)])
    assert len(verdict.problems) == 1
