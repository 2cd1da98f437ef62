from datetime import datetime

import numpy as np
import pytest
from demand.data import collect
from demand.model import score, train


@pytest.fixture(scope="module")
def model():
    return train(collect(datetime(1970, 1, 1)))


def test_rush_hours_ask_for_more_than_nights(model):
    rows = collect(datetime(1970, 1, 1)).tail(24)
    predicted = score(model, rows)
    assert predicted[rows.hour.dt.hour.isin([8, 17])].mean() > predicted[rows.hour.dt.hour.isin([2, 3])].mean()


def test_no_prediction_is_negative_or_missing(model):
    predicted = score(model, collect(datetime(1970, 1, 1)))
    assert np.isfinite(predicted).all()
    assert (predicted >= 0).all()
