"""The inner loops as machine code: made when this file is first imported on a machine, and kept by numba beside it."""

from typing import Any

import numpy as np
from numba import boolean, float32, float64, int32, njit, uint32, void
from numba.types import Array  # type: ignore[attr-defined]
from numpy.typing import NDArray

_INDEX, _COUNT, _FLAG = uint32[::1], int32[::1], boolean[::1]


def _matrix(kind: Any) -> Any:
    return Array(kind, 2, "C", readonly=True)  # as pandas and Arrow hand it out; one that can be written fits, too


def _trees(x: Any, sums: Any) -> Any:
    """The signature for features of one precision and trees of another."""
    nodes = (_INDEX, sums[::1], _INDEX, _FLAG, sums[:, ::1])
    return void(_matrix(x), *nodes, _INDEX, _COUNT, _COUNT, sums[:, ::1])


@njit([_trees(float64, float64), _trees(float32, float64), _trees(float32, float32)], cache=True, nogil=True)
def add_leaves(
    x: NDArray[Any],
    feature: NDArray[Any],
    threshold: NDArray[Any],
    left: NDArray[Any],
    missing_right: NDArray[Any],
    value: NDArray[Any],
    root: NDArray[Any],
    depth: NDArray[Any],
    target: NDArray[Any],
    out: NDArray[Any],
) -> None:
    """Add to `out` (targets, rows) the leaf that each row of `x` (features, rows) reaches in each tree, in order.

    The tables are those of `forest.Forest`. All rows go down a tree together, one level after another: no step of one
    waits for a step of another, and where a row goes is arithmetic, so that nothing is to be guessed. A tree adds to
    its `target`, or with leaves as wide as `out` to all of them.
    """
    at = np.empty(x.shape[1], np.uint32)
    for tree in range(root.shape[0]):
        at[:] = root[tree]
        for _ in range(depth[tree]):
            for row in range(x.shape[1]):
                node = at[row]
                seen = x[feature[node], row]
                right = (seen > threshold[node]) | ((seen != seen) & missing_right[node])
                at[row] = left[node] + np.uint32(right)
        for row in range(x.shape[1]):
            if value.shape[1] == 1:
                out[target[tree], row] += value[at[row], 0]
            else:
                for i in range(value.shape[1]):
                    out[i, row] += value[at[row], i]


@njit([void(_matrix(float64), float64[:, ::1], float64[:, ::1])], cache=True, nogil=True)
def add_weighted(x: NDArray[Any], weight: NDArray[Any], out: NDArray[Any]) -> None:
    """Add to `out` (targets, rows) the features of `x` (features, rows) times `weight` (targets, features), in order.

    A matrix product would add in another order for another number of rows.
    """
    for target in range(weight.shape[0]):
        for feature in range(weight.shape[1]):
            for row in range(x.shape[1]):
                out[target, row] += weight[target, feature] * x[feature, row]
