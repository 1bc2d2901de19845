"""The server is there and says no: read-only, full, no connection left, deadlock, cancelled."""

import asyncio
import contextlib
import os
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import asyncpg

from tests.torture.outages import away
from tests.torture.rig import Rig, new_database
from tests.torture.server import Server

SMALL_DISK = "small_disk"
_SMALL_DISK_SIZE = "64m"
_WAITS = """
SELECT pid FROM pg_stat_activity
WHERE application_name = 'collector' AND wait_event_type = 'Lock' AND datname = $1
"""
_LOOK_SECONDS = 0.02


class CannotHereError(Exception):
    """This machine does not permit the fault; the message says why."""


async def read_only(rig: Rig, polls: int) -> None:
    """The database becomes read-only, as a standby is, and its sessions end; and back."""
    place = rig.server.log_place()
    try:
        await _read_only(rig, "SET default_transaction_read_only = on")
        await away(rig, polls)
        await rig.server.logged("in a read-only transaction", place)
    finally:
        await _read_only(rig, "RESET default_transaction_read_only")


async def _read_only(rig: Rig, change: str) -> None:
    await rig.server.execute(f"ALTER DATABASE {rig.database} {change}")
    await rig.server.throw_out(rig.database)


async def too_many_connections(rig: Rig, polls: int) -> None:
    """Others have taken every connection that there may be."""
    place, database = rig.server.log_place(), rig.database
    async with AsyncExitStack() as others:
        for _ in range(3):
            other = await asyncpg.connect(rig.server.dsn(database))
            others.callback(other.terminate)
        try:
            await rig.server.execute(f"ALTER DATABASE {database} CONNECTION LIMIT 3")
            await rig.server.throw_out(database)
            await away(rig, polls)
            await rig.server.logged("too many connections for database", place)
        finally:
            await rig.server.execute(f"ALTER DATABASE {database} CONNECTION LIMIT -1")


async def deadlock(rig: Rig, times: int) -> None:
    """Another session locks the tables the other way round; the collector is the victim."""
    for _ in range(times):
        place = rig.server.log_place()
        locked = asyncio.create_task(rig.server.logged("deadlock detected", place))
        while not locked.done():
            # Who began to wait first looks for a deadlock first, unless we come too late.
            with contextlib.suppress(asyncpg.LockNotAvailableError):
                await _lock_crosswise(rig)
            await asyncio.wait([locked], timeout=_LOOK_SECONDS)


async def _lock_crosswise(rig: Rig) -> None:
    async with rig.server.session(rig.database) as ours:
        await ours.execute("SET deadlock_timeout = '1h'; SET lock_timeout = '5s'")
        async with ours.transaction():
            await ours.execute("LOCK TABLE polls IN ACCESS EXCLUSIVE MODE")
            await _waiting(rig)
            await ours.execute("LOCK TABLE journal_marks IN ACCESS EXCLUSIVE MODE")


async def cancelled(rig: Rig, times: int) -> None:
    """Somebody cancels the collector's statement while it runs."""
    async with rig.server.session(rig.database) as ours:
        for _ in range(times):
            place = rig.server.log_place()
            async with ours.transaction():
                await ours.execute("LOCK TABLE collector_storage.open_interest IN SHARE MODE")
                await ours.execute("SELECT pg_cancel_backend($1)", await _waiting(rig))
                await rig.server.logged("canceling statement due to user request", place)


async def _waiting(rig: Rig) -> int:
    """Wait until the collector waits for a lock; return its process at the server."""
    async with rig.server.session() as look:
        while (pid := await look.fetchval(_WAITS, rig.database)) is None:
            await asyncio.sleep(_LOOK_SECONDS)
    return int(pid)


@asynccontextmanager
async def small_disk(server: Server, name: str) -> AsyncIterator[str]:
    """Make a database on a disk of 64 MB.

    Raises:
        CannotHereError: nobody may mount one here.
    """
    if os.geteuid() != 0:
        raise CannotHereError("only root may mount a small disk")
    place = server.folder / SMALL_DISK
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={_SMALL_DISK_SIZE},mode=755", "none", str(place)]
    done = await asyncio.to_thread(subprocess.run, mount, capture_output=True, text=True)
    if done.returncode != 0:
        place.rmdir()
        raise CannotHereError(f"no small disk: {done.stderr.strip()}")
    try:
        (place / "data").mkdir()
        shutil.chown(place / "data", "nobody", "nogroup")
        await server.execute(f"CREATE TABLESPACE {SMALL_DISK} LOCATION '{place}/data'")
        await new_database(server, name, f"TABLESPACE {SMALL_DISK}")
        yield name
        await server.execute(f"DROP DATABASE {name} WITH (FORCE)", f"DROP TABLESPACE {SMALL_DISK}")
    finally:
        await asyncio.to_thread(subprocess.run, ["umount", "--lazy", str(place)], check=True)
        place.rmdir()


async def disk_full(rig: Rig, polls: int) -> None:
    """The disk that the database is on is full, until somebody makes room."""
    place = rig.server.log_place()
    ballast = rig.server.folder / SMALL_DISK / "ballast"
    try:
        with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
            while True:
                file.write(b"\0" * 2**12)
        await rig.server.logged("No space left on device", place)
        await away(rig, polls)
    finally:
        ballast.unlink()
