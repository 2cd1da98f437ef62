"""One file instead of many small ones of a log table, in which each row still says with which version it came.

That version is a column of the file alone, not of the table. The name says which versions the file is for; a table's
merged files never overlap. So whoever reads "what versions 5 to 9 added" finds it as long as the table has the rows,
however often they were merged since, and commit by commit as it was.
"""

import re
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

VERSION = "_version"
_NAME = re.compile(r"merged-(\d+)-(\d{20})-(\d{20})\.parquet")
_ROWS = 100_000  # of a row group


class Merged(NamedTuple):
    """What the name of a merged file says."""

    tier: int  # how often its rows were merged, at most
    first: int
    last: int

    @property
    def file(self) -> str:
        return f"merged-{self.tier}-{self.first:020}-{self.last:020}.parquet"

    @classmethod
    def of(cls, file: str) -> Self | None:
        """None for a file as it was appended."""
        found = _NAME.fullmatch(file)
        return cls(*map(int, found.groups())) if found else None


def write(parts: Sequence[tuple[int, memoryview]], sink: Path) -> None:
    """Write data files, each with the version that added it (for merged ones it says nothing), in this order."""
    schema = pa.unify_schemas([_with_version(pq.read_schema(pa.BufferReader(content))) for _, content in parts])
    waiting: list[pa.Table] = []
    with pq.ParquetWriter(sink, schema, compression="zstd") as writer:
        for version, content in parts:
            for batch in pq.ParquetFile(pa.BufferReader(content)).iter_batches(_ROWS, use_threads=False):
                rows = pa.Table.from_batches([batch])
                if VERSION not in rows.column_names:
                    rows = rows.append_column(VERSION, pa.array(np.full(len(rows), version)))
                waiting.append(rows)
                if sum(map(len, waiting)) >= _ROWS:
                    writer.write_table(_joined(waiting, schema))
                    waiting = []
        if waiting:
            writer.write_table(_joined(waiting, schema))


def whole(
    content: memoryview, after: int = -1, until: int = sys.maxsize, columns: list[str] | None = None
) -> Iterator[pa.Table]:
    """The rows of versions `after + 1 … until` with their version, piece by piece, none of which ends within one."""
    file = pq.ParquetFile(pa.BufferReader(content))
    place = file.schema_arrow.get_field_index(VERSION)
    wanted = None if columns is None else [VERSION, *(c for c in columns if c in file.schema_arrow.names)]
    rest: list[pa.Table] = []  # rows of a version that may go on in the next row group
    for group in range(file.num_row_groups):
        known = file.metadata.row_group(group).column(place).statistics
        if known.max <= after or known.min > until:
            continue
        rows = pa.concat_tables([*rest, file.read_row_group(group, wanted, use_threads=False)])
        numbers = rows[VERSION].to_numpy()
        begin, end = np.searchsorted(numbers, (after, until), "right").tolist()
        last = int(np.searchsorted(numbers, numbers[-1]))
        if begin < min(last, end):
            yield rows.slice(begin, min(last, end) - begin)
        begin = max(begin, last)
        rest = [rows.slice(begin, end - begin)] if begin < end else []
    yield from rest


def runs(numbers: NDArray[np.int64]) -> Iterator[tuple[int, int, int]]:
    """Each number of a sorted array, with where it begins and ends."""
    starts = np.flatnonzero(np.diff(numbers, prepend=-1)) if len(numbers) else np.zeros(0, np.intp)
    ends = [*starts[1:].tolist(), len(numbers)]
    yield from zip(numbers[starts].tolist(), starts.tolist(), ends, strict=True)


def statistics(content: memoryview) -> dict[str, Any]:
    """What Delta wants to know of a file: how many rows it has, and from and to which event time, in milliseconds."""
    file = pq.ParquetFile(pa.BufferReader(content))
    place = file.schema_arrow.get_field_index("event_time")
    known = [file.metadata.row_group(i).column(place).statistics for i in range(file.num_row_groups) if place >= 0]
    ranges = [group for group in known if group is not None and group.has_min_max]
    found: dict[str, Any] = {"numRecords": file.metadata.num_rows, "minValues": {}, "maxValues": {}, "nullCount": {}}
    if ranges:
        found["minValues"]["event_time"] = _iso(min(group.min for group in ranges))
        found["maxValues"]["event_time"] = _iso(max(group.max for group in ranges))
    return found


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _with_version(schema: pa.Schema) -> pa.Schema:
    schema = schema.remove_metadata()
    return schema if VERSION in schema.names else schema.append(pa.field(VERSION, pa.int64()))


def _joined(tables: list[pa.Table], schema: pa.Schema) -> pa.Table:
    """As one table with these columns; what a part lacks is null."""
    both = pa.concat_tables([schema.empty_table(), *tables], promote_options="default")
    return both.select(schema.names).cast(schema)
