"""Trees of scikit-learn, XGBoost or LightGBM as flat tables, read by treelite."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradino.operate.serving.evaluators.form import NotCompiled

_LESS, _LESS_OR_EQUAL = 2, 3  # treelite's operators


@dataclass(frozen=True)
class Forest:
    """`base` is where the sums begin, shape (targets,); its type is that of all sums."""

    feature: NDArray[np.int32]
    threshold: NDArray[Any]
    left: NDArray[np.int32]
    right: NDArray[np.int32]
    missing_left: NDArray[np.bool_]
    value: NDArray[Any]
    root: NDArray[np.int32]
    target: NDArray[np.int32]
    base: NDArray[Any]

    def sums(self, x: NDArray[Any]) -> NDArray[Any]:
        """Of the leaves that each row of `x` (features, rows) reaches, shape (targets, rows)."""
        from gradino.operate.serving.evaluators.kernel import add_leaves

        out = np.repeat(self.base[:, None], x.shape[1], axis=1)
        tables = (self.feature, self.threshold, self.left, self.right, self.missing_left, self.value)
        add_leaves(np.ascontiguousarray(x), *tables, self.root, self.target, out)
        return out

    @classmethod
    def of(cls, model: Any) -> "Forest":
        """From treelite's model; raises NotCompiled for splits by category."""
        trees = [model.get_tree_accessor(i) for i in range(model.num_tree)]
        header = model.get_header_accessor()

        def all_of(name: str) -> NDArray[Any]:
            return np.concatenate([tree.get_field(name) for tree in trees])

        sizes = [int(tree.get_field("num_nodes")[0]) for tree in trees]
        root = np.concatenate([[0], np.cumsum(sizes)[:-1]])
        start = np.repeat(root, sizes)
        inner = all_of("node_type") != 0
        if all_of("has_categorical_split").any():
            raise NotCompiled("it splits by category inside its trees")
        operators, threshold = all_of("cmp")[inner], all_of("threshold")
        if (operators == _LESS).all():  # x < t is x ≤ the number before t
            threshold = np.nextafter(threshold, threshold.dtype.type(-np.inf))
        elif not (operators == _LESS_OR_EQUAL).all():
            raise NotCompiled("its trees compare by something else than < or ≤")
        base = header.get_field("base_scores").astype(all_of("leaf_value").dtype)
        width = max((int(np.diff(_leaf_vectors(tree)).max()) for tree in trees), default=0)
        target = header.get_field("class_id")
        if width:
            value = np.zeros((len(inner), width), dtype=base.dtype)
            value[~inner] = all_of("leaf_vector").reshape(-1, width)
        else:
            value = all_of("leaf_value")[:, None]
        return cls(
            np.where(inner, all_of("split_index"), -1).astype(np.int32),
            threshold,
            (all_of("cleft") + start).astype(np.int32),
            (all_of("cright") + start).astype(np.int32),
            all_of("default_left").astype(np.bool_),
            value,
            root.astype(np.int32),
            np.maximum(target, 0).astype(np.int32),
            base,
        )

    @classmethod
    def of_tree(cls, tree: Any, classifies: bool) -> "Forest":
        """A single decision tree of scikit-learn, which treelite does not read."""
        leaf = tree.children_left < 0
        value = tree.value[:, 0, :] if classifies else tree.value[:, 0, :1]
        return cls(
            np.where(leaf, -1, tree.feature).astype(np.int32),
            np.array(tree.threshold),
            tree.children_left.astype(np.int32),
            tree.children_right.astype(np.int32),
            tree.missing_go_to_left.astype(np.bool_),
            np.ascontiguousarray(value),
            np.zeros(1, dtype=np.int32),
            np.zeros(1, dtype=np.int32),
            np.zeros(value.shape[1]),
        )


def _leaf_vectors(tree: Any) -> NDArray[Any]:
    ends = np.stack([tree.get_field("leaf_vector_begin"), tree.get_field("leaf_vector_end")], axis=1)
    return ends.astype(np.int64)
