"""The last step of a model: trees of three libraries, and linear models, each with its own way from sums to answers."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradino.operate.serving.evaluators.forest import Forest
from gradino.operate.serving.evaluators.form import Form, Matrix, NotCompiled

_AVERAGED = {"RandomForestRegressor", "ExtraTreesRegressor", "DecisionTreeRegressor"}
_VOTING = {"RandomForestClassifier", "ExtraTreesClassifier", "DecisionTreeClassifier"}
_LINEAR = {"LinearModel", "LinearClassifierMixin"}
_XGBOOST_PLAIN = {"reg:squarederror", "reg:absoluteerror", "reg:quantileerror", "reg:pseudohubererror"}
_LIGHTGBM_ZERO = np.float32(1e-35)  # LightGBM takes what is no larger for zero
_LIGHTGBM_PLAIN = {"regression", "regression_l1", "huber", "fair", "quantile", "mape"}


def form_of(estimator: Any) -> Form:
    """The compiled form of a fitted estimator; raises NotCompiled."""
    kinds = {kind.__name__ for kind in type(estimator).__mro__}
    if getattr(estimator, "n_outputs_", 1) != 1 or getattr(estimator, "_n_features_out", 0):
        raise NotCompiled("it answers several values a row")
    if kinds & (_AVERAGED | _VOTING):
        return _forest(estimator, bool(kinds & _VOTING))
    if "HistGradientBoostingRegressor" in kinds:
        forest = _sklearn(estimator)
        inverse = estimator._loss.link.inverse
        plain = type(estimator._loss.link).__name__ == "IdentityLink"
        return _summed(forest, lambda sums: sums[0] if plain else inverse(sums[0]), np.float64)
    if "HistGradientBoostingClassifier" in kinds:
        return _classified(_sklearn(estimator), estimator, np.float64, strictly=True)
    if "GradientBoostingRegressor" in kinds:
        return _summed(_sklearn(estimator), lambda sums: sums[0], np.float32)
    if "GradientBoostingClassifier" in kinds:
        return _classified(_sklearn(estimator), estimator, np.float32, strictly=False)
    if kinds & {"XGBRegressor", "XGBClassifier"}:
        return _xgboost(estimator, "XGBClassifier" in kinds)
    if kinds & {"LGBMRegressor", "LGBMClassifier"}:
        return _lightgbm(estimator, "LGBMClassifier" in kinds)
    if kinds & _LINEAR and hasattr(estimator, "coef_"):
        return _linear(estimator, "LinearClassifierMixin" in kinds)
    raise NotCompiled(f"there is no compiled form of {type(estimator).__name__}")


def _sklearn(estimator: Any) -> Forest:
    import treelite.sklearn

    if hasattr(estimator, "tree_"):
        return Forest.of_tree(estimator.tree_, hasattr(estimator, "classes_"))
    try:
        return Forest.of(treelite.sklearn.import_model(estimator))
    except treelite.TreeliteError as error:
        raise NotCompiled(f"treelite cannot read it: {error}") from None


def _summed(
    forest: Forest,
    answer: Callable[[Matrix], NDArray[Any]],
    precision: type[np.float32 | np.float64],
    before: Callable[[Matrix], Matrix] = lambda x: x,
    **more: Any,
) -> Form:
    return Form(
        f"{len(forest.root)} trees",
        lambda x: answer(forest.sums(before(x))),
        precision,
        thresholds=forest.branches,
        **more,
    )


def _forest(estimator: Any, votes: bool) -> Form:
    forest = _sklearn(estimator)
    trees = len(forest.root)

    def shares(x: Matrix) -> NDArray[Any]:
        return (forest.sums(x) / trees).T

    if not votes:
        return _summed(forest, lambda sums: sums[0] / trees, np.float32)
    classes = estimator.classes_
    return _summed(forest, lambda sums: classes.take(np.argmax(sums / trees, axis=0)), np.float32, probabilities=shares)


def _classified(forest: Forest, estimator: Any, precision: type[np.float32 | np.float64], strictly: bool) -> Form:
    """Boosted classes of scikit-learn; `strictly`: a sum of exactly zero is the first class."""
    classes, loss = estimator.classes_, estimator._loss

    def answer(sums: Matrix) -> NDArray[Any]:
        if len(sums) == 1:
            return classes[((sums[0] > 0) if strictly else (sums[0] >= 0)).astype(int)]  # type: ignore[no-any-return]
        return classes[np.argmax(sums, axis=0)]  # type: ignore[no-any-return]

    def probabilities(x: Matrix) -> NDArray[Any]:
        sums = forest.sums(x)
        return loss.predict_proba(sums[0] if len(sums) == 1 else np.ascontiguousarray(sums.T))  # type: ignore[no-any-return]

    return _summed(forest, answer, precision, probabilities=probabilities)


def _xgboost(estimator: Any, classifies: bool) -> Form:
    import treelite

    booster = estimator.get_booster()
    if estimator.get_xgb_params().get("booster") not in (None, "gbtree"):
        raise NotCompiled("only its booster gbtree is compiled")
    objective = estimator.objective
    best = booster.attr("best_iteration")
    forest = Forest.of(treelite.frontend.from_xgboost(booster if best is None else booster[: int(best) + 1]))
    if not classifies:
        if objective not in _XGBOOST_PLAIN:
            raise NotCompiled(f"the objective {objective} transforms what its trees add up to")
        return _summed(forest, lambda sums: sums[0], np.float32)
    one = np.float32(1)
    kind = np.int64

    def answer(sums: Matrix) -> NDArray[Any]:
        if len(sums) == 1:
            with np.errstate(over="ignore"):
                return (one / (one + np.exp(-sums[0])) > 0.5).astype(kind)  # type: ignore[no-any-return]
        return np.argmax(sums, axis=0).astype(kind)  # type: ignore[no-any-return]

    return _summed(forest, answer, np.float32)


def _lightgbm(estimator: Any, classifies: bool) -> Form:
    import treelite

    booster = estimator.booster_
    if 0 < (estimator.best_iteration_ or 0) < booster.current_iteration():
        raise NotCompiled("it was stopped early and kept the later trees")
    forest = Forest.of(treelite.frontend.from_lightgbm(booster))

    def zero(x: Matrix) -> Matrix:
        return np.where(np.abs(x) <= _LIGHTGBM_ZERO, 0.0, x)

    if not classifies:
        if estimator.objective_ not in _LIGHTGBM_PLAIN:
            raise NotCompiled(f"the objective {estimator.objective_} transforms what its trees add up to")
        return _summed(forest, lambda sums: sums[0], np.float64, zero)
    classes = estimator.classes_
    return _summed(
        forest,
        lambda sums: classes[(sums[0] > 0).astype(int) if len(sums) == 1 else np.argmax(sums, axis=0)],
        np.float64,
        zero,
    )


def _linear(estimator: Any, classifies: bool) -> Form:
    coefficients = np.array(np.atleast_2d(estimator.coef_), dtype=np.float64, order="C")
    intercept = np.broadcast_to(np.asarray(estimator.intercept_, dtype=np.float64).ravel(), (len(coefficients),))
    if not classifies and np.ndim(estimator.coef_) != 1:
        raise NotCompiled("it answers several values a row")
    weights, size = np.abs(coefficients), np.abs(intercept)
    unit = 2 * (coefficients.shape[1] + 1) * np.finfo(np.float64).eps  # Higham 2002, 3.1: for each order of addition
    classes = estimator.classes_ if classifies else None

    def sums(x: Matrix) -> Matrix:
        from gradino.operate.serving.evaluators.kernel import add_weighted

        out = np.repeat(intercept[:, None], x.shape[1], axis=1)
        add_weighted(np.ascontiguousarray(x), coefficients, out)
        return out

    def predict(x: Matrix) -> NDArray[Any]:
        total = sums(x)
        if classes is None:
            return total[0]  # type: ignore[no-any-return]
        return classes.take((total[0] > 0).astype(int) if len(total) == 1 else np.argmax(total, axis=0))  # type: ignore[no-any-return]

    def bound(x: Matrix) -> NDArray[np.float64]:
        most: NDArray[np.float64] = unit * (weights @ np.abs(x) + size[:, None]).max(axis=0)
        return most

    def margin(x: Matrix) -> NDArray[np.float64]:
        """How far the highest class is from the next."""
        total = sums(x)
        if len(total) == 1:
            return np.abs(total[0])  # type: ignore[no-any-return]
        ordered = np.sort(total, axis=0)
        gap: NDArray[np.float64] = ordered[-1] - ordered[-2]
        return gap

    said = "a linear model"
    return Form(said, predict, np.float64, bound=bound, margin=margin if classifies else None)
