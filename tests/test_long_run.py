"""The long run: the program itself for a few seconds, and what it would not let pass."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.long_run_books import Kept, Said, imbalances, said
from benchmarks.long_run_figures import MIB, Sample, growth, trends
from collector.db import Connection

LOAD = ("--bitget", "15", "--htx", "60", "--synthetix", "20")
"""Below every limit: here it is the program that is looked at, elsewhere the limiter."""

FLAT = [
    Sample(
        at=5.0 * number,
        memory=80 * MIB + number % 7 * 10_000,
        descriptors=25 + number % 4,
        threads=4,
        tasks=30 + number % 9,
        journal=number % 5 * MIB,
        stored=5000 * number,
        daemon_cpu=0.3 * number,
        database_cpu=0.1 * number,
    )
    for number in range(1, 145)
]
SAID = Said(fetched=100, left=0)
KEPT = Kept(
    polls=3,
    fetched=100,
    stored=90,
    duplicate=7,
    rejected=3,
    unlisted=16,
    snapshots=90,
    rejects=3,
    outcomes={"ok": 3},
)


async def long_run(dsn: str, folder: Path, minutes: str) -> Process:
    """Start the program on a small load."""
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.long_run", "--minutes", minutes, *LOAD),
        env={**os.environ, "COLLECTOR__DATABASE__DSN": dsn, "TMPDIR": str(folder)},
        cwd=Path(__file__).parents[1],
        stdout=PIPE,
    )


@pytest.mark.db
@pytest.mark.slow
async def test_a_short_run_ends_with_books_that_balance(dsn: str, tmp_path: Path) -> None:
    """All of it, for twelve seconds: status 0, figures of every measure, nothing left behind."""
    process = await long_run(dsn, tmp_path, "0.2")
    output = (await asyncio.wait_for(process.communicate(), 50))[0].decode()

    assert process.returncode == 0, output
    for measure in (
        "memory MiB",
        "descriptors",
        "tasks",
        "threads",
        "journal MiB",
        "database CPU %",
    ):
        assert f"\n{measure} " in output
    assert "too short to judge what grew" in output
    assert "The books balance" in output
    assert list(tmp_path.iterdir()) == []


@pytest.mark.db
@pytest.mark.slow
async def test_ctrl_c_ends_a_long_run_with_the_table_so_far(dsn: str, tmp_path: Path) -> None:
    """An hour that is cut short after half a minute is not lost, and its books balance as well."""
    process = await long_run(dsn, tmp_path, "1")
    assert process.stdout is not None
    seen = ""
    while " rows (" not in seen:
        assert not process.stdout.at_eof(), seen
        seen += (await asyncio.wait_for(process.stdout.readline(), 50)).decode()
    process.send_signal(signal.SIGINT)
    output = (await asyncio.wait_for(process.communicate(), 20))[0].decode()

    assert process.returncode == 0, output
    assert "After 0.5 minutes" in output
    assert "The books balance" in output


@pytest.mark.db
async def test_a_database_with_rows_in_it_is_refused(
    dsn: str, sql: Connection, tmp_path: Path
) -> None:
    """Rows of somebody else would be in the books, so there is a message instead of a run."""
    await sql.execute(
        "INSERT INTO polls SELECT 'htx', now(), now(), NULL, 'ok', 0, 0, 0, 0, 0, 0, 0"
    )
    process = await long_run(dsn, tmp_path, "0.2")
    output = (await asyncio.wait_for(process.communicate(), 50))[0].decode()

    assert process.returncode == 1
    assert "the database has rows already" in output


def test_what_only_sways_is_no_growth() -> None:
    """Sockets and segments come and go; twelve minutes of that raise no alarm."""
    assert growth(trends(FLAT)) == []


@pytest.mark.parametrize(
    ("measure", "an_hour"),
    [
        ("memory", 60 * MIB),
        ("descriptors", 60),
        ("tasks", 100),
        ("threads", 15),
        ("journal", 50 * MIB),
    ],
)
def test_what_leaks_is_named(measure: str, an_hour: float) -> None:
    """Growth that would be hard to see in twelve minutes of a graph fails the run."""
    leaking = [
        replace(each, **{measure: getattr(each, measure) + int(an_hour * each.at / 3600)})
        for each in FLAT
    ]

    (found,) = growth(trends(leaking))

    assert found.startswith(measure)


def test_what_grows_while_warming_up_is_no_growth() -> None:
    """Caches and pools are filled in the first two minutes."""
    warming = [replace(each, memory=int(each.memory * min(1.0, each.at / 120))) for each in FLAT]

    assert growth(trends(warming)) == []


def test_rates_are_those_between_samples() -> None:
    """Rows and CPU seconds only ever add up, so their trend is that of their speed."""
    found = {each.name: each for each in trends(FLAT)}

    assert (1000.0, 1000.0) == (found["rows stored /s"].first, found["rows stored /s"].last)
    assert found["daemon CPU %"].first == pytest.approx(6.0)


def test_books_that_balance_raise_no_complaint() -> None:
    """Fetched is stored, duplicate and rejected, counted on both sides."""
    assert imbalances(SAID, KEPT, refused={}) == []


@pytest.mark.parametrize(
    ("log", "database", "refused"),
    [
        (replace(SAID, left=None), KEPT, {}),
        (replace(SAID, fetched=105, left=5), KEPT, {}),
        (replace(SAID, fetched=101), KEPT, {}),
        (SAID, replace(KEPT, duplicate=8), {}),
        (SAID, replace(KEPT, snapshots=89), {}),
        (SAID, replace(KEPT, rejects=4), {}),
        (SAID, KEPT, {"htx.public": 1}),
    ],
)
def test_books_that_do_not_balance_are_named(
    log: Said, database: Kept, refused: dict[str, int]
) -> None:
    """Each pair of figures that must agree is compared with one that does not."""
    assert len(imbalances(log, database, refused)) == 1


def test_the_log_is_counted_by_itself(tmp_path: Path) -> None:
    """Good and rejected rows of every poll, what was left, and each warning."""
    log = tmp_path / "daemon.log"
    log.write_text(
        '{"event": "poll.done", "level": "info", "rows": 40, "rejected": 2}\n'
        '{"event": "poll.done", "level": "info", "rows": 20, "rejected": 0}\n'
        '{"event": "poll.skipped", "level": "warning"}\n'
        '{"event": "collector.stopped", "level": "info", "rows_left_in_journal": 5}\n'
    )

    assert Said(62, 5, {"poll.skipped": 1}) == said(log)
