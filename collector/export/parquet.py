"""Parquet, with exact decimals that DuckDB, pandas and polars all read.

They agree on decimals of up to 38 digits. With more, polars refuses the file and DuckDB makes
floating-point numbers of them without a word. So the digits are counted before the types are
chosen: rows are first kept as text, in a file beside, and a column that needs more stays text.
"""

import contextlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from collector.db.reading import Column

_DIGITS = 38
_SCALE = 18
"""Most columns get this one, so that files of different days have the same types."""

_TOGETHER_BYTES = 8 * 2**20
_GROUP_ROWS = 2**16
_TYPES: dict[str, Any] = {
    "timestamptz": pa.timestamp("us", tz="UTC"),
    "int4": pa.int32(),
    "int8": pa.int64(),
    "bool": pa.bool_(),
}
"""Of the other types the text is kept."""


@dataclass
class Digits:
    """The most digits that a column has before and after the point, zeros at the end left out."""

    before: int = 1
    after: int = 0

    def count(self, trimmed: Any) -> None:
        """Count those of an array of texts."""
        length = pc.utf8_length(trimmed)
        point = pc.find_substring(trimmed, ".")
        broken = pc.greater_equal(point, 0)
        before = pc.max(pc.if_else(broken, point, length)).as_py() or 0
        after = pc.max(pc.if_else(broken, pc.subtract(pc.subtract(length, point), 1), 0)).as_py()
        self.before, self.after = max(self.before, before), max(self.after, after or 0)

    def type(self) -> Any:
        """Return a decimal type that loses nothing, or that of text if there is none."""
        if self.before + self.after > _DIGITS:
            return pa.string()
        fits = self.after <= _SCALE and self.before + _SCALE <= _DIGITS
        return pa.decimal128(_DIGITS, _SCALE if fits else self.after)


class ParquetWriter:
    """Rows into a Parquet file. Memory depends on neither their number nor their order."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._kept = path.with_name(path.name + "-text")
        self._writer: Any = None
        self._schema: Any = None
        self._digits: dict[str, Digits] = {}
        self._waiting: list[bytes] = []
        self._waiting_bytes = 0

    def begin(self, columns: Sequence[Column]) -> None:
        """Choose the types, as far as they do not depend on the data."""
        self._schema = pa.schema(
            [(column.name, _TYPES.get(column.type, pa.string())) for column in columns]
        )
        self._digits = {each.name: Digits() for each in columns if each.type == "numeric"}
        self._writer = pq.ParquetWriter(self._kept, self._schema, compression="lz4")

    def write(self, lines: bytes) -> None:
        """Take rows: whole lines of CSV."""
        self._waiting.append(lines)
        self._waiting_bytes += len(lines)
        if self._waiting_bytes >= _TOGETHER_BYTES:
            self._keep()

    def finish(self) -> Sequence[str]:
        """Write the file, now that it is known how long the numbers are."""
        self._keep()
        self._writer.close()
        types = {name: digits.type() for name, digits in self._digits.items()}
        schema = pa.schema(
            [each.with_type(types.get(each.name, each.type)) for each in self._schema]
        )
        with (
            pq.ParquetFile(self._kept) as kept,
            pq.ParquetWriter(self._path, schema, compression="zstd") as writer,
        ):
            for group in range(kept.num_row_groups):
                # One thread: several would each keep memory of their own.
                writer.write_table(_typed(kept.read_row_group(group, use_threads=False), schema))
                pa.default_memory_pool().release_unused()
        self._kept.unlink()
        return [
            f"{name} is a column of text: up to {its.before} digits before the point and"
            f" {its.after} after it are more than the {_DIGITS} that a decimal holds"
            for name, its in self._digits.items()
            if pa.types.is_string(types[name])
        ]

    def close(self) -> None:
        """Remove what is beside the file."""
        if self._writer is not None:
            with contextlib.suppress(OSError, ValueError):
                self._writer.close()
        self._kept.unlink(missing_ok=True)

    def _keep(self) -> None:
        if not self._waiting:
            return
        data = b"".join(self._waiting)
        self._waiting, self._waiting_bytes = [], 0
        table = pyarrow.csv.read_csv(
            io.BytesIO(data),
            read_options=pyarrow.csv.ReadOptions(
                column_names=self._schema.names, use_threads=False
            ),
            parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True),
            convert_options=pyarrow.csv.ConvertOptions(
                column_types=self._schema,
                null_values=[""],
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
                true_values=["t"],
                false_values=["f"],
            ),
        )
        for name, digits in self._digits.items():
            digits.count(_trimmed(table[name]))
        self._writer.write_table(table, row_group_size=_GROUP_ROWS)


def _trimmed(amounts: Any) -> Any:
    """Return texts of numbers without the zeros that end them behind the point."""
    broken = pc.match_substring(amounts, ".")
    return pc.if_else(broken, pc.utf8_rtrim(pc.utf8_rtrim(amounts, "0"), "."), amounts)


def _typed(table: Any, schema: Any) -> Any:
    """Return rows under the types of a schema; what would not be exact is an error."""
    arrays = [
        pc.cast(_trimmed(array), to.type) if pa.types.is_decimal(to.type) else array
        for array, to in zip(table.columns, schema, strict=True)
    ]
    return pa.table(arrays, schema=schema)
