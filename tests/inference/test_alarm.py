"""The harm alarm: rarely false, soon right, and it says since when."""

import math

import msgspec
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from gradino.inference import alarm, eprocess
from gradino.inference.alarm import FRACTIONS, STAKES, Harm

LOSSES = hnp.arrays(float, st.integers(0, 60), elements=st.floats(0, 1))
REFERENCES = st.floats(0.01, 1)


def one_by_one(state, losses):
    for loss in losses:
        state = state.update([loss])
    return state


@given(LOSSES, REFERENCES, st.sampled_from([2.0, 1e4]))
@example(np.ones(60), 0.1, 100.0)
def test_a_batch_is_exactly_its_rows_one_by_one(losses, reference, threshold):
    state = Harm(reference, threshold)
    assert state.update(losses) == one_by_one(state, losses)


def test_a_batch_larger_than_a_chunk_is_exactly_its_rows_in_other_batches():
    losses = np.random.default_rng(0).random(3 * eprocess.CHUNK + 17)
    state = Harm(0.52, 1e9)
    assert state.update(losses) == one_by_one(state.update(losses[:5000]), losses[5000:6000]).update(losses[6000:])


@given(LOSSES, REFERENCES)
def test_it_is_the_recursion_of_the_paper(losses, reference):
    held = np.zeros(len(FRACTIONS))
    for loss in losses:
        held = (held + 1) * (1 + FRACTIONS / reference * (loss - reference))
    assert Harm(reference, 1e300).update(losses).evidence == pytest.approx(held @ STAKES, rel=1e-9, abs=1e-9)


def test_no_bet_can_be_expected_to_win_while_the_loss_is_the_reference():
    """M_t − t has expectation 0, exactly, over all 2⁸ series of fair coins."""
    series = np.array(np.meshgrid(*[[0.0, 1.0]] * 8)).reshape(8, -1).T
    assert np.mean([Harm(0.5, 1e9).update(losses).evidence for losses in series]) == pytest.approx(8)


def test_it_lies_above_the_e_cusum():
    losses = (np.random.default_rng(0).random(500) < 0.2).astype(float)
    cusum = np.zeros(len(FRACTIONS))
    for loss in losses:
        cusum = np.maximum(cusum, 1) * (1 + FRACTIONS / 0.2 * (loss - 0.2))
    assert Harm(0.2, 1e9).update(losses).evidence >= cusum @ STAKES


@given(st.data(), LOSSES)
def test_each_row_is_held_against_the_reference_of_its_context(data, losses):
    context = data.draw(hnp.arrays(int, len(losses), elements=st.integers(0, 1)))
    held = np.zeros(len(FRACTIONS))
    for loss, allowed in zip(losses, np.array([0.1, 0.4])[context], strict=True):
        held = (held + 1) * (1 + FRACTIONS / max(allowed, 0.25) * (loss - allowed))
    state = Harm((0.1, 0.4), 1e300).update(losses, context)
    assert state.evidence == pytest.approx(held @ STAKES, rel=1e-9, abs=1e-9)


def test_missing_losses_are_no_evidence_and_take_their_context_along():
    state = Harm((0.1, 0.4), 100)
    assert state.update([0.3, np.nan, 0.2], [0, 1, 1]) == state.update([0.3, 0.2], [0, 1])


@pytest.mark.parametrize("loss", [0.0, 0.3, 1.0])
def test_losses_at_the_reference_are_no_evidence_however_many(loss):
    assert not Harm(max(loss, 0.01), 100).update(np.full(10_000, loss)).alarmed


def test_an_alarm_stays_and_keeps_the_row_that_raised_it():
    state = Harm(0.2, 100).update(np.ones(50))
    assert state.alarmed
    assert state.n < 50
    assert state.update(np.zeros(10_000)) == state


def test_it_says_since_when():
    rng = np.random.default_rng(1)
    found = []
    for _ in range(50):
        losses = np.concatenate([rng.random(2000) < 0.2, rng.random(3000) < 0.4]).astype(float)
        found.append(Harm(0.2, 1e5).update(losses).since)
    assert abs(np.median(found) - 2000) <= 20


@given(LOSSES, REFERENCES)
def test_a_state_survives_json(losses, reference):
    for allowed in (reference, (reference, 0.5)):
        state = Harm(allowed, 100).update(losses, np.zeros(len(losses)))
        assert msgspec.json.decode(msgspec.json.encode(state), type=Harm) == state


@pytest.mark.parametrize(
    ("parameters", "losses"),
    [
        ((0.0, 100), []),
        ((1.1, 100), []),
        (((), 100), []),
        ((0.2, 1), []),
        ((0.2, 100), [1.2]),
        (((0.2, 0.3), 100), [1]),
    ],
)
def test_what_has_no_meaning_is_an_error(parameters, losses):
    with pytest.raises(ValueError, match=r"reference|threshold|values lie"):
        Harm(*parameters).update(losses)


@pytest.mark.parametrize("context", [None, [2], [-1], [0, 1]])
def test_a_context_without_a_reference_is_an_error(context):
    with pytest.raises(ValueError, match="context"):
        Harm((0.1, 0.2), 100).update([0.5], context)


@given(hnp.arrays(float, st.integers(1, 30), elements=st.floats(0, 1)), st.floats(0, 0.99), st.integers(1, 30))
def test_nor_when_losses_are_floored_whatever_their_distribution(losses, floor, rows):
    mean = min(max(losses.mean(), 0.01), 1.0)
    fresh = Harm(mean, 1e9, floor, (float(losses.var()) * rows, 0.0))
    held = [fresh.update([loss], [[rows]]).evidence for loss in losses]
    assert np.mean(held) <= 1 + 1e-9
    assert min(held) > 0, "no bet loses all"


def test_a_stationary_year_raises_at_most_one_alarm_on_average():
    rng, alarms = np.random.default_rng(2), 0
    for _ in range(40):
        holdout, year = ((rng.random(n) < 0.2).astype(float) for n in (1000, 8760))
        at, allowed = 0, alarm.reference(holdout)
        while at < len(year):
            state = Harm(allowed, len(year)).update(year[at:])
            alarms, at = alarms + state.alarmed, at + state.n
    assert alarms <= 40


def test_a_reference_is_an_upper_bound_as_often_as_it_says():
    rng = np.random.default_rng(3)
    holdouts = (rng.random((2000, 1000)) < 0.2).astype(float)
    covered = np.mean([alarm.reference(h, confidence=0.9) >= 0.2 for h in holdouts])
    assert covered == pytest.approx(0.9, abs=0.03)


def test_a_holdout_without_a_loss_still_allows_some():
    """The exact bound for no event in n: (1 − r)ⁿ = 1 − confidence, to first order."""
    r = alarm.reference(np.zeros(300))
    assert r == pytest.approx(3 / 300, rel=0.01)
    assert (1 - r) ** 300 <= 0.05


@pytest.mark.parametrize("holdout", [[], [0.5] * 29, [math.nan] * 100])
def test_with_too_small_a_holdout_nothing_raises_an_alarm(holdout):
    assert alarm.reference(holdout) == 1.0
    assert not Harm(1.0, 100).update(np.ones(10_000)).alarmed
    assert alarm.seasonal(holdout, np.zeros(len(holdout)), 3) == (1.0, 1.0, 1.0)


def test_seasonal_references_follow_the_season_as_far_as_the_holdout_shows_it():
    rng = np.random.default_rng(4)
    truth = np.where(np.arange(24) < 8, 0.4, 0.1)
    context = np.arange(7200) % 24
    allowed = np.array(alarm.seasonal((rng.random(7200) < truth[context]) * 1.0, context, 24))
    assert np.abs(allowed - truth).max() < 0.08
    assert allowed.mean() > truth.mean()


def test_without_a_season_the_contexts_share_one_reference():
    rng = np.random.default_rng(5)
    holdout = (rng.random(2400) < 0.2).astype(float)
    allowed = alarm.seasonal(holdout, np.arange(2400) % 24, 24)
    assert np.ptp(allowed) < 0.03
    assert np.mean(allowed) == pytest.approx(alarm.reference(holdout), abs=0.003)


def days(rng, number, rows=24, rate=0.2, mood=0.0):
    """0/1 losses of whole days, shape (number, rows); each day has a mood that the next inherits by half."""
    moods = rng.normal(0, mood, number)
    for i in range(1, number):
        moods[i] += 0.5 * moods[i - 1]
    return (rng.random((number, rows)) < rate + moods[:, None]).astype(float)


def daily(holdout):
    number, rows = holdout.shape
    return alarm.daily(holdout.ravel(), np.zeros(number * rows, int), 1, np.repeat(np.arange(number), rows), 365)


@pytest.mark.parametrize(("rows", "mood"), [(24, 0.0), (3, 0.0), (24, 0.05), (200, 0.05)])
def test_a_year_of_days_raises_at_most_one_alarm_on_average_however_many_labels_a_day_has(rows, mood):
    rng, alarms = np.random.default_rng(7), 0
    for _ in range(40):
        fresh, year = daily(days(rng, 28, mood=mood)), days(rng, 365, rows, mood=mood)
        alarms += fresh.update(year.mean(axis=1), np.full((365, 1), rows)).alarmed
    assert alarms <= 20, "an alarm stays: half of what one a year would allow"


def test_five_points_more_are_found_within_weeks_where_days_vary_little():
    rng, found = np.random.default_rng(8), []
    for _ in range(20):
        state = daily(days(rng, 28, 200)).update(days(rng, 100, 200, rate=0.25).mean(axis=1), np.full((100, 1), 200))
        found.append(state.n if state.alarmed else math.inf)
    assert np.median(found) <= 35


def test_days_that_resemble_each_other_say_less_of_what_is_allowed():
    rng = np.random.default_rng(9)
    holdout = days(rng, 28, mood=0.05)
    mixed = holdout.ravel()[rng.permutation(holdout.size)].reshape(holdout.shape)
    assert daily(holdout).reference[0] > daily(mixed).reference[0] + 0.005


def test_the_margin_is_the_standard_error_of_newey_and_west():
    """Their estimate as the quadratic form of Bartlett weights, computed from all pairs of days."""
    holdout = days(np.random.default_rng(11), 60, mood=0.05)
    means, k = holdout.mean(axis=1), len(holdout)
    about = means - means.mean()
    apart = np.abs(np.subtract.outer(np.arange(k), np.arange(k)))
    variance = about @ np.maximum(1 - apart / (alarm.WEEK + 1), 0) @ about / k / (k - 1)
    assert daily(holdout).reference[0] == pytest.approx(means.mean() + 1.6449 * math.sqrt(variance), abs=1e-5)


def test_a_holdout_of_few_days_floors_none():
    rng = np.random.default_rng(10)
    assert daily(days(rng, 9)).floor == 0
    assert daily(days(rng, 28)).floor > 0
    assert daily(days(rng, 60, 1)).floor == 0, "one label a day varies too much"


def test_a_context_never_seen_is_allowed_the_average():
    holdout = np.tile([0.1, 0.5], 200) + np.random.default_rng(6).normal(0, 0.01, 400)
    low, high, unseen = alarm.seasonal(holdout, np.arange(400) % 2, 3)
    assert low < 0.12
    assert high > 0.49
    assert unseen == pytest.approx(0.3, abs=0.01)


@given(hnp.arrays(float, 40, elements=st.floats(0, 1)))
def test_weights_of_contexts_mix_what_each_allows(losses):
    allowed = (0.1, 0.5, 0.9)
    index = np.arange(40) % 3
    by_index = Harm(allowed, 1e9).update(losses, index)
    assert Harm(allowed, 1e9).update(losses, 7 * np.eye(3)[index]) == by_index
    even = Harm(allowed, 1e9).update(losses, np.ones((40, 3)))
    assert even.walks == pytest.approx(Harm(0.5, 1e9).update(losses).walks)


@pytest.mark.parametrize("context", [np.zeros((3, 2)), -np.ones((3, 2)), np.ones((3, 3)), np.ones((2, 2))])
def test_weights_that_fit_no_reference_are_refused(context):
    with pytest.raises(ValueError, match="3 losses 2 weights"):
        Harm((0.1, 0.2), 100).update([0.1, 0.2, 0.3], context)
