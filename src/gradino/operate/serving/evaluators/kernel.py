"""The inner loops as machine code: made when this file is first imported on a machine, and kept by numba beside it."""

from typing import Any

from numba import boolean, float32, float64, int32, njit, void
from numba.types import Array  # type: ignore[attr-defined]
from numpy.typing import NDArray

_INDEX, _FLAG = int32[::1], boolean[::1]


def _matrix(kind: Any) -> Any:
    return Array(kind, 2, "C", readonly=True)  # as pandas and Arrow hand it out; one that can be written fits, too


def _trees(x: Any, sums: Any) -> Any:
    """The signature for features of one precision and trees of another."""
    return void(_matrix(x), _INDEX, sums[::1], _INDEX, _INDEX, _FLAG, sums[:, ::1], _INDEX, _INDEX, sums[:, ::1])


@njit([_trees(float64, float64), _trees(float32, float64), _trees(float32, float32)], cache=True, nogil=True)
def add_leaves(
    x: NDArray[Any],
    feature: NDArray[Any],
    threshold: NDArray[Any],
    left: NDArray[Any],
    right: NDArray[Any],
    missing_left: NDArray[Any],
    value: NDArray[Any],
    root: NDArray[Any],
    target: NDArray[Any],
    out: NDArray[Any],
) -> None:
    """Add to `out` (targets, rows) the leaf that each row of `x` (features, rows) reaches in each tree, in order.

    Nodes of all trees lie one after another; one whose `feature` is negative is a leaf. A row goes left where
    x ≤ threshold. A tree adds to its `target`, or with leaves as wide as `out` to all of them.
    """
    for tree in range(root.shape[0]):
        for row in range(x.shape[1]):
            node = root[tree]
            while feature[node] >= 0:
                seen = x[feature[node], row]
                if seen != seen:
                    node = left[node] if missing_left[node] else right[node]
                elif seen <= threshold[node]:
                    node = left[node]
                else:
                    node = right[node]
            if value.shape[1] == 1:
                out[target[tree], row] += value[node, 0]
            else:
                for i in range(value.shape[1]):
                    out[i, row] += value[node, i]


@njit([void(_matrix(float64), float64[:, ::1], float64[:, ::1])], cache=True, nogil=True)
def add_weighted(x: NDArray[Any], weight: NDArray[Any], out: NDArray[Any]) -> None:
    """Add to `out` (targets, rows) the features of `x` (features, rows) times `weight` (targets, features), in order.

    A matrix product would add in another order for another number of rows.
    """
    for target in range(weight.shape[0]):
        for feature in range(weight.shape[1]):
            for row in range(x.shape[1]):
                out[target, row] += weight[target, feature] * x[feature, row]
