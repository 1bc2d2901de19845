"""Keep the table `venues` as it is declared and configured."""

from collections.abc import Mapping

from collector.db import Database, all_or_nothing
from collector.db import statements as sql
from collector.models import SidesRule


async def reconcile_sides(database: Database, rules: Mapping[str, SidesRule]) -> None:
    """Write the rules that are new or have changed; venues that are not named stay as they are.

    Raises:
        DatabaseUnavailable: nothing was written; try again.
    """
    async with database.session() as connection, all_or_nothing(connection):
        await connection.executemany(
            sql.UPSERT_VENUE,
            [(name, rule.sides, rule.basis, rule.reason) for name, rule in rules.items()],
        )
