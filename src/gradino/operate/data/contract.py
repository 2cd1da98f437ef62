"""Which rows of a batch are good: the project's pandera model, and what every table needs – time, target and unit."""

import re
from typing import Any

import numpy as np
import pandas as pd
import pandera.errors

from gradino.errors import DataError
from gradino.operate.project.config import Identity

Reasons = dict[int, list[str]]


def judge(frame: pd.DataFrame, identity: Identity, model: Any) -> tuple[pd.DataFrame, pd.Series]:
    """Split a batch with a fresh index 0 … n−1. `model` is a pandera DataFrameModel class, or None.

    Returns the good rows, with their index, their event times in UTC, and each key (time, unit) once – the last row
    wins, one that only repeats it is nothing –; and for each bad row's index the reasons, joined by "; ".

    Raises:
        DataError: a needed column is missing, or the contract is broken as a whole and not by single rows.
    """
    _check_columns(frame, identity)
    moments = _moments(frame[identity.time], identity.time)
    reasons: Reasons = {}
    for column, reason, rows in _needed(frame, moments, identity):
        for row in frame.index[rows]:
            reasons.setdefault(row, []).append(f"{column}: {reason}")
    good = frame.drop(index=list(reasons))
    if model is not None:
        good = _validate(good, model, reasons)
    good = good.assign(**{identity.time: moments.loc[good.index]})
    keys = [identity.time, *([identity.unit] if identity.unit else [])]
    for row in _contradicted(good, keys):
        reasons.setdefault(row, []).append(f"a later row of the batch has the same {' and '.join(keys)}")
    texts = {row: "; ".join(dict.fromkeys(said)) for row, said in sorted(reasons.items())}
    return good.drop_duplicates(keys, keep="last"), pd.Series(texts, dtype=object)


def _contradicted(good: pd.DataFrame, keys: list[str]) -> list[int]:
    """Rows whose key comes again later in the batch, with another content."""
    doubled = good[good.duplicated(keys, keep=False)]
    earlier = doubled.duplicated(keys, keep="last") & ~doubled.astype(str).duplicated(keep="last")
    return [int(row) for row in doubled.index[earlier]]


def _check_columns(frame: pd.DataFrame, identity: Identity) -> None:
    for key in ("time", "target", "unit"):
        column = getattr(identity, key)
        if column and column not in frame.columns:
            raise DataError(
                f"the batch has no column `{column}`; it has: {', '.join(map(str, frame.columns))}",
                f"let the source deliver it, or correct `{key}` in [project] of gradino.toml",
            )


def _moments(column: "pd.Series[Any]", name: str) -> "pd.Series[Any]":
    """Event times in UTC, microseconds; NaT where there is none. Text is read as ISO 8601."""
    if pd.api.types.is_numeric_dtype(column):
        raise DataError(
            f"the event time `{name}` holds numbers, and their unit is unknown",
            f"convert it in the source, for example with pandas.to_datetime(frame[{name!r}], unit='s')",
        )
    return pd.to_datetime(column, utc=True, errors="coerce", format="ISO8601").dt.as_unit("us")


def _needed(frame: pd.DataFrame, moments: "pd.Series[Any]", identity: Identity) -> list[tuple[str, str, Any]]:
    """What no contract can waive. A time in the future would make the source be asked for nothing ever after."""
    target = frame[identity.target]
    checks = [
        (identity.time, "no event time", moments.isna()),
        (identity.time, "more than a day in the future", moments > pd.Timestamp.now("UTC") + pd.Timedelta(days=1)),
        (identity.target, "no value, so the row can teach nothing", target.isna()),
    ]
    if pd.api.types.is_float_dtype(target):
        checks.append((identity.target, "infinite", pd.Series(np.isinf(target.to_numpy(float)), index=frame.index)))
    if identity.unit:
        checks.append((identity.unit, "no value", frame[identity.unit].isna()))
    return checks


def _validate(frame: pd.DataFrame, model: Any, reasons: Reasons) -> pd.DataFrame:
    """Drop the rows that break the contract until the rest passes; returns it as the contract coerced it.

    More than one round, because one value of a wrong type keeps pandera from comparing the others.
    """
    while len(frame):
        try:
            validated: pd.DataFrame = model.validate(frame, lazy=True)
            return validated
        except pandera.errors.SchemaErrors as error:
            cases = error.failure_cases
            broken = cases[cases["index"].notna()]
            if broken.empty:
                first = cases.iloc[0]
                raise DataError(
                    f"the batch breaks the contract {model.__name__}: "
                    f"{first['column']}: {first['check']} ({first['failure_case']})",
                    "correct the source or the contract; `coerce = True` in its Config converts types row by row",
                ) from None
            for case in broken.itertuples():
                # A check over several columns is reported once for each of them.
                said = case.check if case.schema_context == "DataFrameSchema" else f"{case.column}: {_said(case.check)}"
                reasons.setdefault(int(case.index), []).append(said)
            frame = frame.drop(index=broken["index"].astype(int).unique())
    return frame


def _said(check: str) -> str:
    """A check of pandera in a person's words; `less_than_or_equal_to(50)` is clear as it is."""
    if check == "not_nullable":
        return "no value"
    wanted = re.fullmatch(r"(?:coerce_)?dtype\('(.*)'\)", check)
    return f"not a {wanted[1]}" if wanted else check
