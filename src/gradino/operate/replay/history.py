"""A file of history becomes rows in time order: any CSV or Parquet with a column of time and a target."""

import re
from collections.abc import Hashable
from dataclasses import dataclass, field
from decimal import Decimal
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gradino.errors import DataError

Task = Literal["classification", "regression"]
LEAST = 200
"""Rows below which there is nothing to replay."""

ROWS = "rows"  # as --time: the file's own order
_START = pd.Timestamp("2000-01-03")  # a Monday, for rows that have an order but no date
_STEP = pd.Timedelta(hours=1)
_CLASSES = 10  # whole numbers up to so many different ones are taken for classes
_KEPT = 0.99  # of the times must be readable


@dataclass(frozen=True)
class History:
    """Rows in time order. `frame` holds all columns but the target and, where it only gave the order, the time;
    `times` are datetime64[us]; `notes` say in sentences what was done to the file."""

    times: NDArray[np.datetime64]
    frame: pd.DataFrame
    target: "pd.Series[Any]"
    task: Task
    dated: bool
    notes: list[str] = field(default_factory=list)

    @property
    def label(self) -> NDArray[Any]:
        return self.target.to_numpy()


def read(path: Path) -> pd.DataFrame:
    """The table in a CSV (also gzipped, also with ; or tabs) or Parquet file.

    Raises:
        DataError: no such file, or it cannot be read as a table.
    """
    name = path.name.lower()
    try:
        if name.endswith((".parquet", ".pq")):
            frame = pd.read_parquet(path)
        else:
            frame = pd.read_csv(path, low_memory=False)
            if len(frame.columns) == 1 and (other := re.search("[;\t|]", str(frame.columns[0]))):
                frame = pd.read_csv(path, sep=other[0], low_memory=False)
    except FileNotFoundError:
        raise DataError(f"there is no file {path}", "give a CSV or Parquet file: --data FILE") from None
    except (OSError, ValueError) as error:  # pandas' and Arrow's errors of format are ValueErrors
        raise DataError(f"{path} cannot be read: {error}", "give a CSV or Parquet file with one header line") from None
    frame.columns = pd.Index([str(column).strip().lstrip("\ufeff") for column in frame.columns])
    if not frame.columns.is_unique:
        twice = frame.columns[frame.columns.duplicated()][0]
        raise DataError(f"{path} has two columns `{twice}`", "rename one of them")
    return frame


def order(
    frame: pd.DataFrame, time: str, target: str, task: str | None = None, leave_out: tuple[str, ...] = ()
) -> History:
    """Rows of `frame` by `time`: a column of dates, a column of numbers that grow, or `rows` for the file's own order.

    Without a `task` the target says it: text, truth values and a few whole numbers are classes. Numbers as time are
    an order only: rows are then taken to come an hour apart. Rows without a time or target, and exact
    repetitions, are left out, and said.

    Raises:
        DataError: a column is missing (with the nearest name), a time that cannot be read, numbers that start over,
            a target that never changes or does not suit the task, or too few rows.
    """
    for role, name in (("target", target), *(("column to leave out", name) for name in leave_out)):
        _exists(frame, name, role)
    notes: list[str] = []
    by_file = time == ROWS and ROWS not in frame.columns
    if not by_file:
        _exists(frame, time, "time")
    if time == target:
        raise DataError(f"`{time}` cannot be both time and target", "choose another --time or --target")
    frame = _plain(frame, (target, time), notes)
    frame = _without(frame, frame[target].isna(), "without a target", notes)
    if by_file:
        moments: pd.Series[Any] = pd.Series(np.arange(len(frame)), index=frame.index)
    else:
        frame = _without(frame, frame.duplicated(), "that repeat another exactly", notes)
        _suffice(frame)
        moments = _moments(frame[time], time)
        frame = _without(frame, moments.isna(), "without a time that can be read", notes)
        moments = moments.loc[frame.index]
    _suffice(frame)
    if not moments.is_monotonic_increasing:
        notes.append(f"the file is not in the order of `{time}`: sorted, rows of one moment stay as they lie")
        moments = moments.sort_values(kind="stable")
        frame = frame.loc[moments.index]
    dated = pd.api.types.is_datetime64_any_dtype(moments)
    if not dated:
        notes.append(f"`{time}` gives an order and no dates: rows are taken to come an hour apart")
        moments = pd.Series(_START + np.arange(len(frame)) * _STEP)
    kind = _task(frame[target], task, notes)
    label = _label(frame[target], target, kind)
    gone = [target, time, *leave_out]
    return History(
        moments.to_numpy().astype("datetime64[us]"),
        frame.drop(columns=gone, errors="ignore").reset_index(drop=True),
        label.reset_index(drop=True),
        kind,
        dated,
        notes,
    )


def _task(target: "pd.Series[Any]", task: str | None, notes: list[str]) -> Task:
    if task in ("regression", "classification"):
        return "regression" if task == "regression" else "classification"
    if task is not None:
        raise DataError(f"there is no task `{task}`", "choose regression or classification")
    number = pd.api.types.is_numeric_dtype(target) and not pd.api.types.is_bool_dtype(target)
    few = number and target.nunique() <= _CLASSES and bool((target % 1 == 0).all())
    kind: Task = "regression" if number and not few else "classification"
    notes.append(f"the task is {kind}, by the target: --task says otherwise")
    return kind


def _exists(frame: pd.DataFrame, name: str, role: str) -> None:
    if name in frame.columns:
        return
    near = get_close_matches(name.lower(), {str(c).lower(): c for c in frame.columns}, n=1)
    found = next((c for c in frame.columns if near and str(c).lower() == near[0]), None)
    advice = f"did you mean `{found}`?" if found is not None else f"it has: {', '.join(map(str, frame.columns[:30]))}"
    if role == "time":
        advice += f"; --time {ROWS} takes the file's own order"
    raise DataError(f"the data has no {role} `{name}`", advice)


def _without(frame: pd.DataFrame, bad: "pd.Series[bool]", why: str, notes: list[str]) -> pd.DataFrame:
    if bad.any():
        notes.append(f"{int(bad.sum()):,} rows {why} are left out")
    return frame[~bad]


def _suffice(frame: pd.DataFrame) -> None:
    if len(frame) < LEAST:
        raise DataError(f"{len(frame)} usable rows are too few to replay", f"give at least {LEAST}")


def _plain(frame: pd.DataFrame, needed: tuple[str, ...], notes: list[str]) -> pd.DataFrame:
    """Decimals as numbers, and no column whose values hold several."""
    first = {name: column.dropna().head(1).tolist() for name, column in frame.items() if column.dtype == object}
    decimal = [name for name, value in first.items() if value and isinstance(value[0], Decimal)]
    nested = [name for name, value in first.items() if value and not isinstance(value[0], Hashable)]
    for name in nested:
        if name in needed:
            raise DataError(f"the values of `{name}` hold several values each", "name a column of single values")
        notes.append(f"{name} is left out: its values hold several values each")
    return frame.drop(columns=nested).astype(dict.fromkeys(decimal, float))


def _moments(column: "pd.Series[Any]", name: str) -> "pd.Series[Any]":
    """Dates in UTC without a zone, or numbers as they are."""
    if pd.api.types.is_datetime64_any_dtype(column):
        return column.dt.tz_convert(None) if column.dt.tz is not None else column
    if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
        _grows(column.to_numpy(np.float64), name)
        return column
    text = column.astype(str).where(column.notna())
    for style in ("ISO8601", "mixed"):
        found = pd.to_datetime(text, utc=True, errors="coerce", format=style)
        if found.notna().sum() >= _KEPT * max(int(column.notna().sum()), 1):
            return found.dt.tz_convert(None)
    odd = text[found.isna() & column.notna()].iloc[0]
    raise DataError(
        f"`{name}` is no time: {odd!r}", f"name another --time column, or --time {ROWS} for the file's order"
    )


def _grows(values: NDArray[np.float64], name: str) -> None:
    """Numbers that fall from their top to their bottom, again and again, are an hour or a weekday and no time."""
    known = values[np.isfinite(values)]
    if len(known) < 2:
        return
    low, high = np.quantile(known, [0.25, 0.75])
    steps = np.diff(known)
    restarts = int(((known[:-1] >= high) & (known[1:] <= low) & (steps < 0)).sum())
    if restarts and (steps < 0).mean() < 0.1 and len(np.unique(known)) < len(known):
        raise DataError(
            f"`{name}` starts over {restarts:,} times: it is a part of a date, like an hour, and no time",
            f"name a column that only grows, or --time {ROWS} for the file's own order",
        )


def _label(column: "pd.Series[Any]", name: str, task: Task) -> "pd.Series[Any]":
    if column.nunique() < 2:
        raise DataError(f"the target `{name}` is always {column.iloc[0]}", "there is nothing to predict")
    if task == "classification":
        if pd.api.types.is_float_dtype(column) and column.nunique() > 100:
            raise DataError(f"the target `{name}` has {column.nunique():,} different numbers", "use --task regression")
        if column.nunique() > max(_CLASSES, len(column) // _CLASSES):
            raise DataError(f"the target `{name}` has {column.nunique():,} different values", "name one of few classes")
        return column.astype(str) if column.dtype == object or column.dtype.name in ("category", "str") else column
    numbers = pd.to_numeric(column, errors="coerce")
    if numbers.isna().any() or pd.api.types.is_bool_dtype(column):
        odd = column[numbers.isna()].iloc[0] if numbers.isna().any() else column.iloc[0]
        raise DataError(f"the target `{name}` is no number: {odd!r}", "use --task classification")
    if not np.isfinite(numbers.to_numpy(np.float64)).all():
        raise DataError(f"the target `{name}` is infinite in places", "clean these rows first")
    return numbers.astype(np.float64)
