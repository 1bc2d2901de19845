"""Ticks lie on the wall clock, runs do not pile up, and what is left out is told."""

import asyncio
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from collector.schedule import Schedule, WallClock

MINUTE = timedelta(minutes=1)
NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
TENTH = timedelta(milliseconds=100)


def test_runs_are_aligned_to_the_wall_clock() -> None:
    """At 12:00:40, a job of every minute runs at 12:01:00, then at 12:02:00."""
    trigger = WallClock(MINUTE)
    now = NOON + timedelta(seconds=40)

    first = trigger.get_next_fire_time(None, now)
    second = trigger.get_next_fire_time(first, first + timedelta(milliseconds=3))

    assert (first, second) == (NOON + MINUTE, NOON + 2 * MINUTE)


def test_a_run_at_once_does_not_move_the_ticks() -> None:
    """The first run is now, the next on the clock all the same."""
    trigger = WallClock(MINUTE, at_once=True)
    now = NOON + timedelta(seconds=40)

    assert trigger.get_next_fire_time(None, now) == now
    assert trigger.get_next_fire_time(now, now) == NOON + MINUTE


def test_an_offset_moves_the_run_but_not_the_tick() -> None:
    """Venues start a second apart and still belong to the same tick."""
    trigger = WallClock(MINUTE, timedelta(seconds=2))
    run = trigger.get_next_fire_time(None, NOON + timedelta(seconds=40))

    assert run == NOON + MINUTE + timedelta(seconds=2)
    assert trigger.tick(run) == NOON + MINUTE
    assert trigger.tick(run + timedelta(seconds=20)) == NOON + MINUTE
    assert trigger.tick(run - timedelta(milliseconds=1)) == NOON


@given(
    seconds=st.integers(1, 86400),
    offset=st.integers(0, 120),
    now=st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)),  # noqa: DTZ001 - made UTC below
)
def test_the_next_run_is_always_ahead_and_at_most_an_interval_away(
    seconds: int, offset: int, now: datetime
) -> None:
    """Whatever the interval: no run in the past, none skipped, all on the grid."""
    moment = now.replace(tzinfo=UTC)
    interval = timedelta(seconds=seconds)
    trigger = WallClock(interval, timedelta(seconds=offset))

    run = trigger.get_next_fire_time(moment, moment)

    assert moment < run <= moment + interval
    assert (int(run.timestamp()) - offset) % seconds == 0


async def test_a_run_that_overruns_is_said_and_not_stacked() -> None:
    """While the first still runs, ticks are left out, each with its reason; then runs go on."""
    schedule = Schedule()
    runs: list[datetime] = []
    skipped: list[str] = []
    slow = asyncio.Event()

    async def job(tick: datetime) -> None:
        runs.append(tick)
        await slow.wait()

    async def skip(tick: datetime, why: str) -> None:
        skipped.append(why)

    schedule.add("venue", WallClock(TENTH, at_once=True), job, skip)
    schedule.start()
    await asyncio.sleep(0.35)
    during = len(runs)
    slow.set()
    await asyncio.sleep(0.25)
    await schedule.stop(1)

    assert during == 1
    assert len(skipped) >= 2
    assert set(skipped) == {
        "the poll before was still running; `collector check` says which interval can be met"
    }
    assert len(runs) >= 2
    assert len(runs) == len(set(runs))


async def test_a_stop_lets_a_run_end_but_not_for_ever() -> None:
    """What ends in time ends by itself; what does not is cancelled."""
    schedule = Schedule()
    ended: list[str] = []

    async def quick(_: datetime) -> None:
        await asyncio.sleep(0.1)
        ended.append("quick")

    async def endless(_: datetime) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("endless")

    async def skip(tick: datetime, why: str) -> None:
        """Nothing is left out here."""

    schedule.add("quick", WallClock(MINUTE, at_once=True), quick, skip)
    schedule.add("endless", WallClock(MINUTE, at_once=True), endless, skip)
    schedule.start()
    await asyncio.sleep(0.02)
    await schedule.stop(0.3)

    assert ended == ["quick", "endless"]


async def test_a_job_that_breaks_is_loud_and_runs_again() -> None:
    """One exception is logged with its trace, and the next tick comes."""
    schedule = Schedule()
    runs: list[datetime] = []

    async def job(tick: datetime) -> None:
        runs.append(tick)
        raise ZeroDivisionError

    async def skip(tick: datetime, why: str) -> None:
        """Nothing is left out here."""

    with capture_logs() as logged:
        schedule.add("venue", WallClock(TENTH), job, skip)
        schedule.start()
        await asyncio.sleep(0.35)
        await schedule.stop(1)

    assert len(runs) >= 2
    assert {each["event"] for each in logged} == {"schedule.job_crashed"}
    assert isinstance(logged[0]["exc_info"], ZeroDivisionError)


class SetBack(WallClock):
    """After each run the clock is set back an hour: the next run seems that far ahead."""

    def get_next_fire_time(self, previous: datetime | None, now: datetime) -> datetime:
        """Return a run an hour late, except at the start and when the clock has been looked at."""
        due = super().get_next_fire_time(previous, now)
        return due if previous in {None, now} else due + timedelta(hours=1)


async def test_a_clock_that_is_set_back_does_not_stop_the_polls() -> None:
    """The scheduler would wait until the clock is where it has been before."""
    schedule = Schedule(clock_check=0.01)
    runs = 0
    second_run = asyncio.Event()

    async def job(_: datetime) -> None:
        nonlocal runs
        runs += 1
        if runs == 2:
            second_run.set()

    async def skipped(_: datetime, __: str) -> None:
        """Nothing is expected here."""

    schedule.add("htx", SetBack(TENTH, at_once=True), job, skipped)
    with capture_logs() as events:
        schedule.start()
        await asyncio.wait_for(second_run.wait(), 10)
        await schedule.stop(1)

    event = next(event for event in events if event["event"] == "schedule.clock_set_back")
    assert event["job"] == "htx"
    assert 3500 < event["seconds"] <= 3601
