"""Trees of scikit-learn, XGBoost or LightGBM as flat tables, read by treelite."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradino.operate.serving.evaluators.form import NotCompiled
from gradino.operate.serving.evaluators.masks import Masks

_MANY = 16  # rows: from here on masks cost less than walking
_LESS, _LESS_OR_EQUAL = 2, 3  # treelite's operators


@dataclass(frozen=True)
class Forest:
    """All nodes, tree after tree; the right child of a node stands behind its left one, and a leaf is its own child.

    A row goes right where it is above `threshold`, or where it is missing and `missing_right` is set. `base` is where
    the sums begin, shape (targets,); its type is that of all sums. Indices without a sign cost less to follow.
    """

    feature: NDArray[np.uint32]
    threshold: NDArray[Any]
    left: NDArray[np.uint32]
    missing_right: NDArray[np.bool_]
    value: NDArray[Any]
    root: NDArray[np.uint32]
    depth: NDArray[np.int32]
    target: NDArray[np.int32]
    base: NDArray[Any]
    masks: Masks | None = None  # the same trees, where they are small

    @property
    def branches(self) -> tuple[NDArray[np.uint32], NDArray[Any]]:
        """Feature and threshold of every node that is no leaf."""
        inner = self.left != np.arange(len(self.left))
        return self.feature[inner], self.threshold[inner]

    def sums(self, x: NDArray[Any]) -> NDArray[Any]:
        """Of the leaves that each row of `x` (features, rows) reaches, shape (targets, rows)."""
        from gradino.operate.serving.evaluators.kernel import add_leaves, add_left

        x, out = np.ascontiguousarray(x), np.repeat(self.base[:, None], x.shape[1], axis=1)
        if self.masks and x.shape[1] >= _MANY:
            m = self.masks
            branches = (m.feature, m.threshold, m.missing_right, m.mask, m.first)
            add_left(x, *branches, m.first_leaf, m.value, self.target, out)
        else:
            tables = (self.feature, self.threshold, self.left, self.missing_right, self.value)
            add_leaves(x, *tables, self.root, self.depth, self.target, out)
        return out

    @staticmethod
    def of(model: Any) -> "Forest":
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
        children = np.stack([all_of("cleft") + start, all_of("cright") + start], axis=1)
        missing_right = ~all_of("default_left").astype(np.bool_)
        nodes = (all_of("split_index"), threshold, children, missing_right, value)
        return _laid_out(inner, *nodes, root, np.maximum(target, 0), base)

    @staticmethod
    def of_tree(tree: Any, classifies: bool) -> "Forest":
        """A single decision tree of scikit-learn, which treelite does not read."""
        value = tree.value[:, 0, :] if classifies else tree.value[:, 0, :1]
        children = np.stack([tree.children_left, tree.children_right], axis=1)
        nodes = (tree.feature, tree.threshold, children, tree.missing_go_to_left == 0, value)
        return _laid_out(tree.children_left >= 0, *nodes, np.zeros(1, int), np.zeros(1, int), np.zeros(value.shape[1]))


def _leaf_vectors(tree: Any) -> NDArray[Any]:
    ends = np.stack([tree.get_field("leaf_vector_begin"), tree.get_field("leaf_vector_end")], axis=1)
    return ends.astype(np.int64)


def _laid_out(
    inner: NDArray[np.bool_],
    feature: NDArray[Any],
    threshold: NDArray[Any],
    children: NDArray[Any],
    missing_right: NDArray[np.bool_],
    value: NDArray[Any],
    root: NDArray[Any],
    target: NDArray[Any],
    base: NDArray[Any],
) -> Forest:
    """A forest from nodes in any order; `children` has shape (nodes, 2), `inner` says which nodes have any."""
    depth = np.zeros(len(root), dtype=np.int32)
    level, tree = root, np.arange(len(root))
    nodes, trees = [level], [tree]
    while (deeper := inner[level]).any():
        level, tree = children[level[deeper]].ravel(), np.repeat(tree[deeper], 2)
        depth[tree] += 1
        nodes.append(level)
        trees.append(tree)
    order = np.concatenate(nodes)[np.argsort(np.concatenate(trees), kind="stable")]
    place = np.empty(len(inner), dtype=np.uint32)
    place[order] = own = np.arange(len(order), dtype=np.uint32)
    inner = inner[order]
    tables = (
        np.where(inner, feature[order], 0).astype(np.uint32),
        np.where(inner, threshold[order], np.inf).astype(threshold.dtype),
        np.where(inner, place[children[order, 0]], own),
        inner & missing_right[order],
        np.ascontiguousarray(value[order]),
        place[root],
    )
    return Forest(*tables, depth, target.astype(np.int32), base, Masks.of(*tables))
