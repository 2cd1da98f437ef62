"""Rows by column: what a batch is to a model and to the log, whatever its requests were sent as.

All numbers stand in one matrix, a row of it for each field: one call fills it from JSON rows, an evaluator reads it and
the log keeps it without touching a row. Missing is NaN in a number and NaT in a timestamp; integers, booleans and
strings that may be missing are objects with None.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from gradino.operate.serving.wal import FieldType

Row: TypeAlias = tuple[Any, ...]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NO_TIME = -(2**63)
_DTYPES = {"integer": "int64", "boolean": "bool"}


class Layout:
    """Names and types of columns, in the order of a row. The first `inputs` of them are inputs of a model."""

    def __init__(self, fields: Sequence[tuple[str, FieldType]], inputs: int) -> None:
        self.names = tuple(name for name, _ in fields)
        self.types = tuple(kind for _, kind in fields)
        self.inputs = tuple(fields[:inputs])
        self.numbers = [i for i, kind in enumerate(self.types) if kind == "number"]
        self.others = [i for i, kind in enumerate(self.types) if kind != "number"]
        self.place = {i: j for group in (self.numbers, self.others) for j, i in enumerate(group)}

    def find(self, name: str) -> int | None:
        return self.names.index(name) if name in self.names else None


@dataclass(frozen=True, slots=True)
class Columns:
    """`numbers` has shape (number fields, rows), float64; `others` one array of shape (rows,) per other field."""

    layout: Layout
    numbers: NDArray[np.float64]
    others: list[NDArray[Any]]

    def __len__(self) -> int:
        return int(self.numbers.shape[1])

    @classmethod
    def of_rows(cls, layout: Layout, rows: Sequence[Row]) -> "Columns":
        """From tuples whose values have the types that the layout says, or are None."""
        values = list(zip(*rows, strict=True)) or [()] * len(layout.names)
        size = (len(layout.numbers), len(rows))
        numbers = np.fromiter(chain.from_iterable(values[i] for i in layout.numbers), np.float64, size[0] * size[1])
        others = [_array(layout.types[i], values[i]) for i in layout.others]
        return cls(layout, numbers.reshape(size), others)

    @classmethod
    def of_arrays(cls, layout: Layout, arrays: Sequence[NDArray[Any] | None], rows: int) -> "Columns":
        """From one array per column of the layout, typed as this module says; None: all of it is missing."""
        gap = np.full(rows, np.nan)
        given = [gap if (a := arrays[i]) is None else a for i in layout.numbers]
        numbers = np.concatenate([gap[:0], *given]).reshape(len(layout.numbers), rows)
        others = [_missing(layout.types[i], rows) if (a := arrays[i]) is None else a for i in layout.others]
        return cls(layout, numbers, others)

    def column(self, i: int) -> NDArray[Any]:
        """The values of the layout's field `i`, shape (rows,)."""
        place = self.layout.place[i]
        return self.numbers[place] if self.layout.types[i] == "number" else self.others[place]

    def moments(self, i: int, otherwise: int) -> NDArray[np.int64]:
        """Microseconds since 1970 UTC, `otherwise` where they are missing or the field is no timestamp."""
        if self.layout.types[i] != "timestamp":
            return np.full(len(self), otherwise)
        moments = self.column(i).view(np.int64)
        return np.where(moments == _NO_TIME, otherwise, moments)

    def take(self, rows: NDArray[np.intp]) -> "Columns":
        """Some of the rows."""
        return Columns(self.layout, self.numbers[:, rows], [values[rows] for values in self.others])


Block: TypeAlias = list[Row] | Columns  # the rows of one request


def joined(layout: Layout, blocks: Sequence[Block]) -> Columns:
    """The rows of several requests, one after another."""
    if len(blocks) == 1 and isinstance(blocks[0], Columns):
        return blocks[0]
    rows = [block for block in blocks if not isinstance(block, Columns)]
    if len(rows) == len(blocks):
        return Columns.of_rows(layout, [row for block in rows for row in block])
    parts = [block if isinstance(block, Columns) else Columns.of_rows(layout, block) for block in blocks]
    others = [np.concatenate(arrays) for arrays in zip(*(part.others for part in parts), strict=True)]
    return Columns(layout, np.concatenate([part.numbers for part in parts], axis=1), others)


def microseconds(moment: datetime) -> int:
    """Since 1970 UTC; a moment without a zone is taken as UTC."""
    past = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - _EPOCH
    return (past.days * 86_400 + past.seconds) * 1_000_000 + past.microseconds


def _missing(kind: FieldType, rows: int) -> NDArray[Any]:
    if kind == "timestamp":
        return np.full(rows, _NO_TIME).view("datetime64[us]")
    return np.full(rows, None)


def _array(kind: FieldType, values: Sequence[Any]) -> NDArray[Any]:
    if kind == "timestamp":
        moments = [_NO_TIME if value is None else microseconds(value) for value in values]
        return np.array(moments, dtype=np.int64).view("datetime64[us]")
    if kind == "string" or None in values:
        return np.array(values, dtype=object)
    return np.array(values, dtype=_DTYPES[kind])
