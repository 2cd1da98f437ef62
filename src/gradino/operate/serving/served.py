"""A loaded model as the server uses it: rows in, values out, and how both are written to the log."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol, cast

import numpy as np

from gradino.errors import ServiceError
from gradino.operate.serving.schema import InputField, Row
from gradino.operate.serving.wal import FieldType, Schema

if TYPE_CHECKING:
    import pandas as pd

_DTYPES = {"number": "float64", "integer": "int64", "string": "str", "boolean": "bool"}


class Scorer(Protocol):
    """What the registry hands out for a verified bundle."""

    @property
    def inputs(self) -> Sequence[InputField]: ...
    @property
    def task(self) -> str: ...
    @property
    def digest(self) -> str: ...
    def predict(self, frame: "pd.DataFrame") -> Any: ...


class Unscorable(Exception):  # noqa: N818  # the challenger's affair, never the caller's
    """Rows lack what this model needs."""


class Served:
    """One version, loaded and warm."""

    def __init__(self, version: int, scorer: Scorer) -> None:
        self.version, self.digest, self.task, self.inputs = version, scorer.digest, scorer.task, tuple(scorer.inputs)
        self._predict = scorer.predict
        fields = tuple((field.name, cast("FieldType", field.type)) for field in self.inputs)
        self.schema = Schema(self.task, fields)

    def warm(self) -> None:
        """Let the model see one row before anybody waits for it; what it says about an invented row is no matter."""
        with suppress(BaseException):
            self.predict([tuple(_invented(field) for field in self.inputs)], range(len(self.inputs)))

    def places(self, names: Sequence[str]) -> list[int | None]:
        """Where the inputs stand in rows whose columns are `names`."""
        return [names.index(field.name) if field.name in names else None for field in self.inputs]

    def predict(self, rows: Sequence[Row], places: Sequence[int | None]) -> list[Any]:
        """One native value per row, None where the model has none, in one call of the model.

        Raises:
            Unscorable: a required input is missing.
            Exception: whatever the model raises.
        """
        values: list[Any] = np.asarray(self._predict(self._frame(rows, places))).ravel().tolist()
        if len(values) != len(rows):
            raise ServiceError(f"version {self.version} answered {len(values)} values for {len(rows)} rows")
        return [None if value != value else value for value in values]  # NaN is no prediction

    def features(self, row: Row, places: Sequence[int | None]) -> Row:
        """The inputs of a row in the order of `schema`."""
        return tuple(None if i is None else row[i] for i in places)

    def _frame(self, rows: Sequence[Row], places: Sequence[int | None]) -> "pd.DataFrame":
        import pandas as pd

        columns = list(zip(*rows, strict=True))
        nothing = (None,) * len(rows)
        return pd.DataFrame(
            {
                field.name: _column(field, nothing if i is None else columns[i])
                for field, i in zip(self.inputs, places, strict=True)
            },
            copy=False,
        )


def as_class(value: object) -> str:
    """A class as the log writes it, the same for a prediction and its label: 1, 1.0 and "1" are one class."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value)


def as_logged(task: str) -> Callable[[Any], float | str]:
    """How a value of this task is written to the log."""
    return float if task == "regression" else as_class


def _column(field: InputField, values: Sequence[Any]) -> Any:
    """Typed as training saw it: what may be missing is NaN in a number, None elsewhere."""
    import pandas as pd

    missing = None in values
    if missing and not field.nullable:
        raise Unscorable(f"`{field.name}` is missing")
    if field.type == "timestamp":
        return pd.DatetimeIndex(list(values), tz=UTC).as_unit("us")
    if field.type == "string":
        return pd.array(values, dtype="str")
    if field.type in ("number", "integer") and (missing or field.type == "number"):
        return np.array(values, dtype="float64")
    return np.array(values, dtype=object if missing else _DTYPES[field.type])


def _invented(field: InputField) -> object:
    match field.type:
        case "string":
            return field.categories[0] if field.categories else ""
        case "boolean":
            return False
        case "timestamp":
            return datetime.now(UTC)
        case _:
            low = field.minimum if field.minimum is not None else min(0.0, field.maximum or 0.0)
            return int(low) if field.type == "integer" else float(low)
