"""What a retraining is worth, and how past promises count."""

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from gradino.inference import gain

RNG = np.random.default_rng(0)
OLD, NEW = RNG.normal(0.2, 0.1, 2000), RNG.normal(0.3, 0.1, 1000)
TERMS = {"traffic": 10_000, "value": 0.001, "cost": 0.5}


def test_it_is_traffic_times_value_times_loss_avoided_minus_cost():
    result = gain.retraining_value(NEW, OLD, **TERMS, recovery=0.5)
    assert result.avoidable == pytest.approx(0.5 * (NEW.mean() - OLD.mean()))
    assert result.expected == pytest.approx(10_000 * 0.001 * result.avoidable - 0.5)
    assert result.cautious == pytest.approx(10_000 * 0.001 * result.lower - 0.5)
    assert not result.worthwhile
    assert gain.retraining_value(NEW, OLD, **TERMS).worthwhile


def test_the_lower_estimate_is_welchs_for_independent_losses():
    welch = stats.ttest_ind(NEW, OLD, equal_var=False).confidence_interval(0.6)  # two-sided, so 0.8 on each side
    assert gain.retraining_value(NEW, OLD, **TERMS).lower == pytest.approx(welch.low, abs=0.001)


def test_the_lower_estimate_is_one_as_often_as_it_says():
    rng = np.random.default_rng(1)
    pairs = [(rng.normal(0.25, 0.2, 300), rng.normal(0.2, 0.2, 600)) for _ in range(1000)]
    below = np.mean([gain.retraining_value(a, b, **TERMS, confidence=0.9).lower <= 0.05 for a, b in pairs])
    assert below == pytest.approx(0.9, abs=0.03)


@pytest.mark.parametrize(("recent", "old"), [(NEW[:29], OLD), (NEW, OLD[:29]), ([], []), ([np.nan] * 99, OLD)])
def test_with_few_labels_there_is_no_estimate_and_nothing_is_worthwhile(recent, old):
    result = gain.retraining_value(recent, old, traffic=1e12, value=1, cost=0)
    assert (result.lower, result.cautious, result.worthwhile) == (None, None, False)
    assert msgspec.convert(msgspec.to_builtins(result), gain.Gain) == result


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(-1, 2)), max_size=20))
def test_recovery_is_a_share(outcomes):
    promised, realised = [p for p, _ in outcomes], [r for _, r in outcomes]
    assert 0 <= gain.recovery(promised, realised) <= 1


def test_recovery_learns_from_what_retrainings_gave():
    assert gain.recovery([], []) == 1
    assert gain.recovery([0.1, 0.1], [0.1, 0.1]) == pytest.approx(1)
    assert gain.recovery([0.1], [0.0]) == pytest.approx(1 / 2)
    assert gain.recovery([0.1] * 9, [0.0] * 9) == pytest.approx(1 / 10)
    with pytest.raises(ValueError, match="one outcome per promise"):
        gain.recovery([0.1], [])


def test_ageing_is_the_slope_through_prior_and_past():
    assert gain.ageing([], [], prior=(500, 5)) == pytest.approx(0.01)
    assert gain.ageing([500], [5], prior=(500, 5)) == pytest.approx(0.01)
    x, y = np.array([500, 800, 1200]), np.array([5, 2, 3])
    weights = np.array([1, 0.8, 1])
    slope = np.linalg.lstsq((x * np.sqrt(weights))[:, None], y * np.sqrt(weights), rcond=None)[0][0]
    assert gain.ageing(x[1:], y[1:], prior=(500, 5)) == pytest.approx(slope)
    with pytest.raises(ValueError, match="one gain per retraining"):
        gain.ageing([1], [], prior=(1, 1))


@given(st.lists(st.tuples(st.integers(1, 10**6), st.floats(-1, 1)), max_size=20))
def test_ageing_is_never_negative_and_a_loss_counts_as_no_gain(past):
    waited, gained = [n for n, _ in past], [g for _, g in past]
    slope = gain.ageing(waited, gained, prior=(500, 5))
    assert slope > 0
    assert slope == gain.ageing(waited, [max(g, 0) for g in gained], prior=(500, 5))
