"""What a compiled estimator is, and the two ways of not being one."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Matrix: TypeAlias = NDArray[Any]  # (features, rows)
Block: TypeAlias = Matrix | list[NDArray[Any]]  # the features of some rows: all numbers, or one array each


class NotCompiled(Exception):  # noqa: N818  # a reason, not a fault
    """This estimator is left to Python, and why."""


class Outside(Exception):  # noqa: N818  # a reason, not a fault
    """These rows are left to Python: there the compiled form need not agree with it."""


@dataclass(frozen=True)
class Form:
    """The last estimator of a model as functions of its features, a float64 matrix (features, rows).

    `predict` gives shape (rows,), `probabilities` (rows, classes). `bound` tells by how much a sum may differ because
    its terms are added in another order, shape (rows,); None: every bit is the same. `thresholds` are the values at
    which a feature's answer changes: (features, values).
    """

    said: str
    predict: Callable[[Matrix], NDArray[Any]]
    precision: type[np.float32 | np.float64]
    probabilities: Callable[[Matrix], NDArray[Any]] | None = None
    bound: Callable[[Matrix], NDArray[np.float64]] | None = None
    margin: Callable[[Matrix], NDArray[np.float64]] | None = None
    thresholds: tuple[NDArray[np.uint32], NDArray[Any]] | None = None


def matrix(block: Block) -> Matrix:
    """The features as one float64 matrix; raises Outside when one of them is no number."""
    if isinstance(block, np.ndarray):
        return block
    try:
        return np.array([np.asarray(values, dtype=np.float64) for values in block])
    except (TypeError, ValueError):
        raise Outside("a feature is no number") from None
