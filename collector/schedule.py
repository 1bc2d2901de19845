"""Run a job for each venue at ticks of the wall clock."""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta

import structlog
from apscheduler.events import (
    EVENT_JOB_ERROR,
    EVENT_JOB_MAX_INSTANCES,
    EVENT_JOB_MISSED,
    JobEvent,
)
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.base import BaseTrigger

log = structlog.get_logger()

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Job = Callable[[datetime], Coroutine[None, None, None]]
"""Is told the tick that it runs for."""

Skipped = Callable[[datetime, str], Coroutine[None, None, None]]
"""Is told the tick that was left out, and why."""


class WallClock(BaseTrigger):  # type: ignore[misc]  # APScheduler ships no types
    """At every multiple of the interval since 1970 plus an offset, and, if wanted, at once.

    APScheduler's own interval trigger counts on from its last run, so it would stay wherever the
    first run put it; aligned ticks are what makes venues comparable.
    """

    def __init__(
        self, interval: timedelta, offset: timedelta = timedelta(0), *, at_once: bool = False
    ) -> None:
        self.interval = interval
        self.offset = offset
        self._at_once = at_once

    def get_next_fire_time(self, previous: datetime | None, now: datetime) -> datetime:
        """Return the next run, as APScheduler asks for it."""
        if previous is None and self._at_once:
            return now
        return self.tick(max(previous or now, now)) + self.interval + self.offset

    def tick(self, moment: datetime) -> datetime:
        """Return the tick that a run at this moment belongs to, without the offset."""
        since = moment - self.offset - _EPOCH
        return _EPOCH + since // self.interval * self.interval


class Schedule:
    """APScheduler with our settings; each job runs once at a time."""

    def __init__(self, clock_check: float = 5.0) -> None:
        """Look every `clock_check` seconds whether the system's clock was set back."""
        self._clock_check_seconds = clock_check
        self._scheduler = AsyncIOScheduler(timezone=UTC)
        self._scheduler.add_listener(
            self._told, EVENT_JOB_MAX_INSTANCES | EVENT_JOB_MISSED | EVENT_JOB_ERROR
        )
        self._triggers: dict[str, WallClock] = {}
        self._skipped: dict[str, Skipped] = {}
        self._running: set[asyncio.Task[None]] = set()
        self._clock_check: asyncio.TimerHandle | None = None

    def add(self, name: str, trigger: WallClock, job: Job, skipped: Skipped) -> None:
        """Run `job` at the trigger's ticks; `skipped` hears of a tick at which it could not run."""

        async def run() -> None:
            await self._hold(job(trigger.tick(datetime.now(UTC))))

        self._triggers[name] = trigger
        self._skipped[name] = skipped
        self._scheduler.add_job(
            run,
            trigger,
            id=name,
            # A run still under way at the next tick is never joined by a second one.
            max_instances=1,
            # After a standstill (a suspended machine) one run makes up for all that were missed,
            coalesce=True,
            # unless the tick is so long ago that its run would get in the way of the next.
            misfire_grace_time=max(1, int(trigger.interval.total_seconds() / 2)),
        )

    def start(self) -> None:
        """Start: the jobs that run at once do so now."""
        self._scheduler.start()
        self._check_clock()

    async def stop(self, seconds: float) -> None:
        """Start nothing more, let what is under way end, cancel what takes longer."""
        if self._clock_check is not None:
            self._clock_check.cancel()
        self._scheduler.pause()
        if self._running:
            await asyncio.wait(self._running, timeout=seconds)
        self._scheduler.shutdown(wait=False)
        if self._running:
            for task in self._running:
                task.cancel()
            await asyncio.wait(self._running)

    def _check_clock(self) -> None:
        """If the system's clock was set back, do not wait until it is where it has been before."""
        now = datetime.now(UTC)
        for job in self._scheduler.get_jobs():
            trigger = self._triggers[job.id]
            ahead = job.next_run_time - now
            if ahead > 2 * trigger.interval + trigger.offset:
                log.warning("schedule.clock_set_back", job=job.id, seconds=ahead.total_seconds())
                job.modify(next_run_time=trigger.get_next_fire_time(now, now))
        loop = asyncio.get_running_loop()
        self._clock_check = loop.call_later(self._clock_check_seconds, self._check_clock)

    async def _hold(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        # APScheduler cancels its own tasks when it shuts down; ours ends by itself, or in `stop`.
        await asyncio.shield(task)

    def _told(self, event: JobEvent) -> None:
        if event.code == EVENT_JOB_ERROR:
            log.error("schedule.job_crashed", job=event.job_id, exc_info=event.exception)
            return
        busy = event.code == EVENT_JOB_MAX_INSTANCES
        why = (
            "the poll before was still running; `collector check` says which interval can be met"
            if busy
            else "the machine stood still or was too busy"
        )
        trigger, skipped = self._triggers[event.job_id], self._skipped[event.job_id]
        for moment in event.scheduled_run_times if busy else [event.scheduled_run_time]:
            task = asyncio.create_task(skipped(trigger.tick(moment), why))
            self._running.add(task)
            task.add_done_callback(self._running.discard)
