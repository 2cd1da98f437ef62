"""Faster than the library that trained it, and exactly as right: a model as tables and machine code.

Enters: a model that the registry has verified, and the holdout of its bundle. Leaves: the same model with its
estimator compiled (`fastest`), if it answers as Python does on all rows of `parity`; else the model as it was, and
why. The server calls it when it loads a version, the gate `parity` before one is released, `gradino score` for files.

    form                what a compiled estimator is
    forest, masks       trees of scikit-learn, XGBoost and LightGBM as tables; small ones in a second form for many rows
    kernel              the loops over both
    models, prepare     the last step of a model, and what may come before it
    compiled → parity   both together, and the comparison with Python
"""

import importlib.util
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from gradino.operate.registry import Model, holdout
from gradino.operate.serving.evaluators.compiled import Compiled, standing_in
from gradino.operate.serving.evaluators.form import NotCompiled, Outside
from gradino.operate.serving.evaluators.parity import Parity, examine

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from gradino.operate.registry import Field

__all__ = ["Compiled", "Fastest", "NotCompiled", "Outside", "Parity", "fastest", "prepare"]


@dataclass(frozen=True)
class Fastest:
    """A model as it is served. `how` says what answers, and if it is Python, why; `parity` what was compared.

    `direct` maps the columns of a batch to answers; a model with a scoring function of its own has none, there the
    compiled estimator stands in for the one that the function is given.
    """

    model: Model
    how: str
    parity: Parity | None = None
    direct: Compiled | None = None

    @property
    def inputs(self) -> "Sequence[Field]":
        return self.model.inputs

    @property
    def task(self) -> str:
        return self.model.task

    @property
    def digest(self) -> str:
        return self.model.digest

    def predict(self, frame: "pd.DataFrame") -> Any:
        return self.model.predict(frame)


def fastest(model: Model, rows: "pd.DataFrame | None" = None) -> Fastest:
    """The model with its estimator compiled, where that answers as Python does on `rows` (inputs; None: the bundle's
    sample of the holdout) and on adversarial ones; else as it is.
    """
    if missing := _missing():
        return Fastest(model, f"Python: {' and '.join(missing)} not installed (gradino[compiled])")
    try:
        rows = holdout(model.path) if rows is None else rows
        with np.errstate(all="ignore"), warnings.catch_warnings(action="ignore"):  # of rows that nobody ever sends
            return _compiled(model, rows)
    except NotCompiled as reason:
        return Fastest(model, f"Python: {reason}")
    except Exception as error:  # noqa: BLE001  # an estimator may be anything; Python can still serve it
        return Fastest(model, f"Python: {type(error).__name__}: {error}")


def _compiled(model: Model, rows: "pd.DataFrame") -> Fastest:
    """Raises NotCompiled."""
    compiled, parity = examine(model.estimator, Compiled.of(model.estimator), _features(model, rows))
    if model.description.score is None:
        return Fastest(model, compiled.said, parity, compiled)
    other = model.with_estimator(standing_in(model.estimator, compiled))
    _same_answers(model, other, rows)
    return Fastest(other, f"{compiled.said}, called by {model.description.score}", parity)


def prepare() -> None:
    """Read the machine code, or make it where this is the first time: in the parent of all workers, once."""
    if not _missing():
        import treelite.sklearn

        from gradino.operate.serving.evaluators import kernel

        del kernel, treelite


def _missing() -> list[str]:
    return [name for name in ("numba", "treelite") if importlib.util.find_spec(name) is None]


def _features(model: Model, rows: "pd.DataFrame") -> "pd.DataFrame":
    """What the estimator is given for these rows: columns of them, or what the project's function makes of them."""
    import pandas as pd

    seen: list[Any] = []

    class Watched:
        def __getattr__(self, name: str) -> Any:
            found = getattr(model.estimator, name)
            if name not in ("predict", "predict_proba"):
                return found

            def called(frame: Any) -> Any:
                seen.append(frame)
                return found(frame)

            return called

    model.with_estimator(Watched()).predict(rows)
    if not seen or not all(isinstance(frame, pd.DataFrame) for frame in seen):
        raise NotCompiled("its scoring function gives the estimator no data frame")
    features: pd.DataFrame = pd.concat(seen, ignore_index=True)
    return features


def _same_answers(model: Model, other: Model, rows: "pd.DataFrame") -> None:
    """The whole way, with the project's scoring function, on the holdout."""
    expected, answer = model.predict(rows), other.predict(rows)
    same = expected.dtype == answer.dtype and expected.shape == answer.shape
    if not same or not np.array_equal(expected, answer, equal_nan=expected.dtype.kind == "f"):
        raise NotCompiled(f"{model.description.score} answers otherwise with the compiled estimator")
