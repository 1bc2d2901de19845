"""Keep the table `venues` as it is declared and configured."""

from collections.abc import Mapping, Sequence

from collector.db import Connection, Database, all_or_nothing
from collector.db import statements as sql
from collector.models import Basis, Sides, SidesRule


async def reconcile_sides(database: Database, rules: Mapping[str, SidesRule]) -> Sequence[str]:
    """Write the rules that are new or have changed; venues that are not named stay as they are.

    Returns:
        What has changed, a line each.

    Raises:
        DatabaseUnavailable: nothing was written; try again.
    """
    async with database.session() as connection, all_or_nothing(connection):
        differing = await _differing(connection, rules)
        await connection.executemany(
            sql.UPSERT_VENUE,
            [(name, rule.sides, rule.basis, rule.reason) for name, rule in differing.items()],
        )
    return _lines(differing)


async def plan_sides(connection: Connection, rules: Mapping[str, SidesRule]) -> Sequence[str]:
    """Return what `reconcile_sides` would change, a line each; the table may not be there yet."""
    if await connection.fetchval("SELECT to_regclass('venues')") is None:
        return _lines(rules)
    return _lines(await _differing(connection, rules))


async def _differing(
    connection: Connection, rules: Mapping[str, SidesRule]
) -> Mapping[str, SidesRule]:
    rows = await connection.fetch(sql.VENUES)
    stored = {
        name: SidesRule(Sides(sides), Basis(basis), reason) for name, sides, basis, reason in rows
    }
    return {name: rule for name, rule in rules.items() if stored.get(name) != rule}


def _lines(rules: Mapping[str, SidesRule]) -> Sequence[str]:
    return [f"venues: {name}: sides {rule.sides} ({rule.basis})" for name, rule in rules.items()]
