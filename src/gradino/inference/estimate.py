"""The loss to expect before labels come: what the rows' features and the model's own answer say about its error.

An additive model of the loss over the cells of drift profiles,

    E[loss | row] = level + Σ_column effect[column][cell of the row in that column],

fitted by ridge regression on the holdout. It is a direct estimate of the loss (NannyML's DLE) in which, being additive,
the mean over any rows is a weighted sum of their profile's counts: a month of predictions costs what a minute costs.
The model's own answer is a column like the others; where the answer is a probability, its cells calibrate it, which is
what CBPE does. It sees harm that comes from *where* the rows lie, and none that comes from the truth having changed
its relation to them: hence an estimate, to be scored by the labels once they come, and never evidence.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from gradino.inference import drift

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike, NDArray

PENALTIES = 10.0 ** np.arange(0, 5)
"""Of the squared effects, in rows: the one that predicts later fifths of the holdout best is taken."""

FOLDS = 5

LEAST = 200
"""Rows of a holdout below which nothing is fitted."""


class Additive(msgspec.Struct, frozen=True):
    """The fitted model. `error` is the root mean square error of a block's mean, a fiftieth of the holdout each, when
    later blocks are predicted from earlier ones; `without` is that of the mean alone, which the model must beat to be
    of use."""

    cells: str
    level: float
    effects: dict[str, tuple[float, ...]]
    error: float
    without: float

    @property
    def useful(self) -> bool:
        """Whether it foretold later blocks better than their past mean did."""
        return self.error < self.without


def fit(columns: Mapping[str, NDArray[Any]], cells: drift.Cells, losses: ArrayLike) -> Additive | None:
    """The model of `losses`, shape (n,), in time order, from `columns` over `cells`; None below 200 rows.

    The penalty is chosen by forward validation: each fifth is predicted from those before it. Rows without a loss (NaN)
    are left out.
    """
    values = np.asarray(losses, dtype=np.float64)
    known = ~np.isnan(values)
    values = values[known]
    if len(values) < LEAST:
        return None
    names = list(cells.columns)
    places = [drift.place(np.asarray(columns[name])[known], cells.columns[name]) for name in names]
    sizes = [len(drift.labels(cells.columns[name])) for name in names]
    starts = np.cumsum([0, *sizes])
    design = np.zeros((len(values), int(starts[-1])))
    for start, place in zip(starts, places, strict=False):
        design[np.arange(len(values)), start + place] = 1.0
    penalty, error, without = _validate(design, values)
    level, effects = _ridge(design, values, penalty)
    shares = design.mean(axis=0)
    shifted = {}  # each column's effects are centred on the holdout, so `level` is its mean loss
    for name, start, end in zip(names, starts[:-1], starts[1:], strict=True):
        _extend(effects[start:end], shares[start:end], cells.columns[name])
        middle = float(shares[start:end] @ effects[start:end])
        level += middle
        shifted[name] = tuple((effects[start:end] - middle).round(9).tolist())
    return Additive(cells.id, level, shifted, error, without)


def expected(model: Additive, profile: drift.Profile) -> float | None:
    """The mean loss to expect of the rows of `profile`, in [0, 1]; None without rows.

    Raises ValueError for a profile over other cells.
    """
    if profile.cells != model.cells:
        raise ValueError("the estimate was fitted over other cells")
    if not profile.rows:
        return None
    total = model.level + sum(due(model, name, counts) for name, counts in profile.counts.items())
    return min(max(total, 0.0), 1.0)


def due(model: Additive, column: str, counts: drift.Counts) -> float:
    """The part of the expected change of the loss that one column's distribution brings."""
    effects, rows = model.effects[column], sum(counts)
    return float(np.dot(effects, counts)) / rows if rows else 0.0


def _validate(design: NDArray[np.float64], values: NDArray[np.float64]) -> tuple[float, float, float]:
    """The best penalty, its error on block means, and that of the past mean."""
    folds = np.array_split(np.arange(len(values)), FOLDS)
    wrong = np.zeros(len(PENALTIES))
    plain = 0.0
    blocks = 0
    for before, later in zip(range(1, FOLDS), folds[1:], strict=True):
        past = np.concatenate(folds[:before])
        truth = _means(values[later])
        plain += float(((truth - values[past].mean()) ** 2).sum())
        blocks += len(truth)
        for i, penalty in enumerate(PENALTIES):
            level, effects = _ridge(design[past], values[past], penalty)
            wrong[i] += float(((truth - _means(level + design[later] @ effects)) ** 2).sum())
    best = int(np.argmin(wrong))
    return float(PENALTIES[best]), math.sqrt(wrong[best] / blocks), math.sqrt(plain / blocks)


def _extend(effects: NDArray[np.float64], shares: NDArray[np.float64], cell: drift.Numbers | drift.Categories) -> None:
    """What lies beyond the range of the holdout errs as its nearest rows do, in place."""
    if isinstance(cell, drift.Numbers):
        inside = len(cell.starts)
        for beyond, nearest in ((inside, 0), (inside + 1, inside - 1)):
            if not shares[beyond]:
                effects[beyond] = effects[nearest]


def _means(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.array([block.mean() for block in np.array_split(values, min(10, len(values)))])


def _ridge(
    design: NDArray[np.float64], values: NDArray[np.float64], penalty: float
) -> tuple[float, NDArray[np.float64]]:
    """Intercept, which is not penalised, and coefficients."""
    centre, level = design.mean(axis=0), float(values.mean())
    x, y = design - centre, values - level
    effects: NDArray[np.float64] = np.linalg.solve(x.T @ x + penalty * np.eye(x.shape[1]), x.T @ y)
    return level - float(centre @ effects), effects
