"""A compiled model answers as Python does, bit by bit – or Python answers, and the server says why."""

import warnings
from typing import Any

import lightgbm
import numpy as np
import pandas as pd
import pytest
import xgboost
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    AdaBoostRegressor,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    RobustScaler,
    StandardScaler,
)
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from gradino.operate.serving.evaluators import NotCompiled, Outside
from gradino.operate.serving.evaluators.compiled import Compiled, block_of, standing_in
from gradino.operate.serving.evaluators.forest import Forest
from gradino.operate.serving.evaluators.parity import examine

CHANCE = np.random.default_rng(3)
ROWS = 500
NUMBERS = pd.DataFrame(CHANCE.normal(size=(ROWS, 4)) * [1, 10, 0.1, 1000], columns=list("abcd"))
GAPS = NUMBERS.mask(CHANCE.random(NUMBERS.shape) < 0.1)
MIXED = NUMBERS.assign(
    weather=pd.Series(CHANCE.choice(["clear", "rain", "fog"], ROWS), dtype="str"), riders=CHANCE.integers(0, 5, ROWS)
)
VALUE = (NUMBERS / [1, 10, 0.1, 1000]).sum(axis=1) + CHANCE.normal(0, 0.3, ROWS)
TWO, THREE = (VALUE > 0).astype(int), pd.cut(VALUE, [-99, -1, 1, 99], labels=["low", "middle", "high"]).astype(object)
SMALL = {"n_estimators": 12, "random_state": 0}
SCALED = [("scaled", StandardScaler(), list("abcd"))]
HOT = ColumnTransformer(
    [*SCALED, ("hot", OneHotEncoder(handle_unknown="ignore"), ["weather"])], remainder="passthrough"
)
NUMBERED = ColumnTransformer(
    [
        ("filled", SimpleImputer(strategy="median"), ["a", "b"]),
        ("numbered", OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1), ["weather"]),
    ],
    remainder="passthrough",
)
EXACT = [
    (HistGradientBoostingRegressor(max_iter=20), NUMBERS, VALUE),
    (HistGradientBoostingRegressor(max_iter=20, loss="poisson"), GAPS, VALUE.abs()),
    (HistGradientBoostingClassifier(max_iter=10), GAPS, TWO),
    (HistGradientBoostingClassifier(max_iter=5), NUMBERS, THREE),
    (RandomForestRegressor(**SMALL), GAPS, VALUE),
    (RandomForestClassifier(**SMALL), NUMBERS, THREE),
    (ExtraTreesClassifier(**SMALL), NUMBERS, TWO),
    (DecisionTreeRegressor(), NUMBERS, VALUE),
    (DecisionTreeClassifier(), GAPS, THREE),
    (GradientBoostingRegressor(**SMALL), NUMBERS, VALUE),
    (GradientBoostingClassifier(**SMALL), NUMBERS, TWO),
    (GradientBoostingClassifier(**SMALL), NUMBERS, THREE),
    (xgboost.XGBRegressor(**SMALL), GAPS, VALUE),
    (xgboost.XGBClassifier(**SMALL), NUMBERS, TWO),
    (xgboost.XGBClassifier(**SMALL), GAPS, THREE.factorize()[0]),
    (lightgbm.LGBMRegressor(**SMALL, verbose=-1), GAPS, VALUE),
    (lightgbm.LGBMClassifier(**SMALL, verbose=-1), NUMBERS, TWO),
    (lightgbm.LGBMClassifier(**SMALL, verbose=-1), NUMBERS, THREE),
    (make_pipeline(StandardScaler(), HistGradientBoostingRegressor(max_iter=10)), NUMBERS, VALUE),
    (make_pipeline(SimpleImputer(), MinMaxScaler(), RandomForestRegressor(**SMALL)), GAPS, VALUE),
    (make_pipeline(NUMBERED, xgboost.XGBRegressor(**SMALL)), MIXED, VALUE),
    (make_pipeline(NUMBERED, GradientBoostingClassifier(**SMALL)), MIXED, THREE),
]
LINEAR = [
    (LinearRegression(), NUMBERS, VALUE),
    (LogisticRegression(), NUMBERS, TWO),
    (make_pipeline(RobustScaler(), LogisticRegression()), NUMBERS, THREE),
    (make_pipeline(HOT, Ridge()), MIXED, VALUE),
]


def named(case: Any) -> str:
    return "-".join(step for step, _ in case.steps) if hasattr(case, "steps") else type(case).__name__


def fitted(estimator: Any, rows: pd.DataFrame, target: Any) -> tuple[Any, Compiled]:
    """The estimator, and its compiled form as far as parity lets it claim rows."""
    with warnings.catch_warnings(action="ignore"):
        estimator = clone(estimator).fit(rows[:350], target[:350])
        return estimator, examine(estimator, Compiled.of(estimator), rows[350:])[0]


@pytest.mark.parametrize(
    ("estimator", "rows", "target"), EXACT, ids=lambda case: named(case) if hasattr(case, "fit") else ""
)
def test_trees_agree_in_every_bit_also_where_they_branch(estimator: Any, rows: pd.DataFrame, target: Any) -> None:
    estimator, compiled = fitted(estimator, rows, target)
    clean = rows.dropna()
    expected, answer = estimator.predict(clean), compiled.predict(block_of(clean, compiled.features))
    assert answer.dtype == expected.dtype
    np.testing.assert_array_equal(answer, expected)


@pytest.mark.parametrize(("leaves", "masked"), [(2, True), (64, True), (65, False)])
def test_small_trees_reach_the_same_leaves_by_masks_as_by_walking(leaves: int, masked: bool) -> None:
    fitted = DecisionTreeRegressor(max_leaf_nodes=leaves).fit(GAPS, CHANCE.random(ROWS))
    forest = Forest.of_tree(fitted.tree_, classifies=False)
    x = GAPS.to_numpy(np.float32).T
    walked = np.concatenate([forest.sums(x[:, [i]]) for i in range(ROWS)], axis=1)
    np.testing.assert_array_equal(forest.sums(x), walked)
    assert (forest.masks is not None) == masked


@pytest.mark.parametrize(
    ("estimator", "rows", "target"), LINEAR, ids=lambda case: named(case) if hasattr(case, "fit") else ""
)
def test_a_linear_model_answers_a_row_the_same_whoever_is_asked_with_it(
    estimator: Any, rows: pd.DataFrame, target: Any
) -> None:
    estimator, compiled = fitted(estimator, rows, target)
    together = compiled.predict(block_of(rows, compiled.features))
    alone = [compiled.predict(block_of(rows.iloc[i : i + 1], compiled.features))[0] for i in range(ROWS)]
    assert together.tolist() == alone
    expected = estimator.predict(rows)
    if expected.dtype.kind == "f":
        np.testing.assert_allclose(together, expected, rtol=1e-12)
    else:
        np.testing.assert_array_equal(together, expected)


@pytest.mark.parametrize(
    ("estimator", "rows", "reason"),
    [
        (AdaBoostRegressor(), NUMBERS, "no compiled form of AdaBoostRegressor"),
        (make_pipeline(PolynomialFeatures(), Ridge()), NUMBERS, "no compiled form of PolynomialFeatures"),
        (HistGradientBoostingRegressor(categorical_features=["riders"]), MIXED.drop(columns="weather"), "by category"),
        (xgboost.XGBRegressor(objective="reg:gamma", **SMALL), NUMBERS, "reg:gamma"),
    ],
    ids=["boosting", "step", "categories", "objective"],
)
def test_what_has_no_compiled_form_says_why(estimator: Any, rows: pd.DataFrame, reason: str) -> None:
    with pytest.raises(NotCompiled, match=reason):
        fitted(estimator, rows, VALUE.abs() + 0.1)


class Sly(HistGradientBoostingRegressor):
    """Answers otherwise than its trees say, for one row in a hundred."""

    def predict(self, frame: pd.DataFrame) -> np.ndarray:
        return super().predict(frame) + (np.arange(len(frame)) % 100 == 99)


def test_one_different_answer_is_enough_to_be_left_to_python() -> None:
    with pytest.raises(NotCompiled, match="became"):
        fitted(Sly(max_iter=5), NUMBERS, VALUE)


def test_rows_that_python_refuses_are_left_to_it() -> None:
    estimator, compiled = fitted(GradientBoostingRegressor(**SMALL), NUMBERS, VALUE)
    for bad in (np.nan, np.inf, 1e300):
        row = NUMBERS.head(1).assign(b=bad)
        with pytest.raises(Outside):
            compiled.predict(block_of(row, compiled.features))
        with pytest.raises(ValueError, match=r"NaN|infinity"), np.errstate(over="ignore"):
            standing_in(estimator, compiled).predict(row)


def test_an_unseen_category_is_what_the_encoder_makes_of_it() -> None:
    estimator, compiled = fitted(make_pipeline(NUMBERED, GradientBoostingRegressor(**SMALL)), MIXED, VALUE)
    rows = MIXED.head(5).assign(weather=["hail", None, "rain", "", "fog"])
    np.testing.assert_array_equal(compiled.predict(block_of(rows, compiled.features)), estimator.predict(rows))


def test_what_stands_in_for_an_estimator_is_one_of_its_kind_with_its_probabilities() -> None:
    estimator, compiled = fitted(RandomForestClassifier(**SMALL), NUMBERS, THREE)
    other = standing_in(estimator, compiled)
    assert isinstance(other, RandomForestClassifier)
    np.testing.assert_array_equal(other.predict(NUMBERS), estimator.predict(NUMBERS))
    np.testing.assert_array_equal(other.predict_proba(NUMBERS), estimator.predict_proba(NUMBERS))
    np.testing.assert_array_equal(other.predict(NUMBERS[::-1]), estimator.predict(NUMBERS[::-1]))
