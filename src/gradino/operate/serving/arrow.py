"""Arrow and Parquet bodies: into arrays on the way in, from predictions on the way out.

An uncompressed Arrow stream is read where it lies. Whatever is compressed is unpacked by `unpack.py`, in a process that
may die of it.
"""

import asyncio
import struct
import subprocess
import sys
import threading
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from gradino.operate.serving import unpack
from gradino.operate.serving.columnar import checked
from gradino.operate.serving.columns import Columns
from gradino.operate.serving.schema import BadInput, Problem, Rows

STREAM = "application/vnd.apache.arrow.stream"
FILE = "application/vnd.apache.arrow.file"
PARQUET = "application/vnd.apache.parquet"
KINDS = (STREAM, FILE, PARQUET)

_MAGIC = b"ARROW1\0\0"
_END = b"\xff\xff\xff\xff\0\0\0\0"  # of a stream
_MESSAGE = struct.Struct("<II")  # how one begins: a mark, and the length of what describes it
_MOST_KNOWN, _KNOWN_SIZE = 64, 64 * 1024  # schemas that are remembered, and bytes of one of them
_NUMBER = pa.float64()
_ANSWERED = {kind.id: kind for kind in (pa.string(), _NUMBER, pa.int64(), pa.bool_(), pa.null())}
_PATIENCE = 10.0  # seconds of unpacking
_MOST_BYTES = 64 * 1024**2  # unpacked
_ADVICE = "send the rows in several requests"


class Unpacker:
    """Unpacks one body at a time, in a process that is started when it is first needed, and again when it died."""

    def __init__(self, most_rows: int) -> None:
        self._command = [sys.executable, "-I", str(Path(unpack.__file__)), str(most_rows), str(_MOST_BYTES)]
        self._most_rows = most_rows
        self._process: subprocess.Popen[bytes] | None = None
        self._alone = threading.Lock()

    async def read(self, kind: str, body: bytes, rows: Rows) -> Columns:
        """The columns of a body; raises BadInput."""
        try:
            if kind == FILE:
                if not body.startswith(_MAGIC):
                    raise BadInput(Problem("the body is no Arrow file"), 400)
                body = body[len(_MAGIC) :]  # a file is a stream with an index behind it
            if kind == PARQUET:
                body = await asyncio.to_thread(self._unpacked, unpack.PARQUET, body)
            batches = _batches(body)
            if batches is None:
                batches = _batches(await asyncio.to_thread(self._unpacked, unpack.ARROW, body))
            return self._columns(batches or [], rows)
        except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
            raise BadInput(Problem(f"the body cannot be read: {error}"), 400) from None

    def close(self) -> None:
        if self._process:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _columns(self, batches: list[pa.RecordBatch], rows: Rows) -> Columns:
        if not batches:
            raise BadInput(Problem("there are no rows in the body"))
        size = sum(batch.num_rows for batch in batches)
        if size > self._most_rows:
            raise BadInput(Problem(f"more than {self._most_rows} rows", next=_ADVICE), 413)
        for batch in batches:
            batch.validate(full=True)
        names = batches[0].schema.names
        if len(set(names)) < len(names):
            raise BadInput(Problem("two columns have the same name"))
        return checked(rows, _arrays(names, batches), size)

    def _unpacked(self, kind: int, body: bytes) -> bytes:
        with self._alone:
            if self._process is None or self._process.poll() is not None:
                self._process = subprocess.Popen(
                    self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
                )
            process = self._process
            assert process.stdin
            assert process.stdout
            timer = threading.Timer(_PATIENCE, process.kill)
            timer.start()
            try:
                with suppress(BrokenPipeError):
                    process.stdin.write(unpack.HEAD.pack(len(body), kind) + body)
                    process.stdin.flush()
                head = process.stdout.read(unpack.HEAD.size)
                length, said = unpack.HEAD.unpack(head) if len(head) == unpack.HEAD.size else (0, unpack.TOO_LARGE)
                answer = process.stdout.read(length)
            finally:
                timer.cancel()
            if len(answer) < length or not head:
                self.close()
                said = unpack.TOO_LARGE
        if said == unpack.TOO_LARGE:
            raise BadInput(Problem("the body is too large when it is unpacked", next=_ADVICE), 413)
        if said == unpack.REFUSED:
            raise BadInput(Problem(f"the body cannot be read: {answer.decode(errors='replace')}"), 400)
        return answer


def accepted(accept: str | None, sent: str) -> str:
    """The kind of the answer: what `Accept` names first of those we have, else the kind that was sent; JSON is ""."""
    if accept is None or accept == "*/*":
        return sent if sent in KINDS else ""
    for part in accept.split(","):
        wanted = part.partition(";")[0].strip().lower()
        if wanted in KINDS:
            return wanted
        if wanted == "application/json":
            return ""
    return sent if sent in KINDS else ""


def written(kind: str, columns: dict[str, Any], about: dict[str, str]) -> bytes:
    """A table with `about` as its metadata."""
    arrays = [pa.array(values) for values in columns.values()]
    schema, head = _answer_schema(tuple(columns), tuple(array.type.id for array in arrays), tuple(about.items()))
    batch = pa.RecordBatch.from_arrays(arrays, schema=schema)
    if kind == STREAM:
        return b"".join((head, batch.serialize(), _END))
    table = pa.Table.from_batches([batch])
    sink = pa.BufferOutputStream()
    if kind == PARQUET:
        import pyarrow.parquet as pq

        pq.write_table(table, sink)
    else:
        with pa.ipc.new_file(sink, table.schema) as out:
            out.write_table(table)
    return bytes(sink.getvalue())


@lru_cache(_MOST_KNOWN)
def _answer_schema(
    names: tuple[str, ...], types: tuple[int, ...], about: tuple[tuple[str, str], ...]
) -> tuple[pa.Schema, bytes]:
    """What answers of one deployment begin with. A type is told by its number: to hash the type itself takes longer."""
    schema = pa.schema(list(zip(names, (_ANSWERED[kind] for kind in types), strict=True)), dict(about))
    return schema, schema.serialize().to_pybytes()


def _arrays(names: list[str], batches: list[pa.RecordBatch]) -> dict[str, NDArray[Any]]:
    if len(batches) == 1 and all(kind.id == _NUMBER.id for kind in batches[0].schema.types):
        matrix = batches[0].to_tensor(null_to_nan=True, row_major=False).to_numpy()
        return dict(zip(names, matrix.T, strict=True))
    table = pa.Table.from_batches(batches)
    return {name: as_array(name, table[name]) for name in names}


def as_array(name: str, values: pa.ChunkedArray) -> NDArray[Any]:
    """As `columnar.checked` takes it."""
    kind = values.type
    if kind == _NUMBER:  # nearly all columns are; missing becomes NaN
        return np.asarray(values.to_numpy())
    if pa.types.is_dictionary(kind) and pa.types.is_string(kind.value_type):
        return _strings(name, values, _dictionary_bytes(values))
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return _strings(name, values, pc.sum(pc.binary_length(values)).as_py() or 0)
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        moments = values.cast(pa.timestamp("us", tz=kind.tz if pa.types.is_timestamp(kind) else None))
        return np.asarray(moments.to_numpy(), dtype="datetime64[us]")
    if pa.types.is_null(kind):
        return np.full(len(values), None, dtype=object)
    if pa.types.is_integer(kind) or pa.types.is_boolean(kind):
        if values.null_count:
            return np.array(values.to_pylist(), dtype=object)
        return np.asarray(values.to_numpy())
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return np.asarray(values.cast(pa.float64()).to_numpy())
    raise BadInput(Problem(f"a column of type {kind} is nothing that a model reads", field=name))


def _strings(name: str, values: pa.ChunkedArray, size: int) -> NDArray[Any]:
    if size > _MOST_BYTES:
        raise BadInput(Problem("the texts are too large", field=name, next=_ADVICE), 413)
    return np.array(values.to_pylist(), dtype=object)


def _dictionary_bytes(values: pa.ChunkedArray) -> int:
    """What the texts of a column weigh when each row has its own: a few rows can name one long text many times."""
    total = 0
    for chunk in values.chunks:
        total += pc.sum(pc.take(pc.binary_length(chunk.dictionary), chunk.indices)).as_py() or 0
    return total


def _batches(stream: bytes) -> list[pa.RecordBatch] | None:
    """The batches of an Arrow stream where they lie; None: some buffers are compressed, and nothing was unpacked.

    Whether they are is read from the messages themselves, https://github.com/apache/arrow/blob/main/format/Message.fbs:
    pyarrow unpacks whatever it reads without saying so.
    """
    messages = list(pa.ipc.MessageReader.open_stream(pa.BufferReader(stream)))
    heads = [message.metadata.to_pybytes() for message in messages]
    kinds = [message.type for message in messages]
    if any(map(_says_compressed, heads, kinds)):
        return None
    if kinds != ["schema", "record batch"] or len(heads[0]) > _KNOWN_SIZE:
        return list(pa.ipc.open_stream(pa.BufferReader(stream)))
    return [pa.ipc.read_record_batch(messages[1], _schema(heads[0]))]


@lru_cache(_MOST_KNOWN)
def _schema(flatbuffer: bytes) -> pa.Schema:
    """Read once: the same clients send the same one again."""
    return pa.ipc.read_schema(pa.py_buffer(_MESSAGE.pack(0xFFFFFFFF, len(flatbuffer)) + flatbuffer))


def _says_compressed(flatbuffer: bytes, kind: str) -> bool:
    batch = _field(flatbuffer, _u32(flatbuffer, 0), 2)  # Message.header
    if kind == "dictionary" and batch:
        batch = _field(flatbuffer, batch, 1)  # DictionaryBatch.data
    return kind in ("record batch", "dictionary") and batch is not None and _slot(flatbuffer, batch, 3) is not None


def _field(flatbuffer: bytes, table: int, slot: int) -> int | None:
    """Where the table lies that a slot of another one refers to."""
    at = _slot(flatbuffer, table, slot)
    return None if at is None else at + _u32(flatbuffer, at)


def _slot(flatbuffer: bytes, table: int, slot: int) -> int | None:
    """Where a slot's value lies; None where it has none."""
    vtable = table - struct.unpack_from("<i", flatbuffer, table)[0]
    (size,) = struct.unpack_from("<H", flatbuffer, vtable)
    if 4 + 2 * slot >= size:
        return None
    (offset,) = struct.unpack_from("<H", flatbuffer, vtable + 4 + 2 * slot)
    return table + offset if offset else None


def _u32(flatbuffer: bytes, at: int) -> int:
    return int(struct.unpack_from("<I", flatbuffer, at)[0])
