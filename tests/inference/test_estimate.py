"""The loss to expect before labels come: right where the rows moved, silent where it knows nothing, and pure counts."""

import msgspec
import numpy as np
import pytest
from sklearn.linear_model import Ridge

from gradino.inference import drift, estimate


def world(rows: int, share: float, seed: int = 0):
    """Rows of which a `share` is hard: 0/1 losses, wrong in 40 % of hard rows and 10 % of the others."""
    rng = np.random.default_rng(seed)
    hard = rng.random(rows) < share
    columns = {
        "x": np.where(hard, rng.normal(3, 1, rows), rng.normal(0, 1, rows)),
        "word": np.where(hard, "night", "day").astype(object),
        "noise": rng.normal(size=rows),
    }
    return columns, (rng.random(rows) < np.where(hard, 0.4, 0.1)).astype(float)


COLUMNS, LOSSES = world(3000, 0.2)
CELLS = drift.cells(COLUMNS)
MODEL = estimate.fit(COLUMNS, CELLS, LOSSES)
assert MODEL is not None


@pytest.mark.parametrize("share", [0.0, 0.2, 0.5, 1.0])
def test_a_shift_towards_hard_rows_is_foreseen_without_a_label(share):
    columns, losses = world(20_000, share, seed=1)
    assert estimate.expected(MODEL, drift.profile(columns, CELLS)) == pytest.approx(
        losses.mean(), abs=0.06
    )  # a ridge shrinks


def test_what_changed_between_rows_and_truth_is_not_foreseen():
    """The same rows with other labels: an estimate is no evidence."""
    columns, _ = world(20_000, 0.2, seed=2)
    assert estimate.expected(MODEL, drift.profile(columns, CELLS)) == pytest.approx(LOSSES.mean(), abs=0.02)


def test_rows_beyond_the_range_are_expected_to_err_as_those_at_its_edge():
    rng = np.random.default_rng(4)
    x = rng.uniform(0, 10, 3000)
    cells = drift.cells({"x": x})
    model = estimate.fit({"x": x}, cells, (x > 8) * 0.6)
    edge, beyond, below = (drift.profile({"x": np.full(500, at)}, cells) for at in (9.9, 25.0, -5.0))
    assert estimate.expected(model, beyond) == estimate.expected(model, edge) > 0.5
    assert estimate.expected(model, below) < 0.1


def test_the_estimate_of_a_profile_is_the_mean_over_its_rows():
    columns, _ = world(500, 0.4, seed=3)
    by_row = MODEL.level + sum(
        np.array(MODEL.effects[name])[drift.place(columns[name], CELLS.columns[name])] for name in COLUMNS
    )
    assert estimate.expected(MODEL, drift.profile(columns, CELLS)) == pytest.approx(by_row.mean())


def test_the_fit_is_scikit_learns_ridge():
    places = {name: drift.place(COLUMNS[name], CELLS.columns[name]) for name in COLUMNS}
    design = np.hstack([np.eye(len(drift.labels(CELLS.columns[n])))[places[n]] for n in COLUMNS])
    level, effects = estimate._ridge(design, LOSSES, 100.0)
    theirs = Ridge(alpha=100.0).fit(design, LOSSES)
    np.testing.assert_allclose(effects, theirs.coef_, atol=1e-8)
    assert level == pytest.approx(theirs.intercept_)


def test_each_column_is_told_its_part():
    columns, _losses = world(20_000, 0.6, seed=4)
    profile = drift.profile(columns, CELLS)
    parts = {name: estimate.due(MODEL, name, counts) for name, counts in profile.counts.items()}
    assert sum(parts.values()) == pytest.approx(estimate.expected(MODEL, profile) - MODEL.level)
    assert parts["word"] > 0.02 > abs(parts["noise"])


def test_it_knows_whether_it_is_of_use():
    rng = np.random.default_rng(5)
    waves = np.repeat(rng.random(20) < 0.5, 150)
    columns = {"x": np.where(waves, 5.0, 0.0) + rng.normal(0, 0.1, 3000)}
    losses = (rng.random(3000) < np.where(waves, 0.5, 0.05)).astype(float)
    assert estimate.fit(columns, drift.cells(columns), losses).useful


def test_few_rows_and_missing_losses():
    columns, losses = world(300, 0.2)
    assert estimate.fit(columns, CELLS, losses[:0].tolist() + [np.nan] * 300) is None
    losses[200:] = np.nan
    assert estimate.fit(columns, CELLS, losses) is not None
    assert estimate.expected(MODEL, drift.Profile(CELLS.id, 0, dict.fromkeys(COLUMNS, (0,) * 13))) is None
    with pytest.raises(ValueError, match="other cells"):
        estimate.expected(MODEL, drift.Profile("else", 1, {}))


def test_it_survives_json():
    assert msgspec.json.decode(msgspec.json.encode(MODEL), type=estimate.Additive) == MODEL
