"""Bounded losses: always in [0, 1], unknown exactly where the label is."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn import metrics

from gradino.inference import losses

ANYTHING = st.floats()


@given(hnp.arrays(float, 20, elements=ANYTHING), hnp.arrays(float, 20, elements=ANYTHING), st.floats(1e-3, 1e6))
def test_a_regression_loss_lies_in_0_1_and_is_unknown_only_where_the_label_is(prediction, label, scale):
    loss = losses.bounded("regression", prediction, label, scale)
    assert (np.isnan(loss) == ~np.isfinite(label)).all()
    assert ((loss >= 0) & (loss <= 1))[np.isfinite(label)].all()


def test_a_regression_loss_is_the_absolute_error_in_scales_and_at_most_one():
    loss = losses.bounded("regression", [10.0, 12.0, 99.0], [11.0, 10.0, 10.0], scale=4)
    assert loss.tolist() == [0.25, 0.5, 1.0]


def test_classes_lose_one_or_nothing():
    assert losses.bounded("classification", ["a", "b"], ["a", "c"]).tolist() == [0, 1]


def test_probabilities_lose_half_the_brier_score():
    probability = np.random.default_rng(0).dirichlet([1, 1, 1], 50)
    label = np.arange(50) % 3
    brier = np.sum((probability - np.eye(3)[label]) ** 2, axis=1)
    np.testing.assert_allclose(losses.bounded("classification", probability, label), brier / 2, atol=1e-12)
    theirs = metrics.brier_score_loss(label, probability, scale_by_half=True)
    assert losses.bounded("classification", probability, label).mean() == pytest.approx(theirs)


@pytest.mark.parametrize(
    ("task", "prediction", "label"),
    [
        ("classification", np.array([None, "a"], dtype=object), np.array(["a", None], dtype=object)),
        ("classification", [np.nan, 1.0], [1.0, np.nan]),
        ("classification", [[np.nan, 1.0], [0.0, 1.0]], [1, np.nan]),
        ("classification", [[0.7, 0.7], [0.0, 1.0]], [0, np.nan]),
        ("regression", [np.nan, 1.0], [1.0, np.nan]),
    ],
)
def test_a_model_that_does_not_answer_is_wrong_and_a_missing_label_says_nothing(task, prediction, label):
    np.testing.assert_array_equal(losses.bounded(task, prediction, label, scale=1.0), [1.0, np.nan])


@pytest.mark.parametrize("scale", [None, 0.0, -1.0, np.nan, np.inf])
def test_regression_needs_a_positive_scale(scale):
    with pytest.raises(ValueError, match="positive scale"):
        losses.bounded("regression", [1.0], [1.0], scale)


@pytest.mark.parametrize(
    ("task", "prediction", "label"),
    [
        ("classification", ["a"], ["a", "b"]),
        ("classification", ["a"], "a"),
        ("regression", [[1.0], [2.0]], [1.0, 2.0]),
        ("regression", [1.0], [[1.0]]),
    ],
)
def test_labels_and_predictions_come_in_pairs(task, prediction, label):
    with pytest.raises(ValueError, match="one label per prediction"):
        losses.bounded(task, prediction, label, scale=1.0)


def test_a_label_without_a_column_of_probabilities_is_an_error():
    with pytest.raises(ValueError, match="2 columns"):
        losses.bounded("classification", [[0.5, 0.5]], [2])


def test_the_scale_is_a_high_quantile_that_one_absurd_row_does_not_move():
    errors = np.random.default_rng(0).exponential(size=1000)
    assert losses.scale(errors) == np.quantile(errors, 0.95)
    assert losses.scale([*errors, 1e12, np.nan]) == pytest.approx(losses.scale(errors), rel=0.05)


def test_a_scale_is_always_positive():
    assert losses.scale(np.zeros(10)) == 1.0
    assert losses.scale([0.0] * 99 + [3.0]) == 3.0
    with pytest.raises(ValueError, match="no finite error"):
        losses.scale([np.nan])


def test_the_standard_error_covers_losses_that_resemble_their_neighbours():
    rng = np.random.default_rng(0)
    means, errors = [], []
    for _ in range(300):
        noise = rng.normal(size=1000)
        series = np.empty(1000)
        series[0] = noise[0] / np.sqrt(1 - 0.8**2)
        for t in range(1, 1000):
            series[t] = 0.8 * series[t - 1] + noise[t]
        means.append(series.mean())
        errors.append(losses.standard_error(series))
    assert np.mean(errors) == pytest.approx(np.std(means), rel=0.15)


def test_the_standard_error_of_independent_losses_is_the_usual_one():
    values = np.random.default_rng(0).random(10_000)
    assert losses.standard_error(values) == pytest.approx(values.std() / 100, rel=0.25)
    assert losses.standard_error(values[:29]) == np.inf
