"""Collect: one batch from the source into the tables, exactly once, whatever is killed in between.

The order of the steps is the recovery: the raw file, the quarantine, the rows, the record, the files seen. Each
recognises what an earlier attempt left – by content, by key, by the table's own log – so calling again finishes what
was begun.
"""

from collections import Counter
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from gradino.errors import DataError
from gradino.operate.data import columns
from gradino.operate.data.columns import Batch
from gradino.operate.data.verify import manifest
from gradino.operate.project import Project
from gradino.operate.project.process import JobError, call
from gradino.operate.store import Store
from gradino.operate.store.state import data_versions, events
from gradino.operate.store.tables import content_digest

_WRITER = "collect"
_FILES = "collect.files"  # cursor: the files that were read, and as they were then
_FEW = 10  # of fewer new rows nobody can say that the source is broken


@dataclass(frozen=True)
class Collected:
    """A new version of the table `rows`. `digest` is of its full content, `raw` of the batch as it came."""

    version: int
    digest: str
    raw: str
    rows: int
    quarantined: int
    until: datetime


class BadBatchError(DataError):
    """Most of a batch is bad; the story tells of it, and incidents are opened of the story."""


def collect(project: Project, store: Store) -> Collected | None:
    """Ask the source for what is new and take it in; None when that added no row.

    Raises:
        DataError: the source failed, or a column is missing or has another type than in the table.
        BadBatchError: most of the batch is bad. Nothing was added in any of these cases.
    """
    with store.alone("collect"):
        _record(project, store)
        last = store.state.last(data_versions)
        batch = _gather(project, store, last.until if last else None)
        if batch is None:
            return None
        if store.state.count(data_versions, data_versions.c.raw == batch.raw):
            return _seen(store, batch, None)
        store.keep(f"raw/{batch.raw}.parquet")
        table = store.tables.open("rows")
        good = columns.fit(batch.good, pa.schema(table.schema().to_arrow()) if table else None)
        good = _unknown_rows(project, store, good, last.until if last else None)
        bad = _unknown_bad(store, batch.bad)
        if len(bad) + len(good) >= _FEW and len(bad) > len(good):
            raise _refuse(project, store, batch.raw, bad, len(good))
        if not len(bad) + len(good):
            _forget(store, batch.raw)
            return _seen(store, batch, None)
        _quarantine(store, batch.raw, bad)
        _append(store, "rows", good, batch.raw)
        return _seen(store, batch, _record(project, store))


def _gather(project: Project, store: Store, since: datetime | None) -> Batch | None:
    try:
        seen = store.state.cursor(_FILES, {})
        return call(_ask, store.folder("logs") / "collect.log", project, store.folder("raw"), since, seen)
    except JobError as error:
        raise DataError(
            f"the source {project.data.source} failed: {error.what}",
            error.trace or f"see {store.root / 'logs' / 'collect.log'}",
        ) from None


def _ask(project: Project, folder: Path, since: datetime | None, seen: dict[str, str]) -> Batch | None:
    """The job; pandas and the project's code are imported there, not here."""
    from gradino.operate.data.source import gather

    return gather(project, folder, since, seen)


def _seen(store: Store, batch: Batch, found: Collected | None) -> Collected | None:
    """Remember which files were read. The last step: before it they are read again, and add nothing."""
    if batch.seen:
        with store.state.begin() as connection:
            store.state.move_cursor(connection, _FILES, batch.seen)
    return found


def _unknown_rows(project: Project, store: Store, good: pa.Table, until: datetime | None) -> pa.Table:
    """The rows whose key the table does not have yet. Only late rows, before `until`, are worth a look into it."""
    time, unit = project.project.time, project.project.unit
    keys = [time, unit] if unit else [time]
    first = pc.min(good[time])
    if until is None or not len(good) or first.as_py() > until:
        return good
    known = store.tables.read("rows", columns=keys, where=pc.field(time) >= first)
    assert known is not None
    numbered = good.select(keys).append_column("#", pa.array(range(len(good))))
    return good.take(numbered.join(known, keys, join_type="left anti")["#"].combine_chunks().sort())


def _unknown_bad(store: Store, bad: pa.Table) -> pa.Table:
    """The bad rows that are not in quarantine yet: a source repeats its newest rows until good ones follow them."""
    if not len(bad):
        return bad
    near = pc.field("time") >= pc.min(bad["time"]) if bad["time"].null_count < len(bad) else pc.scalar(False)
    known = store.tables.read("quarantine", columns=["row"], where=near | pc.field("time").is_null())
    return bad if known is None else bad.filter(pc.invert(pc.is_in(bad["row"], known["row"])))


def _refuse(project: Project, store: Store, raw: str, bad: pa.Table, good: int) -> BadBatchError:
    reasons = _reasons(bad)
    what = f"{len(bad):,} of {len(bad) + good:,} new rows are bad; most often: {next(iter(reasons))}"
    newest = pc.max(bad["time"]).as_py()
    store.state.tell("data", what, f"refused:{raw}", newest, raw=raw, reasons=reasons)
    return BadBatchError(
        f"{project.data.source}: {what}; nothing was added",
        f"mend the source or the contract; the batch is kept as {store.root / 'raw' / raw}.parquet",
    )


def _quarantine(store: Store, raw: str, bad: pa.Table) -> None:
    if not len(bad):
        return
    reasons = _reasons(bad)
    rows = "1 bad row" if len(bad) == 1 else f"{len(bad):,} bad rows"
    store.state.tell(
        "data",
        f"{rows} put in quarantine; most often: {next(iter(reasons))}",
        f"quarantine:{raw}",
        event_time=pc.max(bad["time"]).as_py(),
        rows=len(bad),
        raw=raw,
        reasons=reasons,
    )
    _append(store, "quarantine", bad, raw)


def _reasons(bad: pa.Table) -> dict[str, int]:
    """How often each reason was given, the most frequent first."""
    counts = Counter(bad["reason"].to_pylist())
    return dict(counts.most_common())


def _append(store: Store, name: str, data: pa.Table, raw: str) -> None:
    if len(data):
        data = data.append_column(columns.BATCH, pa.array([raw] * len(data), pa.string()))
        store.tables.append(name, data, _WRITER, store.tables.position(name, _WRITER) + 1)


def _record(project: Project, store: Store) -> Collected | None:
    """Write down the versions of the table that are not yet: the one just appended, or one whose writer was killed."""
    newest: Collected | None = None
    last = store.state.last(data_versions)
    until = last.until if last else datetime.min.replace(tzinfo=UTC)
    files: dict[str, str] = {}
    for version in range(last.version + 1 if last else 0, store.tables.version("rows") + 1):
        new = {f: store.tables.file_digest("rows", f) for f in store.tables.added_files("rows", version - 1, version)}
        rows = store.tables.added("rows", version - 1, version)
        if rows is None:
            continue
        files = (files or manifest(store, version)) | new
        raw = rows[columns.BATCH][0].as_py()
        told = store.state.last(events, events.c.key == f"quarantine:{raw}")
        until = max(pc.max(rows[project.project.time]).as_py(), until)
        quarantined = told.detail["rows"] if told else 0
        newest = Collected(version, content_digest(files), raw, len(rows), quarantined, until)
        if files == new:
            store.state.tell(
                "data",
                f"first data: {newest.rows:,} rows until {until:%Y-%m-%d %H:%M}",
                "data:first",
                event_time=until,
                version=version,
                digest=newest.digest,
            )
        record = {key: value for key, value in asdict(newest).items() if key != "version"}
        store.state.add_once(data_versions, {"version": version}, files=new, event_time=until, **record)
    return newest


def _forget(store: Store, raw: str) -> None:
    """Remove a batch that added nothing, unless something refers to it."""
    if not store.state.count(events, events.c.key.in_((f"quarantine:{raw}", f"refused:{raw}"))):
        store.forget(f"raw/{raw}.parquet")
