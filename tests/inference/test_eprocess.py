"""The paired experiment: an error bound at every look, exactly reproducible, final."""

import json
import math

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from gradino.inference import eprocess
from gradino.inference.eprocess import BETS, STAKES, Paired

DIFFERENCES = hnp.arrays(float, st.integers(0, 60), elements=st.floats(-1, 1))
WITH_GAPS = hnp.arrays(float, st.integers(0, 60), elements=st.floats(-1, 1) | st.just(math.nan))


DAYS = st.lists(st.sampled_from("abcdefghijkl"), min_size=60, max_size=60)


def one_by_one(state, values):
    for value in values:
        state = state.update([value])
    return state


@given(DIFFERENCES, st.sampled_from([0.0, 0.05, 0.5]), st.sampled_from([0.05, 0.9]))
def test_a_batch_is_exactly_its_rows_one_by_one(d, worse_by, alpha):
    state = Paired(alpha, worse_by)
    assert state.update(d) == one_by_one(state, d)


def test_a_batch_larger_than_a_chunk_is_exactly_its_rows_in_other_batches():
    d = np.random.default_rng(0).choice([-1.0, 0.0, 1.0], 3 * eprocess.CHUNK + 17)
    state = Paired(alpha=1e-6)
    assert state.update(d) == one_by_one(state.update(d[:5000]), d[5000:6000]).update(d[6000:])


@given(DIFFERENCES, st.sampled_from([0.0, 0.1]))
def test_the_wealth_is_the_product_of_the_paper(d, worse_by):
    x = (d + worse_by) / (1 + worse_by)
    state = Paired(1e-60, worse_by).update(d)
    assert state.evidence == pytest.approx(sum(w * np.prod(1 + bet * x) for w, bet in zip(STAKES, BETS, strict=True)))
    assert state.against == pytest.approx(sum(w * np.prod(1 - bet * x) for w, bet in zip(STAKES, BETS, strict=True)))


@given(DIFFERENCES)
def test_the_mixture_bets_a_predictable_share_of_at_most_nine_tenths(d):
    """E_t / E_{t−1} = 1 + λ_t x_t, with λ_t in [0, 0.9] known before x_t: the form that the design states."""
    state = Paired(1e-60)
    for value in d:
        held = STAKES * np.exp(state.better)
        share = held @ BETS / held.sum()
        after = state.update([value])
        assert 0 <= share <= 0.9 + 1e-9
        assert after.evidence == pytest.approx(state.evidence * (1 + share * value))
        state = after


def test_no_bet_can_be_expected_to_win_against_an_equal_challenger():
    """The expectation over all 3⁶ equally likely series of six rows, exactly."""
    series = np.array(np.meshgrid(*[[-1.0, 0.0, 1.0]] * 6)).reshape(6, -1).T
    assert np.mean([Paired(1e-60).update(d).evidence for d in series]) == pytest.approx(1)


@given(WITH_GAPS)
def test_missing_losses_are_no_evidence(d):
    assert Paired().update(d) == Paired().update(d[~np.isnan(d)])


def test_nothing_but_missing_losses_is_insufficient():
    state = Paired().update(np.full(10_000, np.nan))
    assert (state.verdict, state.n, state.evidence) == ("insufficient", 0, pytest.approx(1))
    assert math.isnan(state.mean)


@given(WITH_GAPS, WITH_GAPS, st.sampled_from([0.05, 0.5, 0.9]))
def test_a_verdict_once_given_does_not_change(first, then, alpha):
    decided = Paired(alpha).update(first)
    if decided.verdict != "insufficient":
        assert decided.update(then) == decided


@given(DIFFERENCES, st.sampled_from([0.05, 0.5, 0.9]), st.sampled_from([0.0, 0.1]))
def test_pass_and_fail_are_the_two_thresholds_and_agree_with_the_mean(d, alpha, worse_by):
    state = Paired(alpha, worse_by).update(d)
    assert (state.verdict == "pass") == (state.evidence >= 1 / alpha)
    assert (state.verdict == "fail") == (state.against >= 1 / alpha)
    if state.verdict == "pass":
        assert state.mean > -worse_by
    if state.verdict == "fail":
        assert state.mean < -worse_by


@given(DIFFERENCES)
def test_swapping_the_models_swaps_the_verdict(d):
    there, back = Paired(0.5).update(d), Paired(0.5).update(-d)
    assert {"pass": "fail", "fail": "pass"}.get(there.verdict, "insufficient") == back.verdict
    assert (there.evidence, there.n) == (back.against, back.n)


@given(DIFFERENCES)
def test_a_state_survives_json(d):
    state = Paired(worse_by=0.02).update(d)
    assert msgspec.json.decode(msgspec.json.encode(state), type=Paired) == state
    assert msgspec.convert(msgspec.to_builtins(state), Paired) == state


@pytest.mark.parametrize("d", [[1.5], [-1.0001], [np.inf], [[0.1]]])
def test_a_difference_that_no_bounded_loss_has_is_an_error(d):
    with pytest.raises(ValueError, match="got"):
        Paired().update(d)


@pytest.mark.parametrize("parameters", [{"alpha": 0}, {"alpha": 1}, {"worse_by": -0.1}, {"worse_by": 1}])
def test_parameters_out_of_range_are_errors(parameters):
    with pytest.raises(ValueError, match="got"):
        Paired(**parameters)


def test_the_budget_of_all_challengers_is_alpha():
    shares = [eprocess.budget(0.05, j) for j in range(1, 100_001)]
    assert sum(shares) == pytest.approx(0.05, abs=1e-6)
    assert sum(shares) < 0.05
    with pytest.raises(ValueError, match="from 1"):
        eprocess.budget(0.05, 0)


@given(WITH_GAPS, DAYS, st.sampled_from([0.05, 0.9]))
def test_a_batch_with_days_is_exactly_its_rows_one_by_one(d, days, alpha):
    state = Paired(alpha)
    for value, day in zip(d, days, strict=False):
        state = state.update([value], [day])
    assert state == Paired(alpha).update(d, days[: len(d)])
    assert msgspec.convert(json.loads(json.dumps(msgspec.to_builtins(state))), Paired) == state


@given(DIFFERENCES, DAYS, st.sampled_from([0.3, 0.9]))
def test_days_only_ever_take_from_what_passes(d, days, alpha):
    """Whatever the days are: a verdict with them is a verdict without them, at that row or before."""
    tempered, plain = Paired(alpha).update(d, days[: len(d)]), Paired(alpha).update(d)
    assert tempered.deff >= 1
    if tempered.verdict != "insufficient":
        assert plain.verdict != "insufficient"
        assert plain.n <= tempered.n


def test_the_design_effect_is_the_variance_of_days_over_that_of_rows():
    rng = np.random.default_rng(5)
    days = np.repeat(np.arange(400), 24)
    d = np.clip(rng.normal(0, 0.05, 400)[days] + rng.normal(0, 0.1, len(days)), -1, 1)
    means = d.reshape(400, 24).mean(axis=1)
    state = Paired(1e-9).update(d, [str(day) for day in days])
    assert state.deff == pytest.approx(24 * means.var(ddof=1) / d.var(ddof=1))
    assert state.deff == pytest.approx(1 + 23 * 0.2, rel=0.15)


def test_rows_of_one_day_each_are_independent_and_few_days_are_as_few_rows():
    d = np.random.default_rng(6).normal(0, 0.1, 300)
    assert Paired().update(d, [str(i) for i in range(300)]).deff == 1
    assert Paired().update(d[:216], [str(i // 24) for i in range(216)]).deff == 24


def test_equal_challengers_with_good_and_bad_days_pass_no_more_often_than_alpha():
    rng = np.random.default_rng(7)
    names = [str(day) for day in np.repeat(np.arange(80), 24)]
    shifts = rng.normal(0, 0.04, (120, 80, 1))
    runs = np.clip(shifts + rng.normal(0, 0.09, (120, 80, 24)), -1, 1).reshape(120, -1)
    margin = 2 * math.sqrt(0.05 * 0.95 / 120)
    assert promoted(runs, alpha=0.05) > 0.1  # every row taken as news
    assert np.mean([Paired().update(run, names).verdict == "pass" for run in runs]) <= 0.05 + margin
    assert np.mean([Paired().update(run + 0.03, names).verdict == "pass" for run in runs]) > 0.5


def test_nothing_passes_before_the_least_number_of_rows_whatever_they_say():
    better = np.clip(np.random.default_rng(8).normal(0.3, 0.1, 200), -1, 1)
    assert Paired().update(better).n < 100
    assert Paired(least=100).update(better[:99]).verdict == "insufficient"
    assert (Paired(least=100).update(better).verdict, Paired(least=100).update(better).n) == ("pass", 100)
    assert Paired(least=100).update(-better).n < 100, "harm is told at once"


def promoted(d, **parameters):
    return np.mean([Paired(**parameters).update(run).verdict == "pass" for run in d])


def test_looking_at_every_label_promotes_equal_and_worse_challengers_no_more_often_than_alpha():
    rng = np.random.default_rng(1)
    equal = rng.choice([-1.0, 0.0, 1.0], p=[0.05, 0.9, 0.05], size=(500, 3000))
    worse = rng.choice([-1.0, 0.0, 1.0], p=[0.06, 0.9, 0.04], size=(500, 3000))
    margin = 2 * math.sqrt(0.05 * 0.95 / 500)
    assert promoted(equal, alpha=0.05) <= 0.05 + margin
    assert promoted(worse, alpha=0.05, worse_by=0.02) <= 0.05 + margin
    assert promoted(worse, alpha=0.05) <= 0.01


def test_a_challenger_that_is_better_by_turns_only_is_not_promoted():
    """Whole days: worse, then as much better. On average it never leads, whatever a bet on the recent past would do."""
    rng = np.random.default_rng(2)
    lead = np.tile(np.repeat([-0.1, 0.1], 200), 10)
    runs = np.sign(rng.random((200, 4000)) - 0.5 + lead / 2)
    assert promoted(runs, alpha=0.05) <= 0.05


def test_a_better_challenger_passes_and_a_worse_one_fails():
    d = np.random.default_rng(3).choice([-1.0, 0.0, 1.0], p=[0.034, 0.9, 0.066], size=5000)
    assert Paired().update(d).verdict == "pass"
    assert Paired().update(-d).verdict == "fail"


def test_what_is_foreseen_at_the_rows_so_far_is_never_less_than_the_evidence():
    d = np.random.default_rng(0).normal(0.02, 0.2, 400)
    days = [str(i // 24) for i in range(400)]
    state = Paired(alpha=1e-9).update(d, days)
    assert state.foreseen(400) >= state.evidence
    assert state.foreseen(8000) > 1e9 > state.foreseen(500), "a clear gain proves itself in time"


@pytest.mark.parametrize(("mean", "given_up"), [(0.0, True), (0.05, False)])
def test_most_equal_challengers_are_given_up_and_hardly_any_better_ones(mean, given_up):
    """Looked at each day from the tenth to the 41st, 0.05 being five standard errors at the end."""
    random, ended = np.random.default_rng(1), 0
    for _ in range(100):
        state, day = Paired(alpha=0.05), 0
        while state.verdict == "insufficient" and day < 41:
            state, day = state.update(random.normal(mean, 0.3, 24).clip(-1, 1)), day + 1
            if day >= 10 and state.verdict == "insufficient" and state.foreseen(1000) < 20:
                ended += 1
                break
    assert ended > 70 if given_up else ended < 15
