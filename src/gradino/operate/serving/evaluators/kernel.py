"""The inner loops as machine code: made when this file is first imported on a machine, and kept by numba beside it."""

from typing import Any

import numpy as np
from llvmlite import ir
from numba import boolean, float32, float64, int32, njit, uint32, uint64, void
from numba.extending import intrinsic
from numba.types import Array  # type: ignore[attr-defined]
from numpy.typing import NDArray

_INDEX, _COUNT, _FLAG = uint32[::1], int32[::1], boolean[::1]
_ALL = np.uint64(2**64 - 1)
_TOGETHER = 128  # rows whose features and masks stay in the processor's nearest memory


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


@intrinsic
def _lowest(_context: Any, bits: Any) -> Any:
    """The place of the lowest bit that is set."""

    def made(_context: Any, builder: Any, _signature: Any, given: Any) -> Any:
        return builder.cttz(given[0], ir.Constant(ir.IntType(1), 1))

    return uint64(bits), made


def _masks(x: Any, sums: Any) -> Any:
    """The signature for features of one precision and trees of another."""
    branches = (_INDEX, sums[::1], _FLAG, uint64[::1], _COUNT)
    return void(_matrix(x), *branches, _COUNT, sums[:, ::1], _COUNT, sums[:, ::1])


@njit([_masks(float64, float64), _masks(float32, float64), _masks(float32, float32)], cache=True, nogil=True)
def add_left(
    x: NDArray[Any],
    feature: NDArray[Any],
    threshold: NDArray[Any],
    missing_right: NDArray[Any],
    mask: NDArray[Any],
    first: NDArray[Any],
    first_leaf: NDArray[Any],
    value: NDArray[Any],
    target: NDArray[Any],
    out: NDArray[Any],
) -> None:
    """As `add_leaves`, for many rows and the tables of `masks.Masks`.

    Every branch is asked of all rows, one processor word of rows after another, and nothing is looked up but the leaf.
    """
    left = np.empty(_TOGETHER, np.uint64)
    for start in range(0, x.shape[1], _TOGETHER):
        rows = min(_TOGETHER, x.shape[1] - start)
        for tree in range(target.shape[0]):
            for row in range(rows):
                left[row] = _ALL
            for branch in range(first[tree], first[tree + 1]):
                seen, bound, kept = x[feature[branch], start : start + rows], threshold[branch], mask[branch]
                if missing_right[branch]:
                    for row in range(rows):
                        left[row] &= _ALL if seen[row] <= bound else kept
                else:
                    for row in range(rows):
                        left[row] &= kept if seen[row] > bound else _ALL
            for row in range(rows):
                leaf = first_leaf[tree] + _lowest(left[row])  # type: ignore[call-arg]
                if value.shape[1] == 1:
                    out[target[tree], start + row] += value[leaf, 0]
                else:
                    for i in range(value.shape[1]):
                        out[i, start + row] += value[leaf, i]


@njit([void(_matrix(float64), float64[:, ::1], float64[:, ::1])], cache=True, nogil=True)
def add_weighted(x: NDArray[Any], weight: NDArray[Any], out: NDArray[Any]) -> None:
    """Add to `out` (targets, rows) the features of `x` (features, rows) times `weight` (targets, features), in order.

    A matrix product would add in another order for another number of rows.
    """
    for target in range(weight.shape[0]):
        for feature in range(weight.shape[1]):
            for row in range(x.shape[1]):
                out[target, row] += weight[target, feature] * x[feature, row]
