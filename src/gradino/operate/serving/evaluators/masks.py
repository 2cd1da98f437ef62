"""Small trees without walking: each branch that sends a row to the right crosses out the leaves on its left.

What is left of a tree's leaves then begins with the one that walking would have reached. Which branches are asked no
longer depends on the row, so that many rows are asked at once. After QuickScorer: Lucchese et al. 2015,
https://doi.org/10.1145/2766462.2767733.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_MOST_LEAVES = 64  # the bits of a word


@dataclass(frozen=True)
class Masks:
    """Branches of all trees, tree after tree, those of tree `t` from `first[t]` to `first[t + 1]`.

    `mask` has a bit for each leaf of the branch's tree, from left to right, unset for those that going right crosses
    out. `value` has the leaves in that order, those of tree `t` from `first_leaf[t]`.
    """

    feature: NDArray[np.uint32]
    threshold: NDArray[Any]
    missing_right: NDArray[np.bool_]
    mask: NDArray[np.uint64]
    first: NDArray[np.int32]
    first_leaf: NDArray[np.int32]
    value: NDArray[Any]

    @staticmethod
    def of(
        feature: NDArray[Any],
        threshold: NDArray[Any],
        left: NDArray[Any],
        missing_right: NDArray[Any],
        value: NDArray[Any],
        root: NDArray[Any],
    ) -> "Masks | None":
        """From the tables of `forest.Forest`; None when a tree has too many leaves."""
        inner = left != np.arange(len(left))
        sizes = np.diff(np.append(root, len(left)))
        if (sizes > 2 * _MOST_LEAVES - 1).any():
            return None
        branches: list[int] = []
        leaves: list[int] = []
        masks: list[int] = []
        first, first_leaf = [0], list[int]()

        def visit(node: int) -> None:
            """In the order of the leaves."""
            if not inner[node]:
                leaves.append(node)
                return
            begin = len(leaves) - first_leaf[-1]
            visit(left[node])
            end = len(leaves) - first_leaf[-1]
            branches.append(node)
            masks.append(2**64 - 1 - (2**end - 2**begin))
            visit(left[node] + 1)

        for tree in root.tolist():
            first_leaf.append(len(leaves))
            visit(tree)
            first.append(len(branches))
        places = np.array(branches, dtype=np.intp)
        return Masks(
            feature[places],
            threshold[places],
            missing_right[places],
            np.array(masks, dtype=np.uint64),
            np.array(first, dtype=np.int32),
            np.array(first_leaf, dtype=np.int32),
            value[leaves],
        )
