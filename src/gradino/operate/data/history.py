"""The versions of the table `rows`: which there are, what one holds, and how two of them differ."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from gradino.errors import DataError
from gradino.inference import drift
from gradino.operate.data.columns import BATCH, ORIGIN
from gradino.operate.data.verify import manifest
from gradino.operate.store import Store
from gradino.operate.store.state import data_versions, events

_TOP = 5  # values of a column that are counted one by one


@dataclass(frozen=True)
class Version:
    """One version. `added` rows came with it, `rows` are all it has; `until` is its newest event time."""

    version: int
    at: datetime
    until: datetime
    added: int
    rows: int
    quarantined: int
    digest: str
    raw: str


@dataclass(frozen=True)
class Column:
    """A column of a version: numbers and times have `low` and `high`, numbers a `mean`, others their `top` values."""

    name: str
    type: str
    missing: int
    low: Any = None
    high: Any = None
    mean: float | None = None
    top: dict[str, int] | None = None


@dataclass(frozen=True)
class Content:
    """What a version holds: its columns, its files by SHA-256, the batch it came with and from where."""

    version: Version
    columns: list[Column]
    files: dict[str, str]
    origin: dict[str, Any]
    reasons: dict[str, int]  # why rows of the batch are in quarantine, and how many


@dataclass(frozen=True)
class Change:
    """A column's distribution in the older version and in the rows that the newer one adds."""

    name: str
    verdict: drift.Verdict
    psi: float
    limit: float
    missing: tuple[float, float]  # shares
    mean: tuple[float, float] | None


@dataclass(frozen=True)
class Difference:
    """What the newer version has beyond the older. Rows are never removed or rewritten, so there is no less."""

    older: Version
    newer: Version
    added: int
    quarantined: int
    new_columns: list[str]
    retyped: dict[str, tuple[str, str]]
    changes: list[Change]


def log(store: Store) -> list[Version]:
    """All versions, oldest first."""
    found: list[Version] = []
    for row in store.state.rows(data_versions):
        total = row.rows + (found[-1].rows if found else 0)
        found.append(Version(row.version, row.at, row.until, row.rows, total, row.quarantined, row.digest, row.raw))
    return found


def show(store: Store, number: int | None = None) -> Content:
    """What a version holds, the newest when None.

    Raises:
        DataError: there is no such version.
    """
    version = _version(store, number)
    rows = _rows(store, version)
    told = store.state.last(events, events.c.key == f"quarantine:{version.raw}")
    raw = store.at_hand(f"raw/{version.raw}.parquet")
    metadata = (pq.read_schema(raw).metadata or {}) if raw.exists() else {}
    return Content(
        version,
        [_column(name, rows[name]) for name in rows.column_names if name != BATCH],
        dict(sorted(manifest(store, version.version).items())),
        msgspec.json.decode(metadata.get(ORIGIN, b"{}")),
        told.detail["reasons"] if told else {},
    )


def diff(store: Store, one: int, other: int) -> Difference:
    """How two versions differ, whichever is given first.

    A changed distribution is large and significant, as the monitoring of production has it; below 500 rows on either
    side that is `insufficient`. Raises DataError where a version does not exist.
    """
    older, newer = (_version(store, number) for number in sorted((one, other)))
    before, after = _rows(store, older), _rows(store, newer)
    between = [row for row in log(store) if older.version < row.version <= newer.version]
    came = pc.is_in(after[BATCH], pa.array([row.raw for row in between], pa.string()))
    before, after = before.drop_columns([BATCH]), after.drop_columns([BATCH])
    common = [name for name in before.column_names if name in after.column_names]
    return Difference(
        older,
        newer,
        newer.rows - older.rows,
        sum(row.quarantined for row in between),
        [name for name in after.column_names if name not in before.column_names],
        {n: (str(before[n].type), str(after[n].type)) for n in common if before[n].type != after[n].type},
        _changes(before.select(common), after.select(common).filter(came)),
    )


def _version(store: Store, number: int | None) -> Version:
    known = log(store)
    found = next((row for row in reversed(known) if number in (None, row.version)), None)
    if found is None:
        said = f"known are 0 to {known[-1].version}" if known else "nothing has been collected yet"
        wanted = "no data version" if number is None else f"no data version {number}"
        raise DataError(f"there is {wanted}; {said}", "`gradino data log` lists them")
    return found


def _rows(store: Store, version: Version) -> pa.Table:
    table = store.tables.read("rows", version.version)
    if table is None:
        raise DataError("the table `rows` is gone", "restore .gradino/tables from a backup")
    return table


def _column(name: str, values: pa.ChunkedArray) -> Column:
    kind = values.type
    ordered = pa.types.is_temporal(kind) or pa.types.is_integer(kind) or pa.types.is_floating(kind)
    if ordered:
        ends = pc.min_max(values).as_py()
        mean = None if pa.types.is_temporal(kind) else pc.mean(values).as_py()
        return Column(name, str(kind), values.null_count, ends["min"], ends["max"], mean)
    if pa.types.is_nested(kind):
        return Column(name, str(kind), values.null_count)
    counts = sorted(values.drop_null().value_counts().to_pylist(), key=lambda c: (-c["counts"], str(c["values"])))
    return Column(
        name, str(kind), values.null_count, top={str(count["values"]): count["counts"] for count in counts[:_TOP]}
    )


def _changes(before: pa.Table, added: pa.Table) -> list[Change]:
    names = [f.name for f in before.schema if not (pa.types.is_temporal(f.type) or pa.types.is_nested(f.type))]
    past, now = ({name: _array(table[name]) for name in names} for table in (before, added))
    cells = drift.cells(past)
    found = drift.compare(cells, drift.profile(past, cells), drift.profile(now, cells))
    return [
        Change(name, f.verdict, f.psi, f.psi_limit, f.missing, _means(before[name], added[name]))
        for name, f in found.items()
    ]


def _array(values: pa.ChunkedArray) -> Any:
    number = pa.types.is_integer(values.type) or pa.types.is_floating(values.type)
    return values.cast(pa.float64()).to_numpy() if number else values.to_pandas().astype(object).to_numpy()


def _means(before: pa.ChunkedArray, added: pa.ChunkedArray) -> tuple[float, float] | None:
    if not (pa.types.is_integer(before.type) or pa.types.is_floating(before.type)):
        return None
    past, now = pc.mean(before).as_py(), pc.mean(added).as_py()
    return None if past is None or now is None else (past, now)
