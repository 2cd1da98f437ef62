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

from gradino.operate.project.process import call
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


@pytest.mark.parametrize("estimator", PLAIN, ids=lambda e: str(type(e).__name__))
def test_the_same_model_has_the_same_bytes_in_another_process(estimator: Any, tmp_path: Path) -> None:
    """skops itself writes addresses in memory and the time of day."""
    found = set()
    for i in range(2):
        fitted = call(fit, tmp_path / "log", estimator.set_params(**seed(estimator)), tmp_path / str(i), bytes(i))
        found.add(fitted)
    assert len(found) == 1


def seed(estimator: Any) -> dict[str, int]:
    return {name: 0 for name in estimator.get_params() if name == "random_state"}


def fit(estimator: Any, folder: Path, ballast: bytes) -> bytes:
    from gradino.operate.registry.estimator import save

    held = [bytearray(n + 1) for n in range(1000 * len(ballast))]  # so that addresses differ
    folder.mkdir()
    save(estimator.fit(X, Y), folder)
    assert held is not None
    return (folder / "model.skops").read_bytes()
