"""A file of rows through the model that is live: read, scored and written piece by piece, so it may outgrow memory.

The same bundle, evaluator and checks as in the server. What is written carries where it comes from: each row an id and
the model version, the file the digests; and the story of the project has one event, from which `OUT` can be traced.
"""

import hashlib
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.csv as pcsv
import pyarrow.parquet as pq
from deltalake import DeltaTable, write_deltalake

from gradino.errors import DataError, GradinoError, ServiceError
from gradino.operate.project import Project
from gradino.operate.registry import load, public_key
from gradino.operate.serving.arrow import as_array
from gradino.operate.serving.columnar import checked
from gradino.operate.serving.evaluators import fastest
from gradino.operate.serving.schema import BadInput, Extra, Rows
from gradino.operate.serving.served import Served, answers, as_class
from gradino.operate.store import Store
from gradino.operate.store.state import deployments, versions

_ROWS = 8192  # scored at a time
_ADDED = ("prediction_id", "prediction", "version")
_TYPES = {
    "number": pa.float64(),
    "integer": pa.int64(),
    "string": pa.string(),
    "boolean": pa.bool_(),
    "timestamp": pa.timestamp("us", tz="UTC"),
}
_FORMS = "Parquet (.parquet), CSV (.csv) or a Delta table (a folder)"


@dataclass(frozen=True)
class Batch:
    """What was done. `sha256` is of the written file; a Delta table has its version instead."""

    run: str
    rows: int
    version: int
    bundle: str
    evaluator: str
    sha256: str | None


def score_file(project: Project, given: Path, out: Path, environment: str, progress: Callable[[int], object]) -> Batch:
    """Score all rows of `given` into `out`, which appears when it is complete. `progress` hears of rows done.

    Raises:
        DataError: a file is not there, is there already, has another form, or holds a row that the model refuses.
        ServiceError: no model is live.
        IntegrityError: its bundle is not what was signed.
    """
    store = Store.of(project.root)
    live = store.state.last(deployments, deployments.c.environment == environment)
    if live is None:
        raise ServiceError(f"no model is live in {environment}", "`gradino train` makes one, `gradino up` releases it")
    version = store.state.last(versions, versions.c.number == live.champion)
    assert version is not None
    if out.exists():
        raise DataError(f"{out} is there already", "remove it, or give another name")
    model = fastest(load(store.at_hand(f"bundles/{version.bundle}"), version.bundle, public_key(store)))
    served = Served(live.champion, model)
    rows = Rows(served.inputs, (), Extra(project.project.time, project.project.unit))
    run = secrets.token_hex(6)
    about = {"run": run, "version": str(live.champion), "bundle": version.bundle, "input": str(given)}
    schema, pieces = _read(given, rows)
    clash = next((name for name in _ADDED if name in schema.names), None)
    if clash:
        raise DataError(f"{given} has a column `{clash}` already", "rename it: predictions are written under that name")
    kind = pa.float64() if served.task == "regression" else pa.string()
    schema = pa.schema([*schema, (_ADDED[0], pa.string()), (_ADDED[1], kind), (_ADDED[2], pa.int64())])
    schema = schema.with_metadata({f"gradino.{key}": value for key, value in about.items()})
    done = 0

    def scored() -> Iterator[pa.RecordBatch]:
        nonlocal done
        for piece in pieces:
            values = _values(served, rows, piece, given, done)
            ids = [f"{run}-{done + i:x}" for i in range(piece.num_rows)]
            added = [pa.array(ids), pa.array(values, kind), pa.array([live.champion] * len(ids), pa.int64())]
            done += piece.num_rows
            yield pa.RecordBatch.from_arrays([*piece.columns, *added], schema=schema)
            progress(done)

    digest = _write(out, schema, scored())
    batch = Batch(run, done, live.champion, version.bundle, model.how, digest)
    said = f"v{batch.version} scored {done:,} rows of {given.name} into {out.name}"
    detail = asdict(batch) | {"input": str(given.resolve()), "output": str(out.resolve())}
    store.state.tell("batch", said, f"batch:{run}", store.clock(), **detail)
    return batch


def _values(served: Served, rows: Rows, piece: pa.RecordBatch, given: Path, before: int) -> list[Any]:
    table = pa.Table.from_batches([piece])
    try:
        arrays = {name: as_array(name, table[name]) for name in table.column_names if name in rows.names}
        columns = checked(rows, arrays, len(table))
        found = answers(served.predict(columns, served.places(rows.layout)))
    except BadInput as error:
        where = "" if error.problem.row is None else f", row {before + error.problem.row:,} (from 0)"
        field = f", field `{error.problem.field}`" if error.problem.field else ""
        raise DataError(f"{given}{where}{field}: {error.problem.reason}", error.problem.next or "correct it") from None
    except GradinoError:
        raise
    except Exception as error:  # noqa: BLE001  # the model's own code
        reason = f"the model raised {type(error).__name__}: {error}"
        raise DataError(f"{given}, rows {before:,}–{before + len(table):,}: {reason}", "see its scoring code") from None
    return found if served.task == "regression" else [None if v is None else as_class(v) for v in found]


def _read(given: Path, rows: Rows) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
    """Its columns, and its rows in pieces."""
    try:
        match _form(given):
            case "parquet":
                file = pq.ParquetFile(given)
                return file.schema_arrow.remove_metadata(), file.iter_batches(_ROWS)
            case "csv":
                types = {name: _TYPES[kind] for name, kind in rows.layout.inputs}
                stream = pcsv.open_csv(given, convert_options=pcsv.ConvertOptions(column_types=types))
                return stream.schema, _sliced(stream)
            case "delta":
                found = DeltaTable(str(given)).to_pyarrow_dataset()
                return found.schema.remove_metadata(), found.to_batches(batch_size=_ROWS)
    except FileNotFoundError:
        raise DataError(f"there is no {given}", "see the path") from None
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{given} cannot be read: {error}", f"give {_FORMS}") from None


def _sliced(stream: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for piece in stream:
        for start in range(0, piece.num_rows, _ROWS):
            yield piece.slice(start, _ROWS)


def _write(out: Path, schema: pa.Schema, pieces: Iterator[pa.RecordBatch]) -> str | None:
    """Write everything or nothing; returns the file's SHA-256."""
    form = _form(out)
    if form == "delta":
        write_deltalake(str(out), pa.RecordBatchReader.from_batches(schema, pieces), mode="error")
        return None
    with _unfinished(out) as path:
        writer = pq.ParquetWriter(path, schema) if form == "parquet" else pcsv.CSVWriter(path, schema)
        with writer:
            for piece in pieces:
                writer.write_batch(piece)
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        path.rename(out)
    return digest


@contextmanager
def _unfinished(out: Path) -> Iterator[Path]:
    """A file beside `out` that is gone unless it became `out`."""
    path = out.with_name(f".{out.name}.{secrets.token_hex(4)}")
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


def _form(path: Path) -> Literal["parquet", "csv", "delta"]:
    match path.suffix:
        case ".parquet":
            return "parquet"
        case ".csv":
            return "csv"
        case "":
            return "delta"
    raise DataError(f"{path} has no form that is known by its name", f"give {_FORMS}")
