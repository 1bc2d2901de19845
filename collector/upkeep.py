"""What a database needs from time to time: finished hours, and room."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import structlog

from collector.db import Connection, Database
from collector.db import policies as db
from collector.db.migrate import pending, shipped
from collector.db.policies import Policies
from collector.errors import DatabaseError, MigrationError

log = structlog.get_logger()

INTERVAL = timedelta(minutes=1)

_SETTLED = timedelta(minutes=10)
"""After so long, next to nothing comes for an hour any more; what does is added to it."""

_PACKED_AFTER = timedelta(days=1)


class Upkeep:
    """Finishes hours and drops what is too old, on a connection of its own, hour by hour."""

    name = "upkeep"

    def __init__(self, database: Database, policies: Policies) -> None:
        self._database = database
        self._policies = policies
        self._reconciled = False
        self._failed = False
        self._work: asyncio.Task[None] | None = None

    async def run(self, _: datetime) -> None:
        """Do what there is to do; whatever cannot be done is tried again the next time."""
        self._work = asyncio.create_task(self._try())
        await asyncio.wait([self._work])
        with contextlib.suppress(asyncio.CancelledError):
            self._work.result()

    async def skip(self, tick: datetime, why: str) -> None:
        """Hear that a run was left out: the next one does its work."""
        log.debug("upkeep.skipped", tick=tick, why=why)

    async def close(self) -> None:
        """Close the connection."""
        await self._database.close()

    def stop(self) -> None:
        """End at once: a transaction that is not committed has changed nothing."""
        if self._work is not None:
            self._work.cancel()

    async def _try(self) -> None:
        # Each by itself: what somebody reads for hours cannot be packed or dropped, and that is no
        # reason to leave the rest undone.
        errors = [
            await self._attempt(each) for each in (self._finish_hours, self._drop, self._pack)
        ]
        self._failed = any(errors)

    async def _attempt(self, work: Callable[[Connection], Awaitable[None]]) -> bool:
        """Do a part of it; tell whether the database refused it."""
        try:
            async with self._database.session() as connection:
                # The sink brings the schema up to date, or says why it cannot.
                if await pending(connection, shipped()):
                    return False
                if not self._reconciled:
                    await self._reconcile(connection)
                    self._reconciled = True
                await work(connection)
        except MigrationError as error:
            log.debug("upkeep.not_yet", error=str(error))
        except DatabaseError as error:
            # That the database is away is said by the sink, which notices it sooner.
            away = error.sqlstate is None
            (log.debug if away or self._failed else log.warning)("upkeep.failed", error=str(error))
            return not away
        return False

    async def _reconcile(self, connection: Connection) -> None:
        """Bring the policies to what is configured, or say who can."""
        if await db.may_reconcile(connection):
            for change in await db.reconcile(connection, self._policies):
                log.info("policies.changed", change=change)
        elif (stored := await db.stored(connection)) != self._policies:
            log.warning(
                "policies.differ",
                problem="the database follows other settings than these; run `collector migrate`"
                " as the owner of the tables",
                stored=str(stored),
                configured=str(self._policies),
            )

    async def _finish_hours(self, connection: Connection) -> None:
        if not await db.finishes_hours(connection):
            return
        hours = 0
        before: datetime | None = None
        while (ended := await db.finish_hour(connection, _SETTLED)) is not None:
            hours, before = hours + 1, ended
        if before is not None:
            log.info("upkeep.hours_finished", hours=hours, before=before.isoformat())

    async def _drop(self, connection: Connection) -> None:
        for relation, dropped in await db.drop_expired(connection):
            log.info("upkeep.dropped", relation=relation, dropped=dropped)

    async def _pack(self, connection: Connection) -> None:
        if (packed := await db.pack_chunk(connection, _PACKED_AFTER)) is not None:
            log.info("upkeep.packed", chunk=packed)
