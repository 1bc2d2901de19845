"""Every fault by its name: what it is, how often and how long, and on what rig."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field

from tests.torture import full, kills, outages, packets, poison, unwilling
from tests.torture.rig import INTERVALS, Rig, new_database
from tests.torture.server import Server
from tests.torture.venues import SMALL, Sizes

Fault = Callable[[Rig, int], Awaitable[None]]
Home = Callable[[Server, str], AbstractAsyncContextManager[str]]


@asynccontextmanager
async def _ordinary(server: Server, name: str) -> AsyncIterator[str]:
    yield await new_database(server, name)
    await server.execute(f"DROP DATABASE {name} WITH (FORCE)")


@dataclass(frozen=True)
class Scenario:
    """A fault, and how it is inflicted."""

    fault: Fault
    extent: int = 2
    """How many polls it lasts, or how often it happens each time."""
    often: bool = False
    """Which of the two."""
    share: float = 0.0
    """Of the time that is given; the rest is what one time takes."""
    seconds: float = 0.0
    """What one time takes, at the least, if that is long."""
    sizes: Sizes = SMALL
    intervals: Mapping[str, int] = field(default_factory=lambda: INTERVALS)
    settings: Mapping[str, object] = field(default_factory=dict)
    """Of the collector, by their keys."""
    home: Home = _ordinary


def once(kill: Callable[[Rig], Awaitable[None]]) -> Fault:
    """Make a fault of what has no extent."""

    async def fault(rig: Rig, times: int) -> None:
        for _ in range(times):
            await kill(rig)

    return fault


_LIVELY = Sizes(bitget=10, htx=361, synthetix=40)
"""So many rows that an outage would be seen in the memory of a collector that kept them there."""

SCENARIOS: Mapping[str, Scenario] = {
    "kill-collector": Scenario(once(kills.kill_collector), extent=5, share=0.4, often=True),
    "kill-database": Scenario(once(kills.kill_database), extent=5, share=0.15, often=True),
    "kill-both": Scenario(once(kills.kill_both), extent=5, share=0.15, often=True),
    "restart-in-copy": Scenario(once(kills.restart_database), share=0.02, often=True),
    "down-3s": Scenario(outages.down, extent=3, share=0.02),
    "down-40s": Scenario(outages.down, extent=40, seconds=50, sizes=_LIVELY),
    "down-10min": Scenario(outages.down, extent=600, seconds=660, sizes=_LIVELY),
    "full-journal": Scenario(
        full.full_journal, extent=10, seconds=60, sizes=full.SIZES, settings=full.SETTINGS
    ),
    "refused": Scenario(outages.refused, extent=4, share=0.02),
    "black-hole": Scenario(outages.black_hole, extent=4, share=0.02),
    "black-hole-75s": Scenario(outages.black_hole, extent=75, seconds=90),
    "packets-dropped": Scenario(packets.packets_dropped, extent=75, seconds=120),
    "answers-dropped": Scenario(packets.answers_dropped, extent=75, seconds=120),
    "packet-loss": Scenario(packets.packet_loss, extent=20, seconds=60),
    "half-open": Scenario(outages.half_open, extent=4, seconds=150),
    "stopped-in-black-hole": Scenario(outages.stopped_in_black_hole, share=0.03, often=True),
    "zombie": Scenario(outages.zombie, extent=1, seconds=40, often=True),
    "slow": Scenario(outages.slow, extent=4, share=0.02, sizes=_LIVELY),
    "cut": Scenario(outages.cut, extent=5, share=0.06, often=True),
    "absent-server": Scenario(outages.absent_server, share=0.02),
    "absent-database": Scenario(outages.absent_database, share=0.02),
    "read-only": Scenario(unwilling.read_only, share=0.02),
    "too-many-connections": Scenario(unwilling.too_many_connections, share=0.02),
    "deadlock": Scenario(unwilling.deadlock, extent=1, share=0.03, often=True),
    "cancelled": Scenario(unwilling.cancelled, share=0.02, often=True),
    "disk-full": Scenario(unwilling.disk_full, share=0.02, home=unwilling.small_disk),
    "poison-row": Scenario(
        poison.poison, extent=1, sizes=poison.SIZES, intervals=poison.INTERVALS, share=0.01
    ),
}
