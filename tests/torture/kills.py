"""kill -9: of the collector, of the database server, of both."""

import asyncio

from tests.torture.moments import Moment, strike_at
from tests.torture.rig import Rig

_COLLECTOR = (*Moment,)
_DATABASE = tuple(moment for moment in Moment if moment is not Moment.STARTING)


async def kill_collector(rig: Rig, moment: Moment | None = None) -> None:
    """Kill the collector at some moment, and start it again at once."""
    await strike_at(moment or rig.random.choice(_COLLECTOR), rig, rig.daemon.kill)
    await rig.daemon.start()


async def kill_database(rig: Rig, moment: Moment | None = None) -> None:
    """Kill the database server at some moment, and start it again."""
    await strike_at(moment or rig.random.choice(_DATABASE), rig, rig.server.kill)
    await rig.server.start()


async def kill_both(rig: Rig, moment: Moment | None = None) -> None:
    """Kill both at some moment, and start them again in any order."""

    async def strike() -> None:
        await asyncio.gather(rig.daemon.kill(), rig.server.kill())

    await strike_at(moment or rig.random.choice(_DATABASE), rig, strike)
    starts = [rig.daemon.start, rig.server.start]
    rig.random.shuffle(starts)
    for start in starts:
        await start()
        await asyncio.sleep(rig.random.uniform(0, 0.5))


async def restart_database(rig: Rig, moment: Moment = Moment.COPYING) -> None:
    """Stop the database server in order, in the middle of a COPY, and start it again."""
    await strike_at(moment, rig, rig.server.restart)
