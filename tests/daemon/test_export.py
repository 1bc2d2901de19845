"""`collector export`: which rows, and that they are exact."""

import csv
import io
import json
from decimal import Decimal

import pyarrow.parquet as pq
import pytest

from collector.db import Connection, Database
from collector.db.store import store
from tests.conftest import Logins
from tests.daemon.conftest import Program
from tests.daemon.stored import LONGEST, START, WORDS, store_longest, store_rows
from tests.rows import entries, poll, reply, snapshot

pytestmark = pytest.mark.db


@pytest.fixture
async def _rows(database: Database) -> None:
    await store_rows(database)


@pytest.fixture
def reader(program: Program, dsn: str, logins: Logins) -> Program:
    """The program with an analyst's login."""
    program.set(database__dsn=logins.dsn(logins.analyst, dsn.rpartition("/")[2]))
    return program


def parsed(text: str) -> list[dict[str, str]]:
    """Return the rows of a CSV text."""
    return list(csv.DictReader(io.StringIO(text)))


@pytest.mark.usefixtures("_rows")
async def test_csv_has_every_row_in_order_with_the_digits_of_the_database(
    program: Program, sql: Connection
) -> None:
    """By time, then by key; the amounts are the very text that PostgreSQL has for them."""
    stored = await sql.fetch(
        "SELECT venue, symbol, open_interest_base::text, open_interest_contracts::text"
        " FROM open_interest ORDER BY exchange_ts, venue, symbol"
    )
    status, output, errors = await program.run("export")

    rows = parsed(output)
    amounts = ("open_interest_base", "open_interest_contracts")
    assert (status, errors) == (0, "standard output: 9 rows\n")
    assert [
        (row["venue"], row["symbol"], *(row[name] or None for name in amounts)) for row in rows
    ] == [tuple(row) for row in stored]
    assert "50096213.000000000000000000" in output
    assert rows[0]["exchange_ts"] == "2026-03-01 12:00:00.789+00"


@pytest.mark.usefixtures("_rows")
@pytest.mark.parametrize(
    ("options", "count"),
    [
        ([], 9),
        (["--venue", "htx"], 3),
        (["--venue", "htx", "--venue", "bitget"], 9),
        (["--symbol", "BTC*"], 6),
        (["--symbol", "BTC?USDT", "--symbol", "ETH*"], 6),
        (["--symbol", "[!B]*"], 3),
        (["--symbol", "btc*"], 0),
        (["--symbol", "BTC.USDT"], 0),
        (["--venue", "bitget", "--symbol", "BTC*", "--from", "2026-03-01T12:01"], 2),
        (["--from", "2026-03-01T12:01:00.789", "--to", "2026-03-01T12:02:00.789"], 3),
        (["--from", "2026-03-01", "--to", "2026-03-02"], 9),
        (["--to", "2026-03-01T13:01:00+01:00"], 3),
        (["--from", "1m"], 0),
    ],
)
async def test_options_choose_the_rows(program: Program, options: list[str], count: int) -> None:
    """Venues, patterns as in include, from a moment on, and until one that is not included."""
    status, output, _ = await program.run("export", *options)

    assert status == 0
    assert len(parsed(output)) == count


@pytest.mark.usefixtures("_rows")
async def test_parquet_has_exact_decimals_and_the_same_rows(program: Program) -> None:
    """The type is decimal128(38, 18) in each file whose numbers fit, and nothing is rounded."""
    _, text, _ = await program.run("export")
    status, output, errors = await program.run("export", "all.parquet")

    table = pq.read_table(program.folder / "all.parquet")
    types = {field.name: str(field.type) for field in table.schema}
    assert (status, output, errors) == (0, "", "all.parquet: 9 rows\n")
    assert types["open_interest_base"] == "decimal128(38, 18)"
    assert types["exchange_ts"] == "timestamp[us, tz=UTC]"
    for row, expected in zip(table.to_pylist(), parsed(text), strict=True):
        assert (row["venue"], row["symbol"]) == (expected["venue"], expected["symbol"])
        assert row["exchange_ts"].isoformat(" ", "milliseconds") == f"{expected['exchange_ts']}:00"
        for name in ("open_interest_base", "open_interest_contracts", "open_interest_quote"):
            assert row[name] == (Decimal(expected[name]) if expected[name] else None)


@pytest.mark.usefixtures("_rows")
async def test_a_number_of_more_than_38_digits_makes_its_column_text(
    program: Program, database: Database
) -> None:
    """No reader has a decimal for it; the user is told, and the other columns stay numbers."""
    await store_longest(database)
    status, _, errors = await program.run("export", "all.parquet")

    table = pq.read_table(program.folder / "all.parquet")
    assert status == 0
    assert "open_interest_base is a column of text: up to 21 digits before the point" in errors
    assert table["open_interest_base"].to_pylist()[-1] == LONGEST
    assert str(table.schema.field("open_interest_quote").type) == "decimal128(38, 18)"


async def test_zeros_at_the_end_do_not_make_a_number_too_long(
    program: Program, database: Database
) -> None:
    """10^20 with the 18 places that HTX sends is a decimal, of fewer places."""
    long = "100000000000000000000.000000000000000000"
    await store(database, entries(reply(snapshot("A", long), snapshot("B", "0.5"))))
    await program.run("export", "all.parquet")

    table = pq.read_table(program.folder / "all.parquet")
    assert str(table.schema.field("open_interest_base").type) == "decimal128(38, 1)"
    assert table["open_interest_base"].to_pylist() == [Decimal(10) ** 20, Decimal("0.5")]


async def test_more_than_18_places_are_kept(program: Program, database: Database) -> None:
    """The column has as many as its longest number."""
    await store(database, entries(reply(snapshot("A", "0.0000000000000000001"))))
    await program.run("export", "all.parquet")

    table = pq.read_table(program.folder / "all.parquet")
    assert str(table.schema.field("open_interest_base").type) == "decimal128(38, 19)"
    assert table["open_interest_base"].to_pylist() == [Decimal("1E-19")]


async def test_line_breaks_do_not_end_a_row_however_much_there_is(
    reader: Program, sql: Connection
) -> None:
    """Several megabytes, so that breaks are wherever the reader of the text divides it."""
    await sql.execute(
        "INSERT INTO rejects SELECT 'htx', now(), NULL, NULL, n::text, repeat(E'a\n', 500)"
        " FROM generate_series(1, 3000) AS n"
    )
    status, _, errors = await reader.run("export", "r.parquet", "--of", "rejects")

    raw = pq.read_table(reader.folder / "r.parquet")["raw"].to_pylist()
    assert (status, errors) == (0, "r.parquet: 3,000 rows\n")
    assert raw == ["a\n" * 500] * 3000


@pytest.mark.usefixtures("_rows")
@pytest.mark.parametrize(("name", "count"), [("polls", 6), ("instruments", 2), ("rejects", 3)])
async def test_other_tables_come_out_as_they_are(
    reader: Program, sql: Connection, name: str, count: int
) -> None:
    """Every column under its own name, line breaks, quotes, whole numbers and truth values too."""
    stored = json.loads(await sql.fetchval(f"SELECT json_agg(to_jsonb(t)) FROM {name} AS t"))
    _, text, _ = await reader.run("export", "--of", name)
    status, _, _ = await reader.run("export", "t.parquet", "--of", name)

    table = pq.read_table(reader.folder / "t.parquet").to_pylist()
    exact = (str, int, bool, type(None))
    plain = {key for key, value in stored[0].items() if isinstance(value, exact)}
    plain -= {key for key in plain if key.endswith("_at")}
    assert status == 0
    assert len(parsed(text)) == len(table) == count
    assert list(table[0]) == list(parsed(text)[0])
    assert {tuple(row[key] for key in sorted(plain)) for row in table} == {
        tuple(row[key] for key in sorted(plain)) for row in stored
    }
    assert (WORDS in text.replace('""', '"')) == (name != "instruments")


async def test_years_come_out_whole_although_they_are_read_in_parts(
    program: Program, database: Database, sql: Connection
) -> None:
    """Rows on, before and after the times that the polls tell of."""
    days = [
        START.replace(year=year, month=month) for year in (2024, 2025, 2026) for month in (1, 7)
    ]
    rows = [reply(snapshot(exchange_ts=day), tick=day) for day in days]
    await store(database, entries(*rows, poll(tick=days[1]), poll(tick=days[4])))
    await sql.execute("DELETE FROM polls WHERE outcome = 'running'")
    status, output, _ = await program.run("export")

    assert status == 0
    assert [row["exchange_ts"][:10] for row in parsed(output)] == [f"{day:%F}" for day in days]


@pytest.mark.parametrize("file", ["none.csv", "none.parquet"])
async def test_no_rows_make_a_file_with_names_and_a_sentence(program: Program, file: str) -> None:
    """A program that reads it finds the columns."""
    status, _, errors = await program.run("export", file)

    path = program.folder / file
    names = (
        path.read_text(encoding="utf-8").strip().split(",")
        if file.endswith("csv")
        else pq.read_schema(path).names
    )
    assert status == 0
    assert names[:3] == ["venue", "symbol", "exchange_ts"]
    assert errors == f"{file}: no rows are like that: only the columns' names\n"
