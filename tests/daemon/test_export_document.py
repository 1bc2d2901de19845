"""The programs in docs/export.md read what `collector export` has written, as the page says."""

import re
import sys
from asyncio.subprocess import PIPE, create_subprocess_exec
from pathlib import Path

import pytest

from collector.db import Database
from tests.daemon.conftest import Program
from tests.daemon.stored import store_rows

pytestmark = pytest.mark.db

PAGE = (Path(__file__).parents[2] / "docs/export.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```python\n(.*?)```\s+```text\n(.*?)```", PAGE, re.DOTALL)


def test_the_page_shows_each_reader_on_both_formats() -> None:
    """And every program on it stands before what it prints."""
    assert len(EXAMPLES) == PAGE.count("```python")
    for reader in ("duckdb", "pandas", "polars"):
        for file in ("oi.parquet", "oi.csv"):
            assert any(reader in program and file in program for program, _ in EXAMPLES)


@pytest.fixture
async def _exported(program: Program, database: Database) -> None:
    await store_rows(database)
    for file in ("oi.parquet", "oi.csv"):
        assert (await program.run("export", file))[0] == 0


@pytest.mark.usefixtures("_exported")
@pytest.mark.parametrize(("source", "printed"), EXAMPLES)
async def test_a_program_of_the_page_prints_what_the_page_says(
    program: Program, source: str, printed: str
) -> None:
    """With warnings as errors: what a user copies from it works, to the last digit."""
    process = await create_subprocess_exec(
        *(sys.executable, "-W", "error", "-c", source), cwd=program.folder, stdout=PIPE, stderr=PIPE
    )
    output, errors = await process.communicate()

    assert (output.decode(), errors.decode()) == (printed, "")
