"""The other commands: what they print, what they need, and the status they end with."""

import json
from typing import Any

import pytest

from collector.cli import cli
from collector.db.migrate import shipped
from collector.simulator import Simulator
from tests.daemon.conftest import Program, sides

pytestmark = pytest.mark.db


async def test_poll_prints_exact_rows_as_json_without_a_database(
    program: Program, simulator: Simulator
) -> None:
    """A line for each instrument, amounts as text with all their digits."""
    del program.environment["COLLECTOR__DATABASE__DSN"]
    status, output, errors = await program.run("poll", "htx", "--json")

    rows = [json.loads(line) for line in output.splitlines()]
    entries: list[Any] = list(simulator.ledger.entries("htx"))
    served = {entry["symbol"]: entry for entry in entries}
    assert status == 0
    assert len(rows) == 20
    assert rows[0]["venue"] == "htx"
    for row in rows:
        amounts = served[row["symbol"]]["amounts"]
        assert row["open_interest_contracts"] == amounts["volume"]
        assert row["open_interest_base"] == amounts["amount"]
        assert row["open_interest_quote"] == amounts["value"]
        assert row["long_base"] is None
    assert "20 rows of 20 instruments in 3 requests" in errors


async def test_poll_prints_a_table_for_people(program: Program) -> None:
    """With the columns that the venue fills."""
    status, output, _ = await program.run("poll", "synthetix")

    head, *rows = output.splitlines()
    assert status == 0
    assert head.split() == [
        "venue",
        "symbol",
        "exchange_ts",
        "open_interest_base",
        "long_base",
        "short_base",
    ]
    assert len(rows) == 5


async def test_poll_of_a_venue_that_fails_says_why(program: Program, simulator: Simulator) -> None:
    """Status 1 and one sentence."""
    simulator.faults.add("synthetix:503:1")
    status, _, errors = await program.run("poll", "synthetix")

    assert status == 1
    assert "collector: failed: " in errors
    assert "server_fault, status 503" in errors
    assert "Traceback" not in errors


async def test_check_tells_what_it_asks_of_the_venues(program: Program) -> None:
    """Instruments, requests, seconds and share, and the state of the database."""
    status, output, _ = await program.run("check")

    lines = [line.split() for line in output.splitlines()]
    assert status == 0
    assert lines[0] == ["venue", "instruments", "requests", "seconds", "interval", "used"]
    assert lines[1] == ["bitget", "30", "30", "1.0", "4s", "37.5%"]
    assert lines[2] == ["htx", "20", "1", "0.0", "1s", "1.2%"]
    assert lines[3] == ["synthetix", "5", "1", "0.0", "1s", "10.0%"]
    assert "Apache-2 edition), the schema is up to date" in " ".join(output.split())


async def test_check_refuses_an_interval_that_cannot_be_met(program: Program) -> None:
    """It names the key and says which interval could."""
    program.set(venues__bitget__interval="1s", venues__bitget__limit_share=0.25)
    status, _, errors = await program.run("check")

    assert status == 2
    assert errors == (
        "collector: config.yaml: 1 problem\n"
        "  venues.bitget.interval: 1s is too short for 30 requests, which take 5.0 s at the limit;"
        " permitted: 8s or more\n"
    )


async def test_check_without_venues_guesses_and_says_so(program: Program, unused_port: int) -> None:
    """The numbers seen in 2026 stand in for the list that cannot be had."""
    program.set(venues__bitget__base_urls=[f"http://127.0.0.1:{unused_port}"])
    program.set(venues__bitget__interval="60s")
    status, output, _ = await program.run("check")

    assert status == 0
    assert ["bitget", "about", "865", "865", "43.1", "60s", "72.1%"] in [
        line.split() for line in output.splitlines()
    ]
    assert "bitget could not be asked, its number is a guess" in output


async def test_migrate_plans_applies_and_is_done(program: Program, empty_dsn: str) -> None:
    """The plan changes nothing; the second run has nothing to do."""
    program.set(database__dsn=empty_dsn)
    names = [migration.name for migration in shipped()]

    assert await program.run("migrate", "--plan") == (
        0,
        "".join(f"would apply {name}\n" for name in names)
        + "would change the policies to: compress_after 14d, keep_for forever,"
        " keep_rollups_for forever\n" + "".join(f"would change {line}\n" for line in sides()),
        "",
    )
    assert await program.run("migrate") == (
        0,
        "".join(f"applied {name}\n" for name in names)
        + "changed database.compress_after: 14 days, was never"
        " (the Apache edition has no columnstore)\n"
        + "".join(f"changed {line}\n" for line in sides()),
        "",
    )
    assert await program.run("migrate") == (0, "nothing to do, the schema is up to date\n", "")


async def test_a_wrong_configuration_is_status_2_and_no_traceback(program: Program) -> None:
    """All problems at once, and no password among them."""
    program.set(http__port="none", database__dsn="mysql://user:sesame@host/db", journal__pth="x")
    status, output, errors = await program.run("run")

    assert (status, output) == (2, "")
    assert errors.startswith("collector: configuration: 3 problems\n")
    assert "sesame" not in errors
    assert "Traceback" not in errors


@pytest.mark.parametrize(
    "arguments", [["poll", "binance"], ["--nonsense"], ["poll"], ["demo", "--for", "ever"]]
)
async def test_wrong_arguments_are_status_2(program: Program, arguments: list[str]) -> None:
    """With a hint at the help."""
    status, output, errors = await program.run(*arguments)

    assert (status, output) == (2, "")
    assert "Error: " in errors


@pytest.mark.parametrize("command", sorted(cli.commands))
async def test_every_command_has_help(program: Program, command: str) -> None:
    """It says what the command does and which options it has."""
    status, output, _ = await program.run(command, "--help")

    assert status == 0
    assert output.startswith("Usage: ")
    assert "--help" in output


async def test_the_password_is_in_no_log_and_no_message(program: Program) -> None:
    """Neither where the database is reached, nor where it is not."""
    dsn = program.environment["COLLECTOR__DATABASE__DSN"]
    password = dsn.partition("@")[0].rpartition(":")[2]
    program.set(log__level="debug")
    _, _, migrated = await program.run("migrate")
    daemon = await program.start("run")
    await daemon.logged("poll.done")
    await daemon.stop()
    program.set(database__dsn=dsn.replace("@127.0.0.1", "@127.0.0.2"))
    status, output, refused = await program.run("migrate")

    assert status == 1
    for text in (migrated, daemon.log.read_text(encoding="utf-8"), output, refused):
        assert password not in text


async def test_a_fault_of_ours_is_a_sentence_and_on_demand_a_traceback(program: Program) -> None:
    """A module that breaks at the first use stands for any bug."""
    broken = program.folder / "sitecustomize.py"
    broken.write_text("import collector.check\ncollector.check.plans = None\n")
    program.environment["PYTHONPATH"] = str(program.folder)
    status, _, errors = await program.run("check")
    program.environment["COLLECTOR_TRACEBACK"] = "1"
    _, _, trace = await program.run("check")

    assert status == 1
    assert errors == (
        "collector: internal error: TypeError: 'NoneType' object is not callable\n"
        "Set COLLECTOR_TRACEBACK=1 to see where it came from.\n"
    )
    assert trace.startswith("Traceback")
