"""From a model and rows with a timestamp to numbers of bikes: the same code in training, tests and production."""

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingRegressor

from bikes.model import features


def score(model: HistGradientBoostingRegressor, rows: pd.DataFrame) -> np.ndarray:
    """Expected rentals of each row, never negative: trees that add up may go a little below zero at night."""
    return np.clip(model.predict(features(rows)), 0, None)
