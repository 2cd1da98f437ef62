"""Slices: the parts of the rows for which a model is judged apart, so that a good mean cannot hide a bad part.

A project names columns; the rows it learned from say where to cut them. Training reports each slice, the holdout gate
compares candidate and champion on it: both call `cut` with the same past, so they mean the same rows.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

BINS = 4  # quantile bins of a number
FEW = 12  # distinct values up to which a whole number is a category
TOP = 10  # categories on their own; the rarer ones share a slice

Mask = NDArray[np.bool_]


def cut(past: pd.DataFrame, frame: pd.DataFrame, columns: Sequence[str]) -> dict[str, Mask]:
    """The slices of `frame` by name, each a mask of shape (rows,); those that have no row are left out.

    Of one column they are disjoint and cover all rows. Numbers and times are cut at the quartiles of `past`; text,
    booleans and whole numbers of few values are taken one by one. Missing values are a slice of their own.

    Raises ValueError for a column that is in neither frame.
    """
    if absent := [column for column in columns if column not in past or column not in frame]:
        known = ", ".join(map(str, frame.columns))
        raise ValueError(f"there is no column `{absent[0]}` to slice by; there are: {known}")
    found = {}
    for column in columns:
        missing = frame[column].isna().to_numpy()
        for name, mask in _parts(past[column].dropna(), frame[column]):
            found[f"{column} {name}"] = mask & ~missing
        found[f"{column} missing"] = missing
    return {name: mask for name, mask in found.items() if mask.any()}


def _parts(known: "pd.Series[Any]", values: "pd.Series[Any]") -> Iterator[tuple[str, Mask]]:
    if is_continuous(known):
        edges = known.quantile(np.arange(1, BINS) / BINS).unique()
        place = np.searchsorted(edges, values.to_numpy(edges.dtype, na_value=edges[0]), side="left")
        bounds = [_shown(edge) for edge in edges]
        names = [f"≤ {bounds[0]}", *(f"{a} … {b}" for a, b in pairwise(bounds)), f"> {bounds[-1]}"]
        yield from ((name, place == i) for i, name in enumerate(names))
        return
    top = list(known.value_counts().index[:TOP])
    yield from ((f"= {_shown(value)}", (values == value).to_numpy(bool, na_value=False)) for value in top)
    yield "other", ~values.isin(top).to_numpy()


def is_continuous(known: "pd.Series[Any]") -> bool:
    if pd.api.types.is_datetime64_any_dtype(known):
        return True
    if pd.api.types.is_bool_dtype(known) or not pd.api.types.is_numeric_dtype(known):
        return False
    return bool(known.nunique() > FEW or (known % 1 != 0).any())


def _shown(value: Any) -> str:
    if isinstance(value, (pd.Timestamp, np.datetime64)):
        return f"{pd.Timestamp(value):%Y-%m-%d %H:%M}"
    return f"{value:.4g}" if isinstance(value, (float, np.floating)) else str(value)
