"""What an estimator is stored as: skops where it can, else a pickle whose project functions are the bundle's own."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.compose import TransformedTargetRegressor, make_column_transformer
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, SplineTransformer, StandardScaler

from tests.operate.registry.conftest import FRAME, pack

X, Y = FRAME[["warmth"]], 2 * FRAME["warmth"]
PLAIN = [
    LinearRegression(),
    HistGradientBoostingRegressor(max_iter=5, min_samples_leaf=1),
    RandomForestRegressor(3, random_state=0),
    make_pipeline(make_column_transformer((SplineTransformer(n_knots=3), ["warmth"])), StandardScaler(), Ridge()),
    make_pipeline(OneHotEncoder(handle_unknown="ignore"), Ridge()),
    TransformedTargetRegressor(LinearRegression(), func=np.log1p, inverse_func=np.expm1),
]


@pytest.mark.parametrize("estimator", PLAIN, ids=lambda e: str(type(e).__name__))
def test_what_scikit_learn_offers_needs_no_pickle_and_answers_the_same(estimator: Any, tmp_path: Path) -> None:
    packed = pack(tmp_path, estimator.fit(X, Y))
    assert (packed.path / "model.skops").exists()
    assert np.array_equal(packed.load().predict(FRAME), estimator.predict(X))


def test_a_function_made_on_the_spot_is_pickled_by_value(tmp_path: Path) -> None:
    estimator = make_pipeline(FunctionTransformer(lambda frame: frame * 10), LinearRegression()).fit(X, Y)
    packed = pack(tmp_path, estimator)
    assert (packed.path / "model.pkl").exists()
    assert np.array_equal(packed.load().predict(FRAME), estimator.predict(X))


def test_a_function_of_the_project_is_the_one_in_the_bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "import pandas as pd\n\ndef double(frame):\n    return frame * FACTOR\n\nFACTOR = 2\n"
    (tmp_path / "till.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    import till  # type: ignore[import-not-found]

    estimator = make_pipeline(FunctionTransformer(till.double), LinearRegression()).fit(X, Y)
    packed = pack(tmp_path, estimator, {"till.py": text})
    monkeypatch.delitem(sys.modules, "till")
    (tmp_path / "till.py").unlink()
    assert np.array_equal(packed.load().predict(FRAME), estimator.predict(X))
    assert "till" not in sys.modules
