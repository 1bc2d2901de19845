"""The database away or unwilling: polling goes on, and everything arrives afterwards."""

import pytest

from tests.torture import outages, unwilling
from tests.torture.rig import Rig
from tests.torture.scenarios import Fault

pytestmark = [pytest.mark.db, pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

FAULTS: list[tuple[Fault, int]] = [
    (outages.down, 3),
    (outages.refused, 2),
    (outages.black_hole, 2),
    (outages.stopped_in_black_hole, 1),
    (outages.slow, 1),
    (outages.cut, 3),
    (outages.absent_server, 1),
    (outages.absent_database, 1),
    (unwilling.read_only, 1),
    (unwilling.too_many_connections, 1),
    (unwilling.deadlock, 1),
    (unwilling.cancelled, 2),
]


@pytest.mark.parametrize(("fault", "extent"), FAULTS, ids=[each[0].__name__ for each in FAULTS])
async def test_nothing_is_lost_while_the_database_is_away(
    rig: Rig, fault: Fault, extent: int
) -> None:
    """All venues are polled meanwhile; afterwards each row is there once, oldest first."""
    await fault(rig, extent)
    verdict = await rig.verdict(await rig.caught_up())

    assert verdict.good, verdict
