"""Production day by day: the rows that were answered as counts over the baseline's cells, and what their labels said.

One row for each version and day of event time. A segment of the log is counted once, when it has reached the table;
counts and position move in one transaction, so a crash repeats nothing. Whoever asks about a month adds 30 rows.
"""

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from sqlalchemy import Connection, insert, select, update

from gradino.inference import drift
from gradino.operate import registry
from gradino.operate.store import Store
from gradino.operate.store.state import profiles, versions

_MOST = 20  # commits of a table that are read at once
_DAY = 86_400_000_000  # microseconds
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
Sums = dict[str, Any]


def profile(store: Store) -> None:
    """Count what the tables `predictions`, `outcomes` and `corrections` have gained."""
    _fold(store, "predictions", _counted)
    _fold(store, "outcomes", _labelled)
    _fold(store, "corrections", _corrected)


def baseline(store: Store, version: int) -> registry.Baseline | None:
    """What the rows of a version are compared with; None for a version that has none."""
    row = store.state.last(versions, versions.c.number == version)
    return _baseline(store.at_hand(f"bundles/{row.bundle}")) if row else None


@lru_cache(maxsize=8)
def _baseline(bundle: Path) -> registry.Baseline | None:
    return registry.baseline(bundle)


def _fold(store: Store, table: str, sums: Any) -> None:
    name, until = f"profiles:{table}", store.tables.version(table)
    after = store.state.cursor(name, -1)
    while after < until:
        upto = min(after + _MOST, until)
        new = store.tables.added(table, after, upto)
        found: dict[tuple[int, str], Sums] = sums(store, new) if new is not None else {}
        with store.state.begin() as connection:
            for (version, day), more in found.items():
                _add(connection, version, day, more)
            store.state.move_cursor(connection, name, upto)
        after = upto


def _add(connection: Connection, version: int, day: str, more: Sums) -> None:
    """Add to the row of a version and day, or begin it."""
    where = (profiles.c.version == version, profiles.c.day == day)
    known = connection.execute(select(profiles).where(*where)).mappings().first()
    if known is None:
        connection.execute(insert(profiles).values(version=version, day=day, **more))
        return
    moved = {key: _sum(known[key], value) for key, value in more.items()}
    connection.execute(update(profiles).where(*where).values(**moved))


def _sum(a: Any, b: Any) -> Any:
    if not isinstance(a, dict):
        return a + b
    return a | {name: [x + y for x, y in zip(a.get(name, [0] * len(n)), n, strict=True)] for name, n in b.items()}


def _counted(store: Store, rows: pa.Table) -> dict[tuple[int, str], Sums]:
    """The answered rows by version and day. A shadow's were never given to anybody."""
    rows = rows.filter(pc.not_equal(rows["role"], "shadow"))
    found: dict[tuple[int, str], Sums] = {}
    for version in pc.unique(rows["version"]).to_pylist():
        own = rows.filter(pc.equal(rows["version"], version))
        days, index = np.unique(_days(own["event_time"]), return_inverse=True)
        each = np.bincount(index, minlength=len(days)).tolist()
        against = baseline(store, version)
        tables = {} if against is None else _tables(own, against.cells, index, len(days))
        for i, day in enumerate(days):
            counts = {name: table[i].tolist() for name, table in tables.items()}
            found[version, _iso(day)] = {"rows": each[i], "counts": counts}
    return found


def _tables(rows: pa.Table, cells: drift.Cells, index: NDArray[np.intp], days: int) -> dict[str, NDArray[np.intp]]:
    """Counts of each column, shape (days, cells)."""
    found = {}
    for name, cell in cells.columns.items():
        size = len(drift.labels(cell))
        where = places(rows[name], cell) if name in rows.column_names else np.full(len(rows), size - 1)
        found[name] = np.bincount(index * size + where, minlength=days * size).reshape(days, size)
    return found


def places(column: pa.ChunkedArray, cell: drift.Numbers | drift.Categories) -> NDArray[np.intp]:
    """The cell of each row; of categories, each distinct value is looked up once."""
    if isinstance(cell, drift.Numbers):
        return drift.place(column.cast(pa.float64()).to_numpy(), cell)
    coded = column.combine_chunks().dictionary_encode()
    known = drift.place(np.array([*coded.dictionary.to_pylist(), None], dtype=object), cell)
    places: NDArray[np.intp] = known[pc.fill_null(coded.indices, len(known) - 1).to_numpy()]
    return places


def _labelled(_store: Store, rows: pa.Table) -> dict[tuple[int, str], Sums]:
    """Labels and their losses by version and day of the prediction."""
    found: dict[tuple[int, str], Sums] = defaultdict(lambda: {"labels": 0, "loss": 0.0, "error": 0.0, "delay": 0.0})
    own = rows.filter(pc.and_(pc.not_equal(rows["role"], "shadow"), pc.is_finite(rows["loss"])))
    waited = pc.subtract(own["label_time"].cast(pa.int64()), own["event_time"].cast(pa.int64())).to_numpy() / 1e6
    days = _days(own["event_time"])
    for version, day, loss, error, delay in zip(
        own["version"].to_pylist(), days, own["loss"].to_numpy(), own["error"].to_numpy(), waited, strict=True
    ):
        sums = found[version, _iso(day)]
        sums["labels"] += 1
        sums["loss"] += float(loss)
        sums["error"] += float(error)
        sums["delay"] += float(delay)
    return found


def _corrected(_store: Store, rows: pa.Table) -> dict[tuple[int, str], Sums]:
    """What a correction changes in the sums: the newest label counts."""
    found: dict[tuple[int, str], Sums] = defaultdict(lambda: {"loss": 0.0, "error": 0.0})
    for row in rows.filter(pc.not_equal(rows["role"], "shadow")).to_pylist():
        sums = found[row["version"], row["event_time"].date().isoformat()]
        sums["loss"] += row["loss"] - row["loss_before"]
        sums["error"] += row["error"] - row["error_before"]
    return found


def _days(times: pa.ChunkedArray) -> NDArray[np.int64]:
    """Days since 1970."""
    days: NDArray[np.int64] = times.cast(pa.int64()).to_numpy() // _DAY
    return days


def _iso(day: int) -> str:
    return (_EPOCH + timedelta(days=int(day))).date().isoformat()
