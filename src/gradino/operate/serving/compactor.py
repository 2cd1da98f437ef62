"""From write-ahead segments into the tables `predictions` and `feedback`, exactly once, however often it is killed.

Each table remembers in its own log up to which byte it holds each segment, so the rows and the position are one
commit. Feedback is committed before predictions: a segment's position in `predictions` therefore covers both. A
segment goes when nobody can write to it any more and both tables hold all of it. A commit is a file to be kept, so rows
wait for each other: for `pace`, unless many wait or somebody asks for one.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import Any, cast

import numpy as np
import pyarrow as pa
from arro3.core import Array
from numpy.typing import NDArray

from gradino.operate.serving.wal import FieldType, Label, Predictions, Reader, Schema, segments
from gradino.operate.store import Store
from gradino.operate.store.lock import alone
from gradino.operate.store.tables import Tables

COMPACTED = ".compacted"  # when: its modification time
_HASTE = ".haste"  # there while somebody waits for a row
PREDICTIONS, FEEDBACK = "predictions", "feedback"
_MOST_ROWS = 200_000  # of one commit
_MOST_BYTES = 16 * 2**20  # that wait
_MOMENT = pa.timestamp("us", tz="UTC")
_TYPES: dict[FieldType, pa.DataType] = {
    "number": pa.float64(),
    "integer": pa.int64(),
    "string": pa.string(),
    "boolean": pa.bool_(),
    "timestamp": _MOMENT,
}
_PLAIN = {pa.float64(): "<f8", pa.bool_(): "?"}  # how records hold them; all others are eight bytes
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Compacted:
    """Rows moved by one call, and the newest event time among its predictions."""

    predictions: int
    feedback: int
    newest_event_time: datetime | None


def compact(store: Store, environment: str, pace: timedelta = timedelta(0)) -> Compacted:
    """Move what is complete in all segments of an environment into the tables, if the last time is `pace` ago."""
    folder = store.folder("wal", environment)
    total = Compacted(0, 0, None)
    with alone(folder / ".compactor.lock"):
        if not _due(folder, store.tables, pace):
            return total
        (folder / _HASTE).unlink(missing_ok=True)
        while True:
            harvest = _gather(folder, store.tables)
            _commit(harvest, store.tables)
            for reader in harvest.spent:
                reader.path.unlink()
            newest = max(filter(None, (total.newest_event_time, harvest.newest)), default=None)
            total = Compacted(total.predictions + harvest.rows, total.feedback + len(harvest.labels), newest)
            if not harvest.more:
                (folder / COMPACTED).touch()
                return total


def waits(store: Store, environment: str, prediction: str) -> bool:
    """Whether a prediction is not in the tables yet; if so, the operator is asked to move it at once."""
    folder = store.folder("wal", environment)
    with alone(folder / ".compactor.lock"):
        found = any(
            isinstance(record, Predictions) and prediction in record.ids
            for reader in segments(folder)
            for _, record in reader.records(max(store.tables.position(PREDICTIONS, reader.name), 0))
        )
    if found:
        (folder / _HASTE).touch()
    return found


def _due(folder: Path, tables: Tables, pace: timedelta) -> bool:
    try:
        waited = time.time() - (folder / COMPACTED).stat().st_mtime
    except FileNotFoundError:
        return True
    if not 0 <= waited < pace.total_seconds() or (folder / _HASTE).exists():
        return True
    waiting = 0
    for reader in segments(folder):
        waiting += reader.path.stat().st_size - max(tables.position(PREDICTIONS, reader.name), 0)
    return waiting >= _MOST_BYTES


@dataclass
class _Harvest:
    """What one round read."""

    predictions: dict[Schema, list[tuple[str, Predictions]]] = field(default_factory=dict)
    labels: list[tuple[Label, int]] = field(default_factory=list)  # with the time they were written
    positions: dict[str, int] = field(default_factory=dict)  # by segment, of `predictions`
    label_positions: dict[str, int] = field(default_factory=dict)
    spent: list[Reader] = field(default_factory=list)
    rows: int = 0
    more: bool = False

    @property
    def newest(self) -> datetime | None:
        groups = self.predictions.values()
        newest = max((np.frombuffer(r.times, "<i8").max() for group in groups for _, r in group), default=None)
        return None if newest is None else _EPOCH + timedelta(microseconds=int(newest))


def _gather(folder: Path, tables: Tables) -> _Harvest:
    harvest = _Harvest()
    for reader in segments(folder):
        finished = reader.finished()  # before it is read: a writer may still be adding
        begin = end = max(tables.position(PREDICTIONS, reader.name), 0)
        labelled = tables.position(FEEDBACK, reader.name)
        schemas: dict[int, Schema] = {}
        for end, record in reader.records(begin):
            if isinstance(record, Predictions):
                if record.schema not in schemas:
                    schemas[record.schema] = reader.schema(record.schema)
                harvest.predictions.setdefault(schemas[record.schema], []).append((reader.name, record))
                harvest.rows += len(record.ids)
            elif not isinstance(record, Schema) and end > labelled:
                harvest.labels += [(label, record.at) for label in record.rows]
                harvest.label_positions[reader.name] = end
            if harvest.rows + len(harvest.labels) >= _MOST_ROWS:
                harvest.more = True
                break
        if end > begin:
            harvest.positions[reader.name] = end
        if harvest.more:
            break
        if finished:
            harvest.spent.append(reader)
    return harvest


def _commit(harvest: _Harvest, tables: Tables) -> None:
    if harvest.labels:
        known = _known(tables, FEEDBACK)
        tables.append_many(FEEDBACK, _fitted(_labels(harvest.labels), known), harvest.label_positions)
    if harvest.rows:
        known = _known(tables, PREDICTIONS)
        parts = [_fitted(_predictions(schema, group), known) for schema, group in harvest.predictions.items()]
        tables.append_many(PREDICTIONS, pa.concat_tables(parts, promote_options="default"), harvest.positions)


def _predictions(schema: Schema, group: Sequence[tuple[str, Predictions]]) -> pa.Table:
    records = [record for _, record in group]
    sizes = [len(record.ids) for record in records]
    columns = {
        "prediction_id": _column([i for record in records for i in record.ids], pa.string()),
        "event_time": _joined([record.times for record in records], _MOMENT),
        "at": _numbers(np.repeat([record.at for record in records], sizes), _MOMENT),
        "deployment": _numbers(np.repeat([record.deployment for record in records], sizes), pa.int64()),
        "version": _numbers(np.repeat([record.version for record in records], sizes), pa.int64()),
        "role": _repeated([record.role for record in records], sizes),
        "prediction": _joined([record.values for record in records], _value_type(schema.task)),
        "segment": _repeated([segment for segment, _ in group], sizes),
    }
    place = {True: 0, False: 0}  # the next number, the next other field
    for name, kind in schema.fields:
        is_number = kind == "number"
        parts = [_part(record, is_number, place[is_number]) for record in records]
        columns[f"x_{name}"] = _joined(parts, _TYPES[kind])
        place[is_number] += 1
    return pa.table(columns)


def _part(record: Predictions, is_number: bool, j: int) -> bytes | list[Any]:
    """One column of one record."""
    rows = len(record.ids)
    if record.numbers is None:
        return [None] * rows
    return record.numbers[8 * j * rows : 8 * (j + 1) * rows] if is_number else record.others[j]


def _joined(parts: Sequence[bytes | list[Any]], kind: pa.DataType) -> pa.Array | pa.ChunkedArray:
    """One column from the pieces that the records hold of it."""
    chunks = []
    for form, pieces in groupby(parts, type):
        if form is bytes:
            values = np.frombuffer(b"".join(cast("Iterator[bytes]", pieces)), _PLAIN.get(kind, "<i8"))
            chunks.append(_numbers(values, kind))
        else:
            chunks.append(_column([value for piece in pieces for value in piece], kind))
    return pa.chunked_array(chunks, kind)


def _numbers(values: NDArray[Any], kind: pa.DataType) -> pa.Array:
    """Without a copy; NaN and NaT are missing."""
    known = ~np.isnan(values if kind != _MOMENT else values.view("datetime64[us]"))
    valid = None if known.all() else pa.py_buffer(np.packbits(known, bitorder="little"))
    data = np.packbits(values, bitorder="little") if kind == pa.bool_() else np.ascontiguousarray(values)
    return pa.Array.from_buffers(kind, len(values), [valid, pa.py_buffer(data)])


def _repeated(values: Sequence[str], sizes: Sequence[int]) -> pa.Array:
    return _column([value for value, size in zip(values, sizes, strict=True) for _ in range(size)], pa.string())


def _labels(labels: list[tuple[Label, int]]) -> pa.Table:
    text = any(isinstance(label.value, str) for label, _ in labels)
    return pa.table(
        {
            "prediction_id": _column([label.id or None for label, _ in labels], pa.string()),
            "label": _column([label.value for label, _ in labels], pa.string() if text else pa.float64()),
            "event_time": _column([label.event_time for label, _ in labels], _MOMENT),
            "of": _column([label.of for label, _ in labels], _MOMENT),
            "unit": _column([label.unit for label, _ in labels], pa.string()),
            "at": _column([at for _, at in labels], _MOMENT),
        }
    )


def _column(values: list[Any], kind: pa.DataType) -> pa.Array:
    """By way of arro3, which delta-rs brings along: `pa.array` of a list imports pandas."""
    if kind == _MOMENT:
        return pa.array(Array(values, type=pa.int64())).cast(kind)
    return pa.array(Array(values, type=kind))


def _value_type(task: str) -> pa.DataType:
    return pa.float64() if task == "regression" else pa.string()


def _known(tables: Tables, name: str) -> dict[str, pa.DataType]:
    """The columns a table has, with their types."""
    table = tables.open(name)
    return {column.name: column.type for column in pa.schema(table.schema().to_arrow())} if table else {}


def _fitted(rows: pa.Table, known: dict[str, pa.DataType]) -> pa.Table:
    """The rows with the types `known` has, to which new columns are added.

    A later model may type a feature differently. Where its values do not fit without loss they go into a column of
    their own, named after the type, rather than being bent or holding up the log.
    """
    columns = {}
    for name, values in zip(rows.column_names, rows.columns, strict=True):
        wanted = known.setdefault(name, values.type)
        try:
            columns[name] = values.cast(wanted)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            aside = f"{name}_{values.type}"
            columns[aside] = values.cast(known.setdefault(aside, values.type))
    return pa.table(columns)
