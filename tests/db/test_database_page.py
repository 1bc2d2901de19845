"""docs/database.md says what the database says of itself."""

import re
from datetime import timedelta
from pathlib import Path

import pytest
from database_page import described, written

from collector.db import Connection, Database
from collector.db.store import store
from tests.rows import MOMENT, entries, instrument, listing, poll, reply, snapshot

pytestmark = pytest.mark.db

ROOT = Path(__file__).parents[2]
COOKBOOK = (ROOT / "docs/cookbook.md").read_text(encoding="utf-8")
QUESTIONS = dict(re.findall(r"^## (.*?)\n.*?```sql\n(.*?)```", COOKBOOK, re.DOTALL | re.MULTILINE))


async def test_the_page_is_what_the_database_says(sql: Connection) -> None:
    """A comment that was changed has to be written into the page as well: `make docs`."""
    assert (await described(sql)).strip() == written()


@pytest.mark.parametrize("question", QUESTIONS)
async def test_each_question_of_the_cookbook_can_be_asked(
    database: Database, analyst: Connection, question: str
) -> None:
    """By somebody who may read and nothing else, with rows of all venues in the tables."""
    rows = [snapshot("BTCUSDT", exchange_ts=MOMENT + timedelta(minutes=n)) for n in range(3)]
    await store(database, entries(listing(instrument()), reply(*rows), poll()))

    for statement in QUESTIONS[question].split(";"):
        if statement.strip():
            await analyst.fetch(statement)


async def test_the_questions_of_the_readme_can_be_asked(analyst: Connection) -> None:
    """They are the first that anybody tries."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    statements = [
        statement
        for block in re.findall(r"```sql\n(.*?)```", readme, re.DOTALL)
        for statement in re.sub(r"^--.*", "", block, flags=re.MULTILINE).split(";")
        if statement.strip()
    ]

    for statement in statements:
        await analyst.fetch(statement)
    assert len(statements) >= 5


def test_the_cookbook_has_as_many_questions_as_it_shows() -> None:
    """No block of SQL is left out of the test above."""
    assert len(QUESTIONS) == COOKBOOK.count("```sql") >= 15
