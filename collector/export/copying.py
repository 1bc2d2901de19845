"""Carry rows from the database to a writer, slice by slice, and show how far it has come."""

import contextlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from collector.db import Database
from collector.db.reading import Selection, reading
from collector.db.relations import RELATIONS
from collector.errors import DatabaseError, OutputError
from collector.export.target import CsvWriter, Writer, taking_place, written

_NOT_PERMITTED = {"42501", "3F000"}
_NOT_THERE = "42P01"
_STDOUT = "standard output"


@dataclass(frozen=True)
class Exported:
    """What has been written."""

    rows: int
    remarks: tuple[str, ...] = ()
    """What the user should know about it."""


@dataclass(frozen=True)
class Destination:
    """Where rows go, and how."""

    path: Path | None
    """None: standard output."""
    form: str
    """csv or parquet."""
    force: bool = False
    """Whether a file that is there is replaced."""


async def export(database: Database, name: str, selection: Selection, to: Destination) -> Exported:
    """Write a relation's rows; a file is there when it is whole.

    Raises:
        OutputError, DatabaseError: it cannot be written, or not be read; nothing is left.
    """
    if to.path is None:
        with written(_STDOUT):
            return await _copy(database, name, selection, CsvWriter(sys.stdout.buffer), _STDOUT)
    with taking_place(to.path, force=to.force) as draft, _writer(draft, to.form) as writer:
        return await _copy(database, name, selection, writer, str(to.path))


@contextmanager
def _writer(draft: Path, form: str) -> Iterator[Writer]:
    """Make a file in a format.

    Raises:
        OutputError: pyarrow is missing.
    """
    if form == "csv":
        with draft.open("xb") as file:
            yield CsvWriter(file)
        return
    try:
        from collector.export.parquet import ParquetWriter  # noqa: PLC0415 - it is an extra
    except ModuleNotFoundError as error:
        raise OutputError(
            "Parquet needs pyarrow, which is not installed here: pip install pyarrow,"
            " or export CSV, which needs nothing"
        ) from error
    with contextlib.closing(ParquetWriter(draft)) as writer:
        yield writer


async def _copy(
    database: Database, name: str, selection: Selection, writer: Writer, place: str
) -> Exported:
    relation = RELATIONS[name]
    rows = 0

    async def receive(lines: bytes) -> None:
        # Here and not further out: what the database's driver raises is an OSError as well.
        with written(place):
            writer.write(lines)

    try:
        with _progress() as progress:
            async with reading(database, relation, selection) as source:
                columns = await source.columns()
                with written(place):
                    writer.begin(columns)
                slices = await source.slices()
                task = progress.add_task(name, total=len(slices), rows="0")
                for start, end in slices:
                    rows += await source.copy(start, end, receive)
                    progress.update(task, advance=1, rows=f"{rows:,}")
            with written(place):
                return Exported(rows, tuple(writer.finish()))
    except DatabaseError as error:
        raise _explained(name, error) from error
    finally:
        await database.close()


def _explained(name: str, error: DatabaseError) -> DatabaseError:
    """Say what to do about it, where that is known."""
    hint = ""
    if error.sqlstate in _NOT_PERMITTED:
        hint = (
            f"; this login may not read {name}: put that of an analyst into"
            " COLLECTOR__DATABASE__DSN, or GRANT analyst to it"
        )
    elif error.sqlstate == _NOT_THERE:
        hint = "; the schema is older than this collector: run `collector migrate`"
    return type(error)(f"{error}{hint}", sqlstate=error.sqlstate)


@contextmanager
def _progress() -> Iterator[Progress]:
    """Show a bar on standard error, if that is a terminal."""
    console = Console(stderr=True)
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[rows]} rows"),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
        transient=True,
    ) as progress:
        yield progress
