from pathlib import Path

import numpy as np
import pytest

from gradino.operate.monitoring import Feedback, watch
from gradino.operate.store import Store
from gradino.operate.store.state import alarms
from tests.operate import records


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store.of(tmp_path)
    records.version(store, 1, loss=0.2)
    return store


def live_through(store: Store, root: Path, losses: list[float], chunk: int = 24) -> int | None:
    """Feed losses day by day; returns after how many labels the alarm was raised."""
    feedback = Feedback(records.project(root), store)
    production = records.Production(store, records.live(store, 1))
    watch(store, 1)
    for start in range(0, len(losses), chunk):
        production.tell(production.predict({1: [100 * loss for loss in losses[start : start + chunk]]}, answering=1))
        feedback.step()
        if watch(store, 1):
            return start + chunk
        assert not watch(store, 1), "nothing new, nothing raised"
    return None


def test_a_model_as_good_as_released_raises_nothing(store: Store, tmp_path: Path) -> None:
    losses = np.random.default_rng(0).normal(0.2, 0.05, 24 * 30).clip(0, 1)
    assert live_through(store, tmp_path, losses.tolist()) is None
    assert store.state.count(alarms) == 0


def test_harm_raises_one_alarm_that_says_since_when(store: Store, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    before, after = random.normal(0.2, 0.05, 24 * 10), random.normal(0.4, 0.05, 24 * 60)
    raised = live_through(store, tmp_path, np.concatenate([before, after]).clip(0, 1).tolist())
    assert raised is not None
    assert 240 < raised <= 240 + 24 * 30
    alarm = store.state.rows(alarms)[0]
    assert abs((alarm.since - records.START).total_seconds() / 3600 - 240) <= 48
    assert alarm.evidence >= alarm.threshold
    assert store.state.count(alarms) == 1
