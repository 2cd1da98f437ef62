"""The job that asks the project's source: it keeps the batch as it came, judges it, and hands over Arrow tables."""

import hashlib
import os
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from gradino.errors import DataError
from gradino.operate.data import columns, contract, frames
from gradino.operate.data.columns import Batch
from gradino.operate.project import Project

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def gather(project: Project, folder: Path, since: datetime | None) -> Batch | None:
    """Ask the source for what is newer than `since`; None when it has nothing.

    The source is given a moment in UTC without a zone, as its own times mostly are, and 1970 when all is new.

    Raises:
        DataError: the batch as a whole cannot be used; it stays in `folder`, for whoever looks into it.
    """
    os.chdir(project.root)
    sys.dont_write_bytecode = True
    function = project.data.source.load(project.root)
    after = (since or _EPOCH).astimezone(UTC).replace(tzinfo=None)
    frame = frames.taken(function(after), str(project.data.source)).reset_index(drop=True)
    if frame.empty:
        return None
    if not frame.columns.is_unique or columns.BATCH in frame.columns:
        raise DataError(
            f"a column name repeats, or is `{columns.BATCH}`: {', '.join(map(str, frame.columns))}",
            "rename columns in the source",
        )
    raw = _keep(frame, folder)
    model = project.data.schema_.load(project.root) if project.data.schema_ else None
    good, reasons = contract.judge(frame, project.project, model)
    bad = frame.loc[reasons.index]
    return Batch(raw, columns.settle(_arrow(good)), _quarantine(bad, reasons, project.project.time))


def _keep(frame: pd.DataFrame, folder: Path) -> str:
    """Store a batch under its own SHA-256; complete or not at all."""
    with tempfile.NamedTemporaryFile(dir=folder, prefix=".", delete=False) as file:
        try:
            pq.write_table(_arrow(_storable(frame)), file)
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
    objects = frame.select_dtypes("object").columns
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
