"""`collector export`: a file is there when it is whole, and wrong input is said in a sentence."""

import asyncio
import contextlib
import errno
import os
import signal
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from collector.db import Connection, Database
from collector.db.relations import RELATIONS
from collector.db.store import store
from collector.errors import OutputError
from collector.export.target import taking_place
from tests.conftest import Logins
from tests.daemon.conftest import Program, Running, eventually
from tests.daemon.stored import store_rows
from tests.rows import MOMENT, entries, reply, snapshot

pytestmark = pytest.mark.db

WAITING = (
    "SELECT count(*) = 1 FROM pg_stat_activity"
    " WHERE datname = current_database() AND application_name = 'collector export'"
    " AND wait_event_type = 'Lock'"
)
LOCK = "BEGIN; LOCK TABLE collector_storage.open_interest IN ACCESS EXCLUSIVE MODE"


@pytest.fixture
async def _locked(dsn: str) -> AsyncIterator[None]:
    """Somebody has the table for himself."""
    connection = await asyncpg.connect(dsn)
    await connection.execute(LOCK)
    yield
    await connection.close()


async def blocked(program: Program, sql: Connection) -> Running:
    """Start an export into a file that has to wait for its rows."""
    running = await program.start("export", "all.csv")
    await eventually(lambda: sql.fetchval(WAITING))
    assert [each.name[:9] for each in drafts(program)] == [".all.csv."]
    return running


def drafts(program: Program) -> list[Path]:
    """Return what an export has put into the folder, whole or not."""
    return [each for each in program.folder.iterdir() if not each.name.startswith("log-")]


@pytest.mark.usefixtures("_locked")
@pytest.mark.parametrize(("number", "expected"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
async def test_a_signal_leaves_nothing(
    program: Program, sql: Connection, number: signal.Signals, expected: int
) -> None:
    """Neither a file nor a part of one, and nothing to read."""
    running = await blocked(program, sql)
    status, _ = await running.stop(number)

    assert status == expected
    assert drafts(program) == []
    assert "Traceback" not in running.log.read_text(encoding="utf-8")


@pytest.mark.parametrize("there", [False, True])
def test_a_file_system_without_links_has_its_file_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, there: bool
) -> None:
    """And what has come there meanwhile stays."""

    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    path = tmp_path / "all.csv"
    with (
        pytest.raises(OutputError, match="there already") if there else contextlib.nullcontext(),
        taking_place(path, force=False) as draft,
    ):
        draft.write_text("whole")
        if there:
            path.write_text("mine")

    assert path.read_text() == ("mine" if there else "whole")
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.usefixtures("_locked")
async def test_a_database_that_goes_away_leaves_nothing(program: Program, sql: Connection) -> None:
    """One sentence, and status 1."""
    running = await blocked(program, sql)
    await sql.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND application_name = 'collector export'"
    )
    status = await asyncio.wait_for(running.process.wait(), 30)

    errors = running.log.read_text(encoding="utf-8")
    assert status == 1
    assert errors.startswith("collector: ")
    assert "Traceback" not in errors
    assert drafts(program) == []


@pytest.mark.parametrize("file", ["all.csv", "all.parquet"])
async def test_a_file_that_is_there_is_replaced_only_with_force(
    program: Program, database: Database, file: str
) -> None:
    """Without it nothing is touched, and the user is told of it."""
    await store_rows(database)
    path = program.folder / file
    path.write_text("mine", encoding="utf-8")

    assert await program.run("export", file) == (
        1,
        "",
        f"collector: {file}: it is there already; see --force\n",
    )
    assert path.read_text(encoding="utf-8") == "mine"
    assert await program.run("export", file, "--force") == (0, "", f"{file}: 9 rows\n")
    assert path.read_bytes() != b"mine"
    assert drafts(program) == [path]


async def test_a_folder_that_is_not_there_is_a_sentence(program: Program) -> None:
    """Nothing is asked of the database for it."""
    assert await program.run("export", "no/all.csv") == (
        1,
        "",
        "collector: no/all.csv: No such file or directory\n",
    )


@pytest.mark.parametrize("file", ["all.csv", "all.parquet"])
async def test_a_disk_that_takes_no_more_leaves_nothing(
    program: Program, database: Database, file: str
) -> None:
    """The error is said as what it is, and not taken for one of the database."""
    rows = [snapshot(f"S{number}", exchange_ts=MOMENT) for number in range(1000)]
    await store(database, entries(reply(*rows)))
    limit = "import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, (500, 500))\n"
    (program.folder / "sitecustomize.py").write_text(limit)
    program.environment["PYTHONPATH"] = str(program.folder)
    program.environment["PYTHONDONTWRITEBYTECODE"] = "1"
    status, _, errors = await program.run("export", file)

    assert status == 1
    assert errors.startswith(f"collector: {file}: ")
    assert errors.endswith("File too large\n")
    assert [each.name for each in drafts(program)] == ["sitecustomize.py"]


@pytest.mark.parametrize("kind", ["pipe", "link", "folder"])
async def test_what_is_no_ordinary_file_is_not_replaced_even_with_force(
    program: Program, database: Database, kind: str
) -> None:
    """Root could put a file in the place of a device."""
    path = program.folder / "it.csv"
    match kind:
        case "pipe":
            os.mkfifo(path)
        case "link":
            path.symlink_to("elsewhere")
        case _:
            path.mkdir()
    status, _, errors = await program.run("export", "it.csv", "--force")

    assert (status, errors) == (
        1,
        "collector: it.csv: what is there is no ordinary file, and stays\n",
    )
    assert not path.is_file()
    assert drafts(program) == [path]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["all.txt"], "all.txt: ends with neither .csv nor .parquet; say --format"),
        (["--format", "parquet"], "Parquet needs a FILE: it cannot go to standard output"),
        (["--from", "yesterday"], "'yesterday' is no date or time; permitted: 2026-11-21, "),
        (["--from", "999999w"], "'999999w' ago is before the calendar begins"),
        (["--to", "0001-01-01T00:00+14:00"], "is beyond the calendar"),
        (
            ["--from", "2026-02-02", "--to", "2026-02-01"],
            "--from 2026-02-02 00:00:00 is not before --to 2026-02-01 00:00:00 (UTC)",
        ),
        (["--of", "polls", "--symbol", "BTC*"], "--symbol: polls has no symbols"),
        (["--of", "journal_marks"], "'journal_marks' is not one of 'open_interest', "),
        (["--venue", "binance"], "'binance' is not one of 'bitget', 'htx', 'synthetix'"),
    ],
)
async def test_wrong_input_is_status_2_and_a_sentence(
    program: Program, arguments: list[str], sentence: str
) -> None:
    """It says what would be permitted."""
    status, output, errors = await program.run("export", *arguments)

    assert (status, output) == (2, "")
    assert sentence in errors
    assert drafts(program) == []


async def test_the_writer_is_told_which_login_may_read(program: Program) -> None:
    """Its own rights end at what the daemon needs."""
    status, _, errors = await program.run("export", "--of", "rejects")

    assert status == 1
    assert "permission denied" in errors
    assert "put that of an analyst into COLLECTOR__DATABASE__DSN, or GRANT analyst" in errors


async def test_without_pyarrow_parquet_is_refused_and_csv_is_not(program: Program) -> None:
    """It is an extra, and half of an installation."""
    broken = program.folder / "sitecustomize.py"
    broken.write_text("import sys\nsys.modules['pyarrow'] = None\n")
    program.environment["PYTHONPATH"] = str(program.folder)
    status, _, errors = await program.run("export", "all.parquet")

    assert status == 1
    assert errors.startswith("collector: Parquet needs pyarrow, which is not installed here: ")
    assert (await program.run("export", "all.csv"))[0] == 0
    assert not (program.folder / "all.parquet").exists()


async def test_a_reader_that_has_had_enough_is_no_fault(
    program: Program, database: Database
) -> None:
    """As `collector export | head -1` does it: no message, no traceback."""
    rows = [snapshot(f"S{number}", exchange_ts=MOMENT) for number in range(5000)]
    await store(database, entries(reply(*rows)))
    running = await program.start("export")
    assert running.process.stdout is not None
    head = await running.process.stdout.readline()
    running.process.stdout._transport.close()  # type: ignore[attr-defined]  # noqa: SLF001
    await asyncio.wait_for(running.process.wait(), 30)

    assert head.startswith(b"venue,symbol,")
    assert running.log.read_text(encoding="utf-8") == ""


async def test_an_analyst_may_export_everything(
    program: Program, database: Database, dsn: str, logins: Logins
) -> None:
    """Each name that --of permits."""
    await store_rows(database)
    program.set(database__dsn=logins.dsn(logins.analyst, dsn.rpartition("/")[2]))
    for name in RELATIONS:
        assert (await program.run("export", "--of", name))[0] == 0


async def test_a_bar_is_drawn_on_a_terminal_and_nowhere_else(
    program: Program, database: Database
) -> None:
    """On standard error, so that it is not among the rows."""
    await store_rows(database)
    ours, theirs = os.openpty()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "collector", "export"),
        env=program.environment,
        cwd=program.folder,
        stdout=PIPE,
        stderr=theirs,
    )
    os.close(theirs)
    output, _ = await process.communicate()
    drawn = os.read(ours, 2**16).decode()
    os.close(ours)
    _, plain, errors = await program.run("export")

    assert "open_interest" in drawn
    assert "9 rows" in drawn
    assert "\x1b[" in drawn
    assert output.decode() == plain
    assert errors == "standard output: 9 rows\n"
