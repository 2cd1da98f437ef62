"""The digest of rows, whatever file holds them: the same for a commit alone and as a part of a merged file.

Per column with any value, by name: which rows have one, and the values as little-endian bytes (text with the length of
each). A column of nulls says nothing, so a file to which later columns were added has the digest it had.
"""

import hashlib
import json
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray


class _Column(NamedTuple):
    head: bytes  # name and kind
    full: bool  # no row is without a value
    known: NDArray[np.uint8]
    values: NDArray[np.generic]  # of text: the length of each
    text: memoryview | None
    ends: NDArray[np.int64] | None  # in `text`, of each row


class Rows:
    """Rows of a table of the log, to be digested in parts."""

    def __init__(self, table: pa.Table) -> None:
        self._columns = [_column(name, table[name].combine_chunks()) for name in sorted(table.column_names)]

    def digest(self, begin: int, end: int) -> str:
        """SHA-256 of the rows `begin … end - 1`."""
        found = hashlib.sha256()
        for head, full, known, values, text, ends in self._columns:
            if not full and not known[begin:end].any():
                continue
            found.update(b"%s %d\n" % (head, end - begin))
            found.update(known[begin:end].tobytes())
            found.update(values[begin:end].tobytes())
            if text is not None and ends is not None:
                found.update(text[ends[begin - 1] if begin else 0 : ends[end - 1]])
        return found.hexdigest()


def _column(name: str, values: pa.Array | pa.ChunkedArray) -> _Column:
    if isinstance(values, pa.ChunkedArray):  # of no chunk
        values = pa.concat_arrays(values.chunks) if values.chunks else pa.array([], values.type)
    known = _numbers(values.is_valid().cast(pa.uint8())).astype(np.uint8)
    kind, text, ends = values.type, None, None
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        told, filled = "text", values.cast(pa.large_string()).fill_null("").cast(pa.large_binary())
        numbers = _numbers(pc.binary_length(filled)).astype("<i8")
        ends = np.cumsum(numbers)
        begin = int(np.frombuffer(filled.buffers()[1], "<i8")[filled.offset]) if len(filled) else 0
        text = memoryview(filled.buffers()[2] or b"")[begin:]
    elif pa.types.is_boolean(kind):
        told, numbers = "boolean", _numbers(values.fill_null(False).cast(pa.uint8()))
    elif pa.types.is_timestamp(kind):
        told, numbers = "moment", _numbers(values.cast(pa.timestamp("us")).cast(pa.int64()))
    elif pa.types.is_null(kind):
        told, numbers = "null", known
    else:
        told, numbers = str(kind), _numbers(values)
    return _Column(json.dumps([name, told]).encode(), bool(known.all()), known, numbers, text, ends)


def _numbers(values: pa.Array) -> NDArray[np.generic]:
    """Little-endian, 0 where there is none."""
    filled: NDArray[np.generic] = values.fill_null(0).to_numpy(zero_copy_only=False)
    return np.ascontiguousarray(filled).astype(filled.dtype.newbyteorder("<"))
