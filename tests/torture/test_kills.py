"""kill -9 at the worst moments: nothing is lost, nothing is stored twice."""

import pytest

from tests.torture.kills import kill_both, kill_collector, kill_database, restart_database
from tests.torture.moments import Moment
from tests.torture.rig import Rig

pytestmark = [pytest.mark.db, pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]


@pytest.mark.parametrize("moment", [moment for moment in Moment if moment is not Moment.ANY])
async def test_a_killed_collector_loses_nothing(rig: Rig, moment: Moment) -> None:
    """What it had reported done is in the database, once, when the next one has caught up."""
    kills = rig.daemon.kills
    await kill_collector(rig, moment)
    verdict = await rig.verdict(await rig.caught_up())

    assert rig.daemon.kills == kills + 1
    assert verdict.good, verdict


@pytest.mark.parametrize(
    "moment", [Moment.COPYING, Moment.COMMIT_UNHEARD, Moment.COMMIT_UNANSWERED]
)
async def test_a_killed_database_loses_nothing(rig: Rig, moment: Moment) -> None:
    """Whether it had committed or not, each row is there once when it is back."""
    await kill_database(rig, moment)
    verdict = await rig.verdict(await rig.caught_up())

    assert verdict.good, verdict


async def test_both_killed_at_once_lose_nothing(rig: Rig) -> None:
    """The commit was not answered, and nobody is left who remembers that it was asked for."""
    await kill_both(rig, Moment.COMMIT_UNANSWERED)
    verdict = await rig.verdict(await rig.caught_up())

    assert verdict.good, verdict


async def test_a_restart_in_the_middle_of_a_copy_loses_nothing(rig: Rig) -> None:
    """An operator restarts the database; the collector is thrown out while it writes."""
    await restart_database(rig)
    verdict = await rig.verdict(await rig.caught_up())

    assert verdict.good, verdict
