"""`collector status`: the truth about a running daemon, and about what is wrong."""

import json
from typing import Any

import pytest

from collector.db import Connection
from collector.simulator import Simulator
from tests.conftest import Logins
from tests.daemon.conftest import Program, Running, Until

pytestmark = pytest.mark.db

EVERYTHING = """
SELECT count(*) = 3 FROM polls WHERE outcome = 'ok' AND rows_stored = rows_fetched
    AND rows_stored >= CASE venue WHEN 'bitget' THEN 30 WHEN 'htx' THEN 20 ELSE 5 END
"""


async def collected(program: Program, until: Until) -> Running:
    """Start a daemon that polls once and then waits for long, and wait for its rows."""
    for venue in ("bitget", "htx", "synthetix"):
        program.set(**{f"venues__{venue}__interval": "1h"})
    daemon = await program.start("run")
    await until(EVERYTHING)
    return daemon


async def asked(program: Program) -> tuple[int, Any]:
    """Return the exit status and the document of `collector status --json`."""
    status, output, errors = await program.run("status", "--json")
    assert errors == ""
    return status, json.loads(output)


async def test_a_fresh_collector_is_status_0_and_told_as_it_is(
    program: Program, until: Until, sql: Connection
) -> None:
    """With the daemon's own login, beside the running daemon, which is not disturbed."""
    daemon = await collected(program, until)
    status, told = await asked(program)

    rows = await sql.fetch("SELECT venue, count(*), max(exchange_ts) FROM open_interest GROUP BY 1")
    stored = {venue: (count, newest.isoformat()) for venue, count, newest in rows}
    assert told["attention"] == []
    assert status == 0
    for venue, count in (("bitget", 30), ("htx", 20), ("synthetix", 5)):
        its = told["venues"][venue]
        assert (its["instruments_active"], its["instruments_reporting"]) == (count, count)
        assert its["instruments_stale"] == 0
        assert (its["rows_stored_24h"], its["newest_exchange_ts"]) == stored[venue]
        assert its["last_outcome"] == "ok"
        assert (its["interval_seconds"], its["enabled"]) == (3600.0, True)
    assert told["database"]["edition"] == "Apache-2"
    assert told["database"]["chunks"] == 1
    assert told["database"]["chunks_compressed"] == 0
    assert told["database"]["pending"] == []
    assert told["database"]["hypertable_bytes"] > 0
    assert 0 <= told["database"]["lag_seconds"] < 300
    assert told["journal"]["rows"] == 0
    assert daemon.process.returncode is None
    assert (await daemon.stop())[0] == 0


async def test_people_get_tables_and_a_last_word(program: Program, until: Until) -> None:
    """Plain text where no terminal is."""
    await collected(program, until)
    status, output, _ = await program.run("status")

    lines = output.splitlines()
    assert status == 0
    assert lines[0].split()[:4] == ["venue", "last", "poll", "outcome"]
    assert [line.split()[0] for line in lines[1:4]] == ["bitget", "htx", "synthetix"]
    assert "Apache-2 edition" in output
    assert "0 rows in 0 records wait" in output
    assert lines[-1] == "everything is fresh"
    assert "\x1b" not in output


async def test_a_failing_and_a_silent_venue_are_status_1_and_named(
    program: Program, until: Until, sql: Connection, simulator: Simulator
) -> None:
    """One fails, one has not had a row for long; the third is well and is not named."""
    simulator.faults.add("synthetix:503:1")
    for venue in ("bitget", "htx", "synthetix"):
        program.set(**{f"venues__{venue}__interval": "1h"})
    daemon = await program.start("run")
    await until("SELECT count(*) = 2 FROM polls WHERE outcome = 'ok' AND rows_stored > 0")
    await until("SELECT count(*) = 1 FROM polls WHERE outcome = 'failed'")
    await daemon.stop()
    await sql.execute(
        "UPDATE collector_storage.latest SET polled_at = polled_at - INTERVAL '1 day'"
        " FROM collector_storage.series AS s WHERE s.series_id = latest.series_id"
        " AND venue = 'htx'"
    )
    status, told = await asked(program)

    assert status == 1
    assert [problem.partition(":")[0] for problem in told["attention"]] == [
        "htx",
        "synthetix",
        "synthetix",
    ]
    assert "no new row for 1 day" in told["attention"][0]
    assert told["attention"][1].startswith("synthetix: the newest poll was failed: ")
    assert told["venues"]["htx"]["instruments_stale"] == 20


async def test_what_is_excluded_or_off_is_not_missed(
    program: Program, until: Until, sql: Connection
) -> None:
    """Instruments that are listed and not polled, and a venue that is not enabled."""
    program.set(venues__htx__include=["BTC*"], venues__synthetix__exclude=["BTC*", "[E]TH-*"])
    program.set(venues__bitget__enabled=False)
    for venue in ("htx", "synthetix"):
        program.set(**{f"venues__{venue}__interval": "1h"})
    await program.start("run")
    await until("SELECT count(*) = 2 FROM polls WHERE outcome = 'ok' AND rows_stored > 0")
    status, told = await asked(program)

    rows = await sql.fetch("SELECT venue, count(*) FROM open_interest GROUP BY venue")
    reporting = {row["venue"]: row["count"] for row in rows}
    assert (status, told["attention"]) == (0, [])
    assert told["venues"]["bitget"]["enabled"] is False
    assert 0 < reporting["htx"] < 20
    for venue, count in reporting.items():
        assert told["venues"][venue]["instruments_active"] == count


async def test_coverage_is_polls_that_brought_rows_of_those_expected(
    program: Program, sql: Connection
) -> None:
    """By the interval that was configured then: of twelve ticks one failed and one is missing."""
    program.set(venues__htx__interval="10s")
    await sql.execute(
        "INSERT INTO polls SELECT 'htx', tick, tick, tick,"
        " CASE minute WHEN 7 THEN 'failed' WHEN 0 THEN 'running' ELSE 'ok' END,"
        " 1, 1, 3, 2, 0, 1, 0, NULL, '1 min'"
        " FROM generate_series(0, 12) AS minute CROSS JOIN LATERAL"
        " (SELECT date_trunc('minute', now()) - minute * INTERVAL '1 minute') AS t (tick)"
        " WHERE minute <> 9;"
        " SELECT collector_storage.count_ticks(array_agg(venue), array_agg(polled_at)) FROM polls"
    )
    _, told = await asked(program)

    htx = told["venues"]["htx"]
    assert (htx["polls_made_24h"], htx["polls_expected_24h"]) == (10, 12)
    assert (htx["rows_stored_24h"], htx["rows_rejected_24h"]) == (24, 12)
    assert htx["coverage_24h"] == 10 / 12


async def test_coverage_falls_while_the_collector_is_down(
    program: Program, sql: Connection
) -> None:
    """As in `venue_coverage`: after three intervals a tick without a poll is missing."""
    await sql.execute(
        "INSERT INTO polls SELECT 'htx', tick, tick, tick, 'ok', 1, 1, 3, 2, 0, 1, 0, NULL,"
        " '1 min' FROM (SELECT now() - INTERVAL '63.1 min') AS t (tick);"
        " SELECT collector_storage.count_ticks(array_agg(venue), array_agg(polled_at)) FROM polls"
    )
    _, told = await asked(program)

    htx = told["venues"]["htx"]
    assert (htx["polls_made_24h"], htx["polls_expected_24h"]) == (1, 61)
    [view] = await sql.fetch("SELECT sum(ok), sum(expected) FROM venue_coverage")
    assert tuple(view) == (1, 61)


async def test_a_database_that_is_away_is_a_sentence_beside_what_is_known(
    program: Program, until: Until, unused_port: int
) -> None:
    """The configuration and the journal are shown, and the password is not."""
    password = "sesame"  # noqa: S105 - of nobody
    dsn = f"postgresql://user:{password}@127.0.0.1:{unused_port}/db"
    program.set(database__dsn=dsn)
    daemon = await program.start("run")
    await daemon.logged("poll.done", venue="htx")
    await daemon.stop()
    status, told = await asked(program)
    plain = await program.run("status")

    assert status == plain[0] == 1
    assert told["attention"][0].startswith(
        f"database 127.0.0.1:{unused_port}/db cannot be asked: ConnectionRefusedError"
    )
    assert told["journal"]["rows"] >= 20
    assert told["venues"]["htx"]["interval_seconds"] == 1.0
    assert "cannot be asked" in plain[1]
    assert password not in plain[1]


async def test_pending_migrations_are_said(program: Program, empty_dsn: str) -> None:
    """An empty database has none of what there is to ask for."""
    program.set(database__dsn=empty_dsn)
    status, told = await asked(program)

    assert status == 1
    assert told["attention"][0].startswith("schema: pending: 0001_open_interest.sql, ")
    assert told["database"]["schema"] is None


async def test_a_login_that_may_not_look_is_told_so(
    program: Program, dsn: str, logins: Logins
) -> None:
    """An analyst sees the views; what the daemon stores is the daemon's."""
    program.set(database__dsn=logins.dsn(logins.analyst, dsn.rpartition("/")[2]))
    status, told = await asked(program)

    assert status == 1
    assert "may not use the collector's tables" in told["attention"][0]


async def test_wrong_input_is_status_2(program: Program) -> None:
    """Options that do not exist, and a configuration without a database."""
    assert (await program.run("status", "--nonsense"))[0] == 2
    del program.environment["COLLECTOR__DATABASE__DSN"]
    status, output, errors = await program.run("status")

    assert (status, output) == (2, "")
    assert "database.dsn: required" in errors
