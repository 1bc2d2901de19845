r"""Write what the database says about itself into docs/database.md.

    scripts/timescaledb.py run page --fast -- .venv/bin/python scripts/database_page.py

The texts are those of COMMENT ON, so that the page and `\d+` in psql cannot say different things.
A test compares the page with the database.
"""

import asyncio
import os
import re
import sys
from collections.abc import Iterable
from itertools import groupby
from operator import itemgetter
from pathlib import Path

from collector.db import Connection, Database
from collector.db.migrate import migrate

PAGE = Path(__file__).parents[1] / "docs" / "database.md"
_BEGIN = "<!-- From here to the end: made by scripts/database_page.py. -->\n"

_COLUMNS = """
SELECT c.oid::regclass::text AS relation,
    CASE relkind WHEN 'v' THEN 'view' ELSE 'table' END AS kind,
    obj_description(c.oid, 'pg_class') AS about, attname AS name,
    format_type(atttypid, atttypmod) AS type, col_description(c.oid, attnum) AS meaning
FROM pg_class AS c JOIN pg_attribute AS a ON attrelid = c.oid AND attnum > 0 AND NOT attisdropped
WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'v')
    AND NOT EXISTS (
        SELECT FROM pg_depend
        WHERE classid = 'pg_class'::regclass AND objid = c.oid AND deptype = 'e'
    )
ORDER BY relation, attnum
"""

_FUNCTIONS = """
SELECT p.proname || '(' || pg_get_function_arguments(p.oid) || ')' AS call,
    pg_get_function_result(p.oid) AS result, obj_description(p.oid, 'pg_proc') AS about
FROM pg_proc AS p
WHERE pronamespace = 'public'::regnamespace AND NOT EXISTS (
    SELECT FROM pg_depend
    WHERE classid = 'pg_proc'::regclass AND objid = p.oid AND deptype = 'e'
)
ORDER BY call
"""

_OWN = "For the collector itself"
"""What a comment says of the things that are not for people."""


async def described(connection: Connection) -> str:
    """Return the tables, views and functions that are for people, as Markdown."""
    columns = [tuple(row) for row in await connection.fetch(_COLUMNS)]
    functions = [tuple(row) for row in await connection.fetch(_FUNCTIONS)]
    parts = [
        part
        for key, rows in groupby(columns, key=itemgetter(0, 1, 2))
        for part in _relation(key, rows)
    ]
    for call, result, about in functions:
        if _OWN not in str(about):
            parts += [f"### `{call}`", "", f"{about} Returns `{result}`.", ""]
    return "\n".join(parts)


def _relation(key: tuple[str, str, str], rows: Iterable[tuple[str, ...]]) -> list[str]:
    name, kind, about = key
    if not about or _OWN in about:
        return []
    lines = [f"### `{name}` ({kind})", "", about, "", "| Column | Type | |", "|---|---|---|"]
    lines += [f"| `{row[3]}` | {_type(row[4])} | {_cell(row[5])} |" for row in rows]
    return [*lines, ""]


def _type(name: str) -> str:
    return name.replace("timestamp with time zone", "timestamptz")


def _cell(text: str | None) -> str:
    return re.sub(r"([|<>*_])", r"\\\1", text or "")


def written() -> str:
    """Return what the page says now."""
    return PAGE.read_text(encoding="utf-8").partition(_BEGIN)[2].strip()


async def _write(dsn: str) -> None:
    database = Database(dsn)
    await migrate(database)
    async with database.session() as connection:
        text = await described(connection)
    await database.close()
    before = PAGE.read_text(encoding="utf-8").partition(_BEGIN)[0]
    PAGE.write_text(f"{before}{_BEGIN}\n{text.rstrip()}\n", encoding="utf-8")


if __name__ == "__main__":
    asyncio.run(_write(os.environ["COLLECTOR__DATABASE__DSN"]))
    sys.exit(0)
