"""What holds for every session: nobody waits for a collector that is gone."""

import pytest

from collector.db import Connection, Database, all_or_nothing
from collector.errors import DatabaseUnavailable

pytestmark = pytest.mark.db


async def test_the_server_lets_go_of_a_session_whose_collector_is_gone(database: Database) -> None:
    """In seconds, not in its own two hours: the next session waits for what this one has locked."""
    async with database.session() as connection:
        idle = await connection.fetchval("SHOW idle_in_transaction_session_timeout")
        keepalive = await connection.fetchval("SHOW tcp_keepalives_idle")
        unanswered = await connection.fetchval("SHOW tcp_user_timeout")

    assert (idle, keepalive, unanswered) == ("15s", "10", "30000")


async def write_and_stumble(database: Database, met: list[Connection]) -> None:
    """Write something, and then run into an error that is not about the data."""
    async with database.session() as connection, all_or_nothing(connection):
        met.append(connection)
        await connection.execute("INSERT INTO journal_marks VALUES (gen_random_uuid(), 1, now())")
        await connection.execute("SELECT 1 FROM no_such_table")


async def test_what_failed_for_another_reason_than_the_data_is_undone(
    database: Database, sql: Connection
) -> None:
    """Although the server is not asked to: the session ends, and with it the transaction."""
    met: list[Connection] = []
    with pytest.raises(DatabaseUnavailable):
        await write_and_stumble(database, met)

    assert met[0].is_closed()
    assert await sql.fetchval("SELECT count(*) FROM journal_marks") == 0
