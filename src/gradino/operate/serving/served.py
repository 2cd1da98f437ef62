"""A loaded model as the server uses it: columns in, values out, and how values are written to the log."""

from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from gradino.errors import ServiceError
from gradino.operate.serving.columns import Columns, Layout
from gradino.operate.serving.evaluators import Fastest, Outside
from gradino.operate.serving.evaluators.form import Block
from gradino.operate.serving.schema import InputField

if TYPE_CHECKING:
    import pandas as pd

    from gradino.operate.serving.wal import FieldType


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


@dataclass(frozen=True, slots=True)
class Places:
    """Where a model's inputs stand in a layout, None: nowhere. `doubtful` it needs, and nobody has looked for gaps.

    Where all of them are numbers, `numbers` are their rows of the layout's matrix.
    `features` are those of a compiled model, `all_numbers` says that they are the numbers of the layout as they stand.
    """

    inputs: tuple[int | None, ...]
    doubtful: tuple[int, ...]
    features: tuple[int | None, ...] = ()
    all_numbers: bool = False
    numbers: tuple[int, ...] = ()


class Served:
    """One version, loaded and warm."""

    def __init__(self, version: int, scorer: Scorer) -> None:
        self.version, self.digest, self.task, self.inputs = version, scorer.digest, scorer.task, tuple(scorer.inputs)
        self._predict, self._names = scorer.predict, [field.name for field in self.inputs]
        self.direct = scorer.direct if isinstance(scorer, Fastest) else None
        self.how = scorer.how if isinstance(scorer, Fastest) else "Python"

    def warm(self) -> None:
        """Let the model see one row before anybody waits for it; what it says about an invented row is no matter."""
        fields = [(field.name, cast("FieldType", field.type)) for field in self.inputs]
        layout = Layout(fields, len(fields))
        with suppress(BaseException):
            self.predict(Columns.of_rows(layout, [tuple(map(_invented, self.inputs))]), self.places(layout))

    def places(self, layout: Layout, optional: Collection[str] = ()) -> Places:
        """Where the inputs stand; `optional` are columns of the layout that callers may leave out."""
        inputs = tuple(layout.find(field.name) for field in self.inputs)
        needed = (i for i, field in enumerate(self.inputs) if not field.nullable)
        doubtful = tuple(i for i in needed if inputs[i] is None or self.inputs[i].name in optional)
        features = tuple(layout.find(name) for name in self.direct.features) if self.direct else ()
        numbers = tuple(layout.place[i] for i in inputs if i is not None and layout.types[i] == "number")
        if len(numbers) < len(inputs):
            numbers = ()
        return Places(inputs, doubtful, features, list(features) == layout.numbers, numbers)

    def predict(self, columns: Columns, places: Places) -> NDArray[Any]:
        """One value per row, shape (rows,), NaN where the model has none, in one call of the model.

        Raises:
            Unscorable: a required input is missing.
            Exception: whatever the model raises.
        """
        for i in places.doubtful:
            place = places.inputs[i]
            if place is None or is_missing(columns.column(place)).any():
                raise Unscorable(f"`{self.inputs[i].name}` is missing")
        if self.direct and None not in places.features:
            with suppress(Outside):
                return self.direct.predict(_block(columns, places))
        values = np.asarray(self._predict(self._frame(columns, places))).ravel()
        if len(values) != len(columns):
            raise ServiceError(f"version {self.version} answered {len(values)} values for {len(columns)} rows")
        return values

    def _frame(self, columns: Columns, places: Places) -> "pd.DataFrame":
        """Of its own: what a project's function does to it does not reach the log."""
        import pandas as pd

        if places.numbers:
            return pd.DataFrame(columns.numbers[list(places.numbers)].T, columns=self._names, copy=False)
        found = (None if i is None else columns.column(i) for i in places.inputs)
        values = {
            field.name: _series(field, (None,) * len(columns) if array is None else array)
            for field, array in zip(self.inputs, found, strict=True)
        }
        return pd.DataFrame(values)


def _block(columns: Columns, places: Places) -> Block:
    """The features of a compiled model."""
    if places.all_numbers:
        return columns.numbers
    arrays = [columns.column(i) for i in places.features if i is not None]
    if all(array.dtype.kind in "fib" for array in arrays):
        return np.array(arrays, dtype=np.float64)
    return arrays


def answers(values: NDArray[Any]) -> list[Any]:
    """As they are sent: native values, None where the model has none."""
    return [None if value != value else value for value in values.tolist()]  # NaN is no prediction


def as_class(value: object) -> str:
    """A class as the log writes it, the same for a prediction and its label: 1, 1.0 and "1" are one class."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value)


def as_logged(task: str) -> Callable[[Any], float | str]:
    """How a value of this task is written to the log."""
    return float if task == "regression" else as_class


def logged(task: str, values: NDArray[Any]) -> NDArray[np.float64] | list[str | None]:
    """Values of a call as the log keeps them."""
    if task == "regression":
        return values.astype(np.float64)
    return [None if value is None else as_class(value) for value in answers(values)]


def is_missing(values: NDArray[Any]) -> NDArray[np.bool_]:
    """Where a column has no value."""
    if values.dtype.kind in "fM":
        missing: NDArray[np.bool_] = np.isnan(values)
        return missing
    return np.array([value is None for value in values], dtype=np.bool_)


def _series(field: InputField, values: Any) -> Any:
    """Typed as training saw it: what may be missing is NaN in a number, None elsewhere."""
    import pandas as pd

    if field.type == "timestamp":
        return pd.DatetimeIndex(np.asarray(values, dtype="datetime64[us]"), tz=UTC)
    if field.type == "string":
        return pd.array(values, dtype="str")
    array = np.asarray(values, dtype=None if isinstance(values, np.ndarray) else object)
    return array.astype(np.float64) if field.type in ("number", "integer") and array.dtype == object else array


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
