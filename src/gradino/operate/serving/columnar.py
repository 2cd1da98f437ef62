"""Bodies that come by column are checked by column: the same rules as for JSON rows, a few array operations each."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from gradino.operate.serving.columns import Columns, microseconds
from gradino.operate.serving.schema import MISSING, BadInput, InputField, Problem, Rows

_EXACT = 2**53  # up to here a float holds every integer
_NO_TIME = -(2**63)
_BEGIN, _END = np.datetime64("0001-01-01", "us"), np.datetime64("10000-01-01", "us")
_NAMES = {"number": "float", "integer": "int", "string": "str", "boolean": "bool", "timestamp": "datetime"}


def checked(rows: Rows, given: Mapping[str, NDArray[Any]], size: int) -> Columns:
    """Arrays of shape (size,), by name, as columns. What is missing is NaN, NaT, or None in an array of objects.

    Raises:
        BadInput: names row and field of the first wrong value.
    """
    for name in given:
        if name not in rows.names:
            raise BadInput(rows.unknown(name))
    plain = _all_finite(given)
    arrays: list[NDArray[Any] | None] = []
    for i, (name, kind) in enumerate(zip(rows.names, rows.layout.types, strict=True)):
        values = given.get(name)
        if values is None:
            if rows.required[i]:
                raise BadInput(Problem(MISSING, field=name))
            arrays.append(None)
            continue
        field = rows.fields[i] if i < len(rows.fields) else None
        if not (plain and kind == "number" and values.dtype == np.float64):
            values = _typed(name, kind, values, field is not None)
            if rows.required[i] and (gap := _first(missing(values))) is not None:
                raise BadInput(Problem(f"Expected `{_NAMES[kind]}`, got `null`", gap, name))
        if field:
            _ranged(field, values)
        arrays.append(values)
    return Columns.of_arrays(rows.layout, arrays, size)


def _all_finite(given: Mapping[str, NDArray[Any]]) -> bool:
    """Whether no float among them is missing or infinite: asked of all at once, as nearly always it is so."""
    floats = [values for values in given.values() if values.dtype == np.float64]
    return bool(np.isfinite(np.concatenate(floats)).all()) if floats else False


def missing(values: NDArray[Any]) -> NDArray[np.bool_]:
    """Where there is none."""
    if values.dtype == object:
        return np.array([value is None for value in values], dtype=bool)
    return np.asarray(values != values)  # NaN and NaT differ from themselves


def _typed(name: str, kind: str, values: NDArray[Any], is_input: bool) -> NDArray[Any]:
    """As `columns` wants this kind."""
    given = values.dtype.kind
    match kind:
        case "number" if given in "iuf":
            return _finite(name, values.astype(np.float64))
        case "number" if given == "O":
            return _finite(name, np.array(_objects(name, kind, values, (int, float)), dtype=np.float64))
        case "integer" if given in "iuf":
            return _whole(name, values)
        case "integer" if given == "O":
            return _shrunk(np.array(_objects(name, kind, values, (int,)), dtype=object), np.int64)
        case "string" if given in "iu" and not is_input:  # the unit of an assignment, which may be a number
            return values.astype(object)
        case "string" if given == "O":
            return np.array(_objects(name, kind, values, (str,)), dtype=object)
        case "boolean" if given == "b":
            return values
        case "boolean" if given == "O":
            return _shrunk(np.array(_objects(name, kind, values, (bool,)), dtype=object), np.bool_)
        case "timestamp" if given == "M":
            moments = values.astype("datetime64[us]")
            if (wrong := _first((moments < _BEGIN) | (moments >= _END))) is not None:
                raise BadInput(Problem("the year is not within 1–9999", wrong, name))
            return moments
        case "timestamp" if given == "O":
            return _moments(name, values)
    raise BadInput(Problem(f"Expected `{_NAMES[kind]}`, got `{values.dtype}`", field=name))


def _objects(name: str, kind: str, values: NDArray[Any], types: tuple[type, ...]) -> list[Any]:
    """The values, each of one of the types or None. An integer must fit into 64 bits."""
    for i, value in enumerate(values):
        if value is not None and (not isinstance(value, types) or (isinstance(value, bool) and bool not in types)):
            raise BadInput(Problem(f"Expected `{_NAMES[kind]}`, got `{type(value).__name__}`", i, name))
        if isinstance(value, int) and not -(2**63) <= value < 2**63:
            raise BadInput(Problem("the integer does not fit into 64 bits", i, name))
    return list(values)


def _finite(name: str, values: NDArray[np.float64]) -> NDArray[np.float64]:
    if (wrong := _first(np.isinf(values))) is not None:
        raise BadInput(Problem("the number is not finite", wrong, name))
    return values


def _whole(name: str, values: NDArray[Any]) -> NDArray[Any]:
    """Integers of any width; floats where they are whole, NaN is missing."""
    if values.dtype.kind == "u" and (large := _first(values > np.uint64(2**63 - 1))) is not None:
        raise BadInput(Problem("the integer does not fit into 64 bits", large, name))
    if values.dtype.kind != "f":
        return values.astype(np.int64)
    gaps = np.isnan(values)
    whole = np.where(gaps, 0.0, values)
    if (wrong := _first((whole != np.rint(whole)) | (np.abs(whole) > _EXACT))) is not None:
        raise BadInput(Problem("Expected `int`, got `float`", wrong, name))
    if not gaps.any():
        return values.astype(np.int64)
    return np.array([None if gap else int(value) for value, gap in zip(whole, gaps, strict=True)], dtype=object)


def _moments(name: str, values: NDArray[Any]) -> NDArray[Any]:
    """From texts as in JSON."""
    try:
        moments = msgspec.convert(values.tolist(), list[datetime | None])
    except msgspec.ValidationError as error:
        reason, _, where = str(error).partition(" - at `$[")
        raise BadInput(Problem(reason, int(where.rstrip("]`")) if where else None, name)) from None
    return np.array([_NO_TIME if moment is None else microseconds(moment) for moment in moments], dtype=np.int64).view(
        "datetime64[us]"
    )


def _ranged(field: InputField, values: NDArray[Any]) -> None:
    """What the contract says: smallest, largest, categories."""
    kind = _NAMES[field.type]
    if field.categories and field.type == "string":
        allowed = set(field.categories)
        for i, value in enumerate(values):
            if value is not None and value not in allowed:
                raise BadInput(Problem(f"Invalid enum value {value!r}", i, field.name))
    if field.type not in ("number", "integer") or (field.minimum is None and field.maximum is None):
        return
    numbers = values.astype(np.float64)  # None becomes NaN, which is in every range
    for sign, bound, beyond in (
        (">=", field.minimum, None if field.minimum is None else numbers < field.minimum),
        ("<=", field.maximum, None if field.maximum is None else numbers > field.maximum),
    ):
        if beyond is not None and (wrong := _first(beyond)) is not None:
            raise BadInput(Problem(f"Expected `{kind}` {sign} {bound}", wrong, field.name))


def _shrunk(values: NDArray[Any], dtype: type[np.generic]) -> NDArray[Any]:
    """Typed where nothing is missing."""
    return values if missing(values).any() else values.astype(dtype)


def _first(wrong: NDArray[np.bool_]) -> int | None:
    """The first row that is."""
    return int(wrong.argmax()) if wrong.any() else None
