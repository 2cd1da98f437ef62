"""Column types: the few that a Delta table keeps exactly, and the check that a batch fits the table.

Delta casts silently when it appends (1.9 becomes 1), so nothing is appended that was not made to fit here.
"""

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from gradino.errors import DataError

MOMENT = pa.timestamp("us", tz="UTC")
BATCH = "_batch"  # sha256 of the raw batch a row came with
ORIGIN = b"gradino.origin"  # in a raw batch's own metadata: which source, asked since when, or which files by SHA-256


@dataclass(frozen=True)
class Batch:
    """A judged batch. `bad` has the columns `time`, `row` (JSON), `reason`; `raw` is the SHA-256 of the stored file.

    `seen` is what the next reading is to know of the files of this one.
    """

    raw: str
    good: pa.Table
    bad: pa.Table
    seen: dict[str, str]


def settle(data: pa.Table) -> pa.Table:
    """Give each column the type under which the table will keep it, losing nothing but nanoseconds.

    Times become microseconds in UTC, naive ones are taken as UTC; categories become their values; unsigned integers
    become int64. Raises DataError for a type that a table cannot hold.
    """
    columns = {}
    for name, column in zip(data.column_names, data.columns, strict=True):
        try:
            columns[name] = _settled(column)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise DataError(f"column `{name}` of type {column.type}: {error}", "convert it in the source") from None
    return pa.table(columns)


def fit(data: pa.Table, schema: pa.Schema | None) -> pa.Table:
    """Make a settled batch fit the table's `schema` (None: there is no table yet) without changing any value.

    Integers and floats may stand for each other as long as every value stays the same: pandas writes integers with
    gaps as floats. New columns are let in; one that holds nothing waits until its first value gives it a type.

    Raises:
        DataError: a column has another type than in the table, or is no longer there.
    """
    columns = {}
    known = {} if schema is None else {field.name: field.type for field in schema if field.name != BATCH}
    for name, kind in known.items():
        if name not in data.column_names:
            raise DataError(
                f"column `{name}` is in the table but not in the batch, which has: {', '.join(data.column_names)}",
                f"let the source deliver `{name}` again, with empty values where there are none",
            )
        columns[name] = _fitted(name, data[name], kind)
    for name in data.column_names:
        if name not in known and not pa.types.is_null(data[name].type):
            columns[name] = data[name]
    return pa.table(columns)


def _settled(column: pa.ChunkedArray) -> pa.ChunkedArray:
    kind = column.type
    if pa.types.is_dictionary(kind):
        return _settled(column.cast(kind.value_type))
    if pa.types.is_timestamp(kind):
        aware = column if kind.tz else pc.assume_timezone(column, "UTC")
        return aware.cast(MOMENT, safe=False)
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return column.cast(pa.string())
    if pa.types.is_unsigned_integer(kind):
        return column.cast(pa.int64())
    if pa.types.is_float16(kind):
        return column.cast(pa.float32())
    if pa.types.is_duration(kind) or pa.types.is_time(kind) or pa.types.is_interval(kind):
        raise pa.ArrowNotImplementedError("a table holds no durations and no times without a date")
    return column


def _fitted(name: str, column: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    if column.type == kind:
        return column
    if pa.types.is_null(column.type) or (_is_number(column.type) and _is_number(kind)):
        try:
            return column.cast(kind)
        except pa.ArrowInvalid as error:
            reason = f": {error}"
    else:
        reason = ""
    raise DataError(
        f"column `{name}` is {kind} in the table, the batch brought {column.type}{reason}",
        f"let the source deliver `{name}` as {kind}, or give a changed meaning a new name",
    )


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))
