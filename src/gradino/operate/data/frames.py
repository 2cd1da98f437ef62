"""Data frames at the border to the project's functions: pandas, unless the function's annotation says otherwise."""

import typing
from collections.abc import Callable
from typing import Any

import pandas as pd
import pyarrow as pa

from gradino.errors import DataError


def given(function: Callable[..., Any], frame: pd.DataFrame) -> Any:
    """`frame` in the library that the function's first parameter is annotated with: polars, pyarrow, else pandas."""
    hints = typing.get_type_hints(function)
    hints.pop("return", None)
    library = getattr(next(iter(hints.values()), None), "__module__", "").partition(".")[0]
    if library == "polars":
        import polars  # the project asked for it, so its lock file has it

        return polars.from_pandas(frame)
    return pa.Table.from_pandas(frame, preserve_index=False) if library == "pyarrow" else frame


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
