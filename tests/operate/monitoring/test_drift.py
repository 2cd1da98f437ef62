"""The diagnosis: what changed, since when, in which rows, and does it matter – from a few rows of counts."""

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from gradino.operate import registry, retraining
from gradino.operate.monitoring import Feedback, diagnose, profile
from gradino.operate.store import Store
from gradino.operate.store.state import data_versions, runs
from gradino.operate.training.baseline import baseline
from tests.operate import records

DAYS = 60


def rows(hours: int, hot: float = 0.0, seed: int = 1) -> pd.DataFrame:
    """Hourly rows; the model errs by 5 where it is mild and by 60 above 30 degrees."""
    rng = np.random.default_rng(seed)
    warmth = np.where(rng.random(hours) < hot, rng.uniform(30, 40, hours), rng.uniform(0, 33, hours))
    frame = pd.DataFrame(
        {"warmth": warmth, "open": rng.random(hours) < 0.7, "weather": rng.choice(["dry", "wet"], hours)}
    )
    return frame.assign(error=np.where(warmth > 30, 60.0, 5.0) + rng.uniform(0, 5, hours))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Version 1, trained on the sixty days before production."""
    frame = rows(24 * DAYS, seed=0)
    start = pd.Timestamp(records.START) - pd.Timedelta(days=DAYS)
    frame = frame.assign(t=[start + pd.Timedelta(hours=i) for i in range(len(frame))], y=0.0)
    past, holdout = frame.iloc[: 24 * 30], frame.iloc[24 * 30 :]
    inputs = [
        registry.Field("t", "timestamp"),
        registry.Field("warmth", "number"),
        registry.Field("open", "boolean"),
        registry.Field("weather", "string"),
    ]
    description = registry.Description("town", "regression", "y", "t", None, None, inputs)
    losses = (holdout["error"] / 100).tolist()
    made = baseline(
        records.project(tmp_path),
        description,
        past,
        holdout,
        holdout["error"].to_numpy(),
        registry.Reference(100.0, len(holdout), float(np.mean(losses)), losses, records.START),
        ["weather", "warmth"],
    )
    store = Store.of(tmp_path)
    records.version(store, 1, baseline=made, losses=losses)
    return store


def live(store: Store, root: Path, frame: pd.DataFrame, production: records.Production, label: bool = True) -> None:
    inputs = {name: frame[name].tolist() for name in ("warmth", "open", "weather")}
    ids = production.predict({1: frame["error"].tolist()}, answering=1, inputs=inputs)
    if label:
        production.tell(ids)
    Feedback(records.project(root), store).step()
    profile(store)


def test_rows_like_those_of_training_are_stable(store: Store, tmp_path: Path) -> None:
    live(store, tmp_path, rows(24 * 40), records.Production(store, records.live(store, 1)))
    found = diagnose(store, 1, 30)
    assert found is not None
    assert (found.verdict, found.rows) == ("stable", 24 * 30)
    assert {column.verdict for column in found.columns} == {"stable"}
    assert found.expected == pytest.approx(found.reference, abs=0.01)


def test_what_changed_since_when_in_which_rows_and_that_it_matters(store: Store, tmp_path: Path) -> None:
    production = records.Production(store, records.live(store, 1))
    live(store, tmp_path, rows(24 * 40), production)
    live(store, tmp_path, rows(24 * 30, hot=0.6), production, label=False)
    found = diagnose(store, 1, 30)
    assert found is not None
    assert found.verdict == "drift"
    verdicts = {column.name: column.verdict for column in found.columns}
    assert verdicts == {"x_warmth": "drift", "prediction": "drift", "x_open": "stable", "x_weather": "stable"}
    warmth = next(column for column in found.columns if column.name == "x_warmth")
    began = (records.START + timedelta(days=40)).date()
    assert warmth.since is not None
    assert abs((warmth.since - began) / timedelta(days=1)) <= 21
    assert "above" in warmth.parts[0].label
    assert warmth.season.outside[1] > 0.3 > warmth.season.outside[0]
    assert found.expected is not None
    assert found.expected > 1.5 * found.reference
    assert found.labels == 0
    assert found.realised is None
    assert "warmth" in found.says
    assert f"{found.expected:.3g}" in found.says


def test_the_estimate_is_scored_once_labels_come(store: Store, tmp_path: Path) -> None:
    production = records.Production(store, records.live(store, 1))
    live(store, tmp_path, rows(24 * 20), production)
    live(store, tmp_path, rows(24 * 20, hot=0.6), production)
    found = diagnose(store, 1, 20)
    assert found is not None
    assert found.realised == pytest.approx(found.expected, abs=0.1)
    assert found.scored is not None
    assert found.scored.days == 40
    assert found.scored.error < 0.6 * found.scored.without


def test_few_rows_are_insufficient_and_none_are_nothing(store: Store, tmp_path: Path) -> None:
    assert diagnose(store, 1) is None
    live(store, tmp_path, rows(100, hot=1.0), records.Production(store, records.live(store, 1)))
    found = diagnose(store, 1)
    assert found is not None
    assert found.verdict == "insufficient"
    assert found.last == date(2026, 1, 5)


def test_counting_is_done_once_however_the_operator_is_cut_off(store: Store, tmp_path: Path) -> None:
    production = records.Production(store, records.live(store, 1))
    for _ in range(5):
        live(store, tmp_path, rows(24 * 5), production)
        profile(store)
        store.state.close()
        store = Store.of(tmp_path)
    found = diagnose(store, 1, 100)
    assert found is not None
    assert found.rows == found.labels == 24 * 25


@pytest.mark.parametrize(("hot", "asked"), [(0.6, 1), (0.0, 0)])
def test_the_drift_policy_compares_all_rows_since_the_last_training(
    store: Store, tmp_path: Path, hot: float, asked: int
) -> None:
    records.rows(store)
    live(store, tmp_path, rows(24 * 40, hot), records.Production(store, records.live(store, 1)))
    week, weeks = diagnose(store, 1, 7), diagnose(store, 1)
    assert week is not None
    assert weeks is not None
    assert week.verdict == "insufficient", "a week of hourly rows is below the minimum"
    assert weeks.rows == 24 * 21, "three weeks are enough"
    store.tables.append("rows", pa.table({"t": [records.START], "y": [0.0]}), "collect", 1)
    store.state.add(data_versions, version=1, digest="d1", files={}, raw="r1", rows=24, quarantined=0)
    policy = records.project(tmp_path, retraining={"policy": "drift"})
    retraining.decide(policy, store, records.START + timedelta(days=41))
    assert store.state.count(runs, runs.c.status == "queued") == asked
