"""docs/database.md says what the database says of itself."""

import pytest
from database_page import described, written

from collector.db import Connection

pytestmark = pytest.mark.db


async def test_the_page_is_what_the_database_says(sql: Connection) -> None:
    """A comment that was changed has to be written into the page as well: `make docs`."""
    assert (await described(sql)).strip() == written()
