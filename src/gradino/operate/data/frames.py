"""Data frames at the border to the project's functions: pandas, unless the function's annotation says otherwise.

Times are in UTC on both sides. The project's functions see them without a zone, as their own files mostly have them.
"""

import importlib
import inspect
import typing
from collections.abc import Callable
from typing import Any

import pandas as pd
import pyarrow as pa

from gradino.errors import DataError


def frame_library(function: Callable[..., Any], parameter: int) -> str:
    """The library that a function's parameter (by position) is annotated with: polars, pyarrow, else pandas."""
    hints = typing.get_type_hints(function)
    names = list(inspect.signature(function).parameters)
    hint = hints.get(names[parameter]) if parameter < len(names) else None
    found = getattr(hint, "__module__", "").partition(".")[0]
    return found if found in ("polars", "pyarrow") else "pandas"


def given(frame: pd.DataFrame, library: str) -> Any:
    """`frame` as a data frame of that library, times without a zone; what is done to it does not reach `frame`."""
    aware = [name for name, kind in frame.dtypes.items() if isinstance(kind, pd.DatetimeTZDtype)]
    frame = frame.assign(**{str(n): frame[n].dt.tz_convert(None) for n in aware}) if aware else frame.copy(deep=False)
    match library:
        case "polars":  # the project asked for it, so its lock file has it
            return importlib.import_module("polars").from_pandas(frame)
        case "pyarrow":
            return pa.Table.from_pandas(frame, preserve_index=False)
        case _:
            return frame


def taken(result: object, source: str) -> pd.DataFrame:
    """What a source returned, as pandas; raises DataError when it is no data frame."""
    if isinstance(result, pd.DataFrame):
        return result
    convert = getattr(result, "to_pandas", None)
    if convert is None:
        raise DataError(
            f"{source} returned {type(result).__name__}, not a data frame",
            "return a pandas or polars DataFrame or a pyarrow Table; an empty one when there is nothing new",
        )
    return taken(convert(), source)
