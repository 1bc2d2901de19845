"""What tests/upgrade shows of the Apache edition, on the other one: there chunks are compressed."""

import asyncpg
import pytest

from collector.db.migrate import shipped
from tests.upgrade.catalogue import catalogue
from tests.upgrade.ladder import climb

pytestmark = pytest.mark.community


@pytest.mark.timeout(180)  # two databases, and each version of the schema
async def test_each_migration_on_top_of_the_one_before_keeps_every_row(
    empty_community_dsn: str, community_dsn: str
) -> None:
    """Rows of every version arrive in the newest, and the schema is that of a new database."""
    await climb(empty_community_dsn, start=1, step=1)

    upgraded = await asyncpg.connect(empty_community_dsn)
    fresh = await asyncpg.connect(community_dsn)
    found, wanted = await catalogue(upgraded), await catalogue(fresh)
    assert wanted - found == set()
    assert found - wanted == set()
    await upgraded.close()
    await fresh.close()


async def test_straight_to_the_newest_keeps_every_row(empty_community_dsn: str) -> None:
    """Whoever has not upgraded for long does it in one go."""
    await climb(empty_community_dsn, start=1, step=len(shipped()))
