"""The job that asks the project's source: it keeps the batch as it came, judges it, and hands over Arrow tables."""

import hashlib
import os
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from gradino.errors import DataError
from gradino.operate.data import columns, contract, endpoint, files, frames, query
from gradino.operate.data.columns import ORIGIN, Batch
from gradino.operate.data.reading import Reading
from gradino.operate.project import Project
from gradino.operate.project.sources import Endpoint, Files, Query

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def gather(project: Project, folder: Path, since: datetime | None, seen: dict[str, str]) -> Batch | None:
    """Ask the source for what is newer than `since`, less what may come late; None when it has nothing.

    The source is given a moment in UTC without a zone, as its own times mostly are, and 1970 when all is new. `seen`
    is what the last reading of files left.

    Raises:
        DataError: the batch as a whole cannot be used; it stays in `folder`, for whoever looks into it.
    """
    os.chdir(project.root)
    sys.dont_write_bytecode = True
    after = max((since or _EPOCH) - project.data.late, _EPOCH).astimezone(UTC).replace(tzinfo=None)
    reading = _read(project, after, seen)
    frame = reading.frame.reset_index(drop=True)
    if frame.empty:
        return None
    if not frame.columns.is_unique or columns.BATCH in frame.columns:
        raise DataError(
            f"a column name repeats, or is `{columns.BATCH}`: {', '.join(map(str, frame.columns))}",
            "rename columns in the source",
        )
    raw = _keep(frame, {"source": str(project.data.source), **reading.origin}, folder)
    model = project.data.schema_.load(project.root) if project.data.schema_ else None
    good, reasons = contract.judge(frame, project.project, model)
    bad = frame.loc[reasons.index]
    return Batch(raw, columns.settle(_arrow(good)), _quarantine(bad, reasons, project.project.time), reading.seen)


def _read(project: Project, after: datetime, seen: dict[str, str]) -> Reading:
    match project.data.source:
        case Files() as source:
            return files.read(source, seen)
        case Endpoint() as source:
            return endpoint.read(source, after)
        case Query() as source:
            return query.read(source, after)
        case source:
            answer = source.load(project.root)(after)
            return Reading(frames.taken(answer, str(source)), {"since": after.isoformat()})


def _keep(frame: pd.DataFrame, origin: dict[str, Any], folder: Path) -> str:
    """Store a batch and where it is from under its own SHA-256; complete or not at all."""
    table = _arrow(_storable(frame)).replace_schema_metadata({ORIGIN: msgspec.json.encode(origin)})
    with tempfile.NamedTemporaryFile(dir=folder, prefix=".", delete=False) as file:
        try:
            pq.write_table(table, file)
            file.flush()
            os.fsync(file.fileno())
            file.seek(0)
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            os.rename(file.name, folder / f"{digest}.parquet")
        except BaseException:
            os.unlink(file.name)
            raise
    return digest


def _storable(frame: pd.DataFrame) -> pd.DataFrame:
    """Columns of mixed types, which Parquet cannot hold, as text: no bad value keeps a batch from being stored."""
    objects = [c for c in frame.columns if frame[c].dtype == object]
    mixed = [c for c in objects if frame[c].dropna().map(type).nunique() > 1]
    return frame.assign(**{c: frame[c].map(str, na_action="ignore") for c in mixed})


def _arrow(frame: pd.DataFrame) -> pa.Table:
    columns = {}
    for name in frame.columns:
        try:
            columns[str(name)] = pa.chunked_array([pa.Array.from_pandas(frame[name])])
        except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError) as error:
            raise DataError(f"column `{name}` mixes types: {error}", "give it one type in the source") from None
    return pa.table(columns)


def _quarantine(bad: pd.DataFrame, reasons: "pd.Series[str]", time: str) -> pa.Table:
    rows = bad.to_json(orient="records", lines=True, date_format="iso", double_precision=15, default_handler=str)
    moments = pd.to_datetime(bad[time], utc=True, errors="coerce", format="ISO8601").dt.as_unit("us")
    return pa.table(
        {
            "time": pa.array(moments, columns.MOMENT),
            "row": pa.array(filter(None, rows.split("\n")), pa.string()),
            "reason": pa.array(reasons, pa.string()),
        }
    )
