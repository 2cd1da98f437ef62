"""The randomised experiment: sticky arms, a sample ratio that must hold, an interval that holds at every look."""

import math

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.special import betaln

from gradino.inference import ab
from gradino.inference.ab import Unpaired, assign

LOSSES = hnp.arrays(float, 60, elements=st.floats(0, 1) | st.just(math.nan))
ARMS = hnp.arrays(bool, 60)


@given(st.text(), st.text(), st.floats(0, 1), st.floats(0, 1))
def test_an_assignment_is_sticky_and_a_higher_share_moves_units_to_the_challenger_only(salt, unit, low, high):
    low, high = sorted((low, high))
    assert assign(salt, unit, low) == assign(salt, unit, low)
    if assign(salt, unit, low) == "challenger":
        assert assign(salt, unit, high) == "challenger"


def test_the_share_is_kept_and_salts_are_independent():
    arms = np.array([[assign(salt, str(unit), 0.3) == "challenger" for unit in range(10_000)] for salt in "ab"])
    assert arms.mean(axis=1) == pytest.approx(0.3, abs=0.015)
    assert (arms[0] & arms[1]).mean() == pytest.approx(0.09, abs=0.01)


@given(ARMS, LOSSES, st.sampled_from([0.05, 0.9]))
def test_a_batch_is_exactly_its_rows_one_by_one(arms, losses, alpha):
    start = Unpaired(alpha, burn_in=5)
    state = start
    for arm, loss in zip(arms, losses, strict=True):
        state = state.update([arm], [loss])
    assert state == start.update(arms, losses)
    assert msgspec.json.decode(msgspec.json.encode(state), type=Unpaired) == state


def test_the_interval_is_that_of_the_paper():
    rng = np.random.default_rng(0)
    arms = rng.random(1000) < 0.4
    losses = (rng.random(1000) < 0.3).astype(float)
    old, new = losses[~arms], losses[arms]
    variances = [np.var([*group, 0, 1]) for group in (old, new)]
    t, rho2 = 1000, (-2 * math.log(0.1) + math.log(-2 * math.log(0.1)) + 1) / 1000
    sigma2 = t * (variances[0] / len(old) + variances[1] / len(new))
    width = math.sqrt(sigma2 * 2 * (t * rho2 + 1) / (t**2 * rho2) * math.log1p(math.sqrt(t * rho2 + 1) / 0.1))
    state = Unpaired(share=0.4).update(arms, losses)
    assert state.interval == pytest.approx((old.mean() - new.mean() - width, old.mean() - new.mean() + width))


@given(ARMS, LOSSES, st.sampled_from([0.0, 0.05]), st.sampled_from([0.05, 0.3]))
def test_the_evidence_reaches_1_over_alpha_where_the_interval_leaves_out_what_is_tested(arms, losses, worse_by, alpha):
    state = Unpaired(alpha, worse_by, burn_in=5).update(arms, losses)
    low, high = state.interval
    assert (state.evidence >= 1 / alpha - 1e-9) >= (low > -worse_by + 1e-9)
    assert (state.against >= 1 / alpha - 1e-9) >= (high < -worse_by - 1e-9)
    assert state.evidence < 1 / alpha or state.verdict == "pass" or state.broken
    assert state.evidence == 0 or state.against == 0


def test_the_sample_ratio_is_that_of_the_paper():
    """A Beta prior against the planned share: B(a + n₁, b + n₀) / B(a, b) / (p^n₁ (1 − p)^n₀), in closed form."""
    arms = np.random.default_rng(0).random(200) < 0.5
    n = arms.sum(), (~arms).sum()
    a, b = ab.PRIOR * 0.4, ab.PRIOR * 0.6
    expected = betaln(a + n[0], b + n[1]) - betaln(a, b) - n[0] * math.log(0.4) - n[1] * math.log(0.6)
    assert Unpaired(share=0.4).update(arms, np.zeros(200)).ratio == pytest.approx(expected)


def test_a_broken_sample_ratio_is_insufficient_for_good():
    rng = np.random.default_rng(1)
    arms = rng.random(20_000) < 0.45
    losses = (rng.random(20_000) < np.where(arms, 0.05, 0.06)).astype(float)
    state = Unpaired().update(arms, losses)
    assert (state.broken, state.verdict) == (True, "insufficient")
    assert state.update(np.arange(10_000) % 2 == 0, np.arange(10_000) % 2 == 1) == state


def test_losing_the_labels_of_one_arm_breaks_the_ratio():
    rng = np.random.default_rng(2)
    arms = rng.random(20_000) < 0.5
    losses = np.where(arms & (rng.random(20_000) < 0.2), np.nan, 0.0)
    assert Unpaired().update(arms, losses).broken


def test_looking_at_every_unit_keeps_both_bounds():
    rng = np.random.default_rng(3)
    states = []
    for _ in range(300):
        arms = rng.random(4000) < 0.5
        states.append(Unpaired(alpha=0.05).update(arms, (rng.random(4000) < 0.1).astype(float)))
    assert np.mean([s.verdict == "pass" for s in states]) <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / 300)
    assert np.mean([s.broken for s in states]) <= 0.01


def test_a_much_better_challenger_passes_a_worse_one_fails_and_few_units_say_nothing():
    rng = np.random.default_rng(4)
    arms = rng.random(4000) < 0.5
    better = (rng.random(4000) < np.where(arms, 0.1, 0.2)).astype(float)
    assert Unpaired().update(arms, better).verdict == "pass"
    assert Unpaired().update(arms, 1 - better).verdict == "fail"
    assert Unpaired().update(arms[:150], better[:150]).verdict == "insufficient"
    assert Unpaired().update([], []).interval == (-1.0, 1.0)


def test_arms_without_any_loss_are_not_certainty():
    state = Unpaired(worse_by=0.01).update(np.arange(400) % 2 == 0, np.zeros(400))
    assert state.verdict == "insufficient"


@pytest.mark.parametrize("parameters", [{"alpha": 0}, {"share": 1}, {"worse_by": 1}, {"burn_in": 0}])
def test_parameters_out_of_range_are_errors(parameters):
    with pytest.raises(ValueError, match="needs"):
        Unpaired(**parameters)
