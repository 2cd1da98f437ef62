"""Per-row losses in [0, 1]: the one currency of experiment, alarm and retraining."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

Task = Literal["classification", "regression"]


def bounded(task: Task, prediction: ArrayLike, label: ArrayLike, scale: float | None = None) -> NDArray[np.float64]:
    """The loss of each row, in [0, 1]; NaN where the label is missing.

    `classification`, `prediction` of shape (n,): classes; the loss is 0 or 1.
    `classification`, `prediction` of shape (n, k): probabilities, and `label` the index of the true column; the loss
    is half the Brier score, ½ Σ_j (p_j − 1[j = label])² (Brier 1950; halved, so that certain and wrong costs 1).
    `regression`, `prediction` of shape (n,): min(|prediction − label| / scale, 1), `scale` in the unit of the target.

    A missing label says nothing about either model, so its row is NaN. A missing prediction – NaN, None, or
    probabilities that are no distribution – costs the full loss of 1: otherwise a model could win by not answering the
    hard rows. Raises ValueError for shapes that do not match and for a `scale` that is not positive.
    """
    predicted, truth = np.asarray(prediction), np.asarray(label)
    ranks = (1, 2) if task == "classification" else (1,)
    if truth.ndim != 1 or predicted.ndim not in ranks or len(predicted) != len(truth):
        raise ValueError(f"one label per prediction, got shapes {predicted.shape} and {truth.shape}")
    if task == "regression":
        if scale is None or not 0 < scale < math.inf:
            raise ValueError(f"regression needs a positive scale, got {scale}; see losses.scale")
        predicted, truth = predicted.astype(np.float64), truth.astype(np.float64)
        known = np.isfinite(truth)
        with np.errstate(over="ignore"):
            error = np.abs(predicted - np.where(known, truth, 0.0)) / scale
        loss = np.where(np.isnan(error), 1.0, np.minimum(error, 1.0))
    elif predicted.ndim == 2:
        truth = truth.astype(np.float64)
        known = np.isfinite(truth)
        loss = _brier(predicted.astype(np.float64), np.where(known, truth, 0).astype(np.intp))
    else:
        known = ~_missing(truth)
        loss = ((predicted != truth) | _missing(predicted)).astype(np.float64)
    return np.where(known, loss, np.nan)


def scale(errors: ArrayLike) -> float:
    """The absolute error that counts as wholly wrong: the 95th percentile of `errors`, in the unit of the target.

    `errors`, shape (n,): absolute errors of the champion on its holdout, or of a baseline for a project's first
    model. Fix it once per experiment, before the first label: a scale that follows the data would let the losses of
    the past depend on the future. A quantile, because a mean or maximum is moved by one absurd row; a high one,
    because clipping changes what is compared, here at most one row in twenty of the champion's. Where more than 95 %
    of the errors are zero, the largest; where all are, 1.0, for then every scale is as good. NaN are left out; raises
    ValueError if nothing is left.
    """
    values = np.asarray(errors, dtype=np.float64)
    values = np.abs(values[np.isfinite(values)])
    if not values.size:
        raise ValueError("no finite error to take a scale from; evaluate the champion on a holdout first")
    return float(np.quantile(values, 0.95) or values.max() or 1.0)


def standard_error(losses: ArrayLike) -> float:
    """Standard error of the mean of `losses`, shape (n,), in time order; inf below 30 of them.

    Losses near in time resemble each other, and then s/√n is too small. The method of batch means: cut the series into
    √n consecutive blocks, at least ten, and use the spread of the blocks' means; never less than s/√n. Source: Flegal &
    Jones 2010 (Ann. Stat. 38). NaN are left out.
    """
    values = np.asarray(losses, dtype=np.float64)
    values = values[~np.isnan(values)]
    n = len(values)
    if n < 30:
        return math.inf
    blocks = max(10, math.isqrt(n))
    length = n // blocks
    means = values[: blocks * length].reshape(blocks, length).mean(axis=1)
    return max(float(means.std(ddof=1)) / math.sqrt(blocks), float(values.std(ddof=1)) / math.sqrt(n))


def observed(values: ArrayLike, low: float) -> NDArray[np.float64]:
    """`values` without NaN; ValueError if one lies outside [low, 1] or they are not one-dimensional."""
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1:
        raise ValueError(f"one value per row, got shape {array.shape}")
    array = array[~np.isnan(array)]
    if array.size and not low <= array.min() <= array.max() <= 1:
        raise ValueError(f"values lie in [{low:g}, 1], got {array.min():g} to {array.max():g}; see losses.bounded")
    return array


def _brier(probability: NDArray[np.float64], label: NDArray[np.intp]) -> NDArray[np.float64]:
    rows, classes = probability.shape
    if rows and not 0 <= label.min() <= label.max() < classes:
        raise ValueError(f"labels index {classes} columns of probabilities, got {label.min()} to {label.max()}")
    distribution = (probability >= 0).all(axis=1) & (np.abs(probability.sum(axis=1) - 1) <= 1e-3)
    truth = np.zeros_like(probability)
    truth[np.arange(rows), label] = 1
    half = ((probability - truth) ** 2).sum(axis=1) / 2
    return np.where(distribution, np.minimum(half, 1.0), 1.0)


def _missing(values: NDArray[Any]) -> NDArray[np.bool_]:
    """None and whatever differs from itself (NaN, NaT)."""
    absent: NDArray[np.bool_] = (values != values) | (values == None)  # noqa: E711 - elementwise
    return absent
