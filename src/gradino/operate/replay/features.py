"""Which columns a model may use where no project says it: what is left out is said, with the reason.

A replay that lets the model see the answer proves nothing. So a column that gives the target away is left out, and
columns that give it away together (two counts that add up to it); also what only numbers the rows, what never changes
and text that is different in almost every row.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gradino.operate.replay.history import History

_MOST = 255  # values of a text column that the default model can tell apart
_ALMOST = 0.95
_EXACT = 1 - 1e-6  # of the target's variance: no honest columns explain so much
_SAMPLE = 20_000


@dataclass(frozen=True)
class Features:
    """A matrix, shape (n, d), text as the numbers of its values; `used` in the order of columns, `categorical` of them,
    `left_out` with the reason."""

    matrix: NDArray[np.float64]
    used: list[str]
    categorical: NDArray[np.bool_]
    left_out: dict[str, str]


def choose(history: History) -> Features:
    """Every column that helps honestly; of a date also the hour and the day of the week."""
    frame, left_out = history.frame, {}
    columns: dict[str, NDArray[np.float64]] = {}
    text: set[str] = set()
    for name in frame.columns:
        values, is_text = _numbers(frame[name])
        why = _useless(frame[name], values, is_text)
        if why:
            left_out[str(name)] = why
        else:
            columns[str(name)] = values
            text |= {str(name)} if is_text else set()
    for name, why in _leaks(columns, history.target).items():
        left_out[name] = why
        del columns[name]
    for name, values in _calendar(history).items():
        if name not in columns and len(np.unique(values)) > 1:
            columns[name] = values
    matrix = np.column_stack(list(columns.values())) if columns else np.zeros((len(history.times), 1))
    used = list(columns) or ["nothing"]
    return Features(matrix, used, np.array([name in text for name in used]), left_out)


def _numbers(column: "pd.Series[Any]") -> tuple[NDArray[np.float64], bool]:
    """A column as numbers, and whether it was text; dates count in days."""
    if pd.api.types.is_datetime64_any_dtype(column):
        plain = column.dt.tz_convert(None) if column.dt.tz is not None else column
        days = plain.to_numpy().astype("datetime64[s]").astype(np.float64) / 86400
        return np.where(column.isna(), np.nan, days), False
    if pd.api.types.is_numeric_dtype(column):
        values = column.to_numpy(np.float64, na_value=np.nan)
        return np.where(np.isfinite(values), values, np.nan), False
    read = pd.to_numeric(column.astype(object), errors="coerce")
    if read.notna().sum() == column.notna().sum() and not column.map(lambda v: isinstance(v, bool)).any():
        return read.to_numpy(np.float64), False
    codes = pd.factorize(column.astype(str).where(column.notna()))[0]  # by first appearance: nothing of the future
    return np.where(codes < 0, np.nan, codes.astype(np.float64)), True


def _useless(column: "pd.Series[Any]", values: NDArray[np.float64], is_text: bool) -> str | None:
    known = values[np.isfinite(values)]
    kinds = len(np.unique(known))
    if kinds < 2:
        return "it never changes"
    if is_text and kinds > _ALMOST * len(known):
        return "it names the rows"
    if is_text and kinds > _MOST:
        return f"it has {kinds:,} different texts"
    if len(known) == len(values) and kinds == len(values) and (np.diff(values) > 0).all():
        return "it numbers the rows"
    return None


def _leaks(columns: dict[str, NDArray[np.float64]], target: "pd.Series[Any]") -> dict[str, str]:
    """Columns that determine the target: alone by value, or as a weighted sum of them without a rest."""
    label = pd.factorize(target)[0].astype(np.float64) if target.dtype.kind not in "if" else target.to_numpy(np.float64)
    some = np.linspace(0, len(label) - 1, min(len(label), _SAMPLE)).astype(int)
    y = label[some]
    found = {n: "it gives the target away" for n, values in columns.items() if _determines(values[some], y)}
    whole = {n: v[some] for n, v in columns.items() if n not in found and np.isfinite(v[some]).all()}
    if whole and len(np.unique(y)) > 2:
        x = np.column_stack([(v - v.mean()) / (v.std() or 1.0) for v in whole.values()])
        weight = np.linalg.lstsq(x, y - y.mean(), rcond=None)[0]
        rest = y - y.mean() - x @ weight
        if rest.var() < (1 - _EXACT) * y.var():
            parts = [n for n, w in zip(whole, weight, strict=True) if abs(w) > 1e-3 * y.std()]
            found |= dict.fromkeys(parts, f"{' and '.join(parts)} together are the target")
    return found


def _determines(values: NDArray[np.float64], label: NDArray[np.float64]) -> bool:
    """Each value has one label, and values come again often enough that this is no chance; or both rise together."""
    known = np.isfinite(values)
    if known.sum() < len(values):
        return False
    distinct, index = np.unique(values, return_inverse=True)
    labels = len(np.unique(label))
    if min(len(distinct), labels) > len(values) / 2:  # measurements: hardly one comes again, but they may rise together
        steps = np.diff(label[np.argsort(values, kind="stable")])
        return bool((steps >= 0).all() or (steps <= 0).all())
    if len(distinct) > max(2 * labels, 50):
        return False
    low, high = np.full(len(distinct), np.inf), np.full(len(distinct), -np.inf)
    np.minimum.at(low, index, label)
    np.maximum.at(high, index, label)
    return bool((low == high).all())


def _calendar(history: History) -> dict[str, NDArray[np.float64]]:
    if not history.dated:
        return {}
    days = history.times.astype("datetime64[D]")
    hour = (history.times - days) / np.timedelta64(1, "h")
    return {"hour of day": hour, "day of week": ((days.astype(np.int64) + 3) % 7).astype(np.float64)}
