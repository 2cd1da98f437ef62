"""A fitted estimator without its library: the features of some rows in, what `predict` would have answered out."""

import copy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gradino.operate.serving.evaluators.form import Block, Form, Matrix, Outside, matrix
from gradino.operate.serving.evaluators.models import form_of
from gradino.operate.serving.evaluators.prepare import Step, step_of

if TYPE_CHECKING:
    import pandas as pd


@dataclass
class Compiled:
    """`features` are its columns, in order. What the flags do not claim is left to Python; parity sets them."""

    features: list[str]
    form: Form
    steps: list[Step] = field(default_factory=list)
    missing: bool = False  # claims rows in which a feature that reaches the last step is missing
    infinite: bool = False
    probabilities: bool = False

    @classmethod
    def of(cls, estimator: Any) -> "Compiled":
        """Raises NotCompiled: some part of it has no compiled form."""
        names = getattr(estimator, "feature_names_in_", None)
        parts = [part for _, part in estimator.steps] if type(estimator).__name__ == "Pipeline" else [estimator]
        steps = [step_of(part) for part in parts[:-1] if part is not None]
        count = estimator.n_features_in_
        return cls(
            [str(n) for n in names] if names is not None else [str(i) for i in range(count)], form_of(parts[-1]), steps
        )

    @property
    def said(self) -> str:
        return f"{self.form.said} as machine code" + (f" after {len(self.steps)} step(s)" if self.steps else "")

    def predict(self, block: Block) -> NDArray[Any]:
        """One answer per row, shape (rows,).

        Raises:
            Outside: some row is Python's.
        """
        return self.form.predict(self.prepared(block))

    def predict_proba(self, block: Block) -> NDArray[Any]:
        """One probability per row and class, shape (rows, classes); raises Outside."""
        if not self.probabilities or self.form.probabilities is None:
            raise Outside("its probabilities are Python's")
        return self.form.probabilities(self.prepared(block))

    def prepared(self, block: Block) -> Matrix:
        """The features as the last step reads them, shape (features, rows); raises Outside."""
        if self.steps and not self.infinite:
            given = [block] if isinstance(block, np.ndarray) else [a for a in block if a.dtype.kind == "f"]
            if any(np.isinf(values).any() for values in given):
                raise Outside("a feature is infinite")
        for step in self.steps:
            block = step(block)
        return self.claimed(matrix(block))

    def claimed(self, x: Matrix) -> Matrix:
        """Rounded as the estimator rounds; raises Outside."""
        if self.form.precision is np.float32:
            with np.errstate(over="ignore"):
                x = x.astype(np.float32)
        if not self.missing and np.isnan(x).any():
            raise Outside("a feature is missing")
        if not self.infinite and np.isinf(x).any():
            raise Outside("a feature is infinite")
        return x


def block_of(frame: "pd.DataFrame", features: list[str]) -> Block:
    """The features of a data frame; raises Outside for one that is not as it was in training."""
    if list(frame.columns) != features:
        raise Outside("other columns")
    kinds = [dtype.kind for dtype in frame.dtypes]
    if any(kind not in "fiub" or dtype == np.float32 for kind, dtype in zip(kinds, frame.dtypes, strict=True)):
        arrays = [frame[name].to_numpy() for name in features]
        if any(a.dtype.kind not in "fiubO" or a.dtype == np.float32 for a in arrays):
            raise Outside("a feature is neither a number nor text")
        return arrays
    return np.ascontiguousarray(frame.to_numpy(dtype=np.float64).T)


def standing_in(estimator: Any, compiled: Compiled) -> Any:
    """A copy of an estimator that answers by its compiled form where that claims the rows; all else is its own."""
    kind = type(estimator)

    def predict(self: Any, frame: Any) -> NDArray[Any]:
        try:
            return compiled.predict(_given(frame, compiled))
        except Outside:
            return kind.predict(self, frame)  # type: ignore[no-any-return]

    def predict_proba(self: Any, frame: Any) -> NDArray[Any]:
        try:
            return compiled.predict_proba(_given(frame, compiled))
        except Outside:
            return kind.predict_proba(self, frame)  # type: ignore[no-any-return]

    methods = {"predict": predict} | ({"predict_proba": predict_proba} if compiled.probabilities else {})
    other = copy.copy(estimator)
    other.__class__ = type(kind.__name__, (kind,), methods)
    return other


def _given(frame: Any, compiled: Compiled) -> Block:
    import pandas as pd

    if not isinstance(frame, pd.DataFrame):
        raise Outside("no data frame")
    return block_of(frame, compiled.features)
