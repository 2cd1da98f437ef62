from pathlib import Path

import numpy as np
import pytest

from gradino.inference import drift
from gradino.operate import registry
from gradino.operate.monitoring import Feedback, watch
from gradino.operate.store import Store
from gradino.operate.store.state import alarms
from tests.operate import records


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store.of(tmp_path)
    records.version(store, 1, loss=0.2)
    return store


def live_through(
    store: Store, root: Path, losses: list[float], chunk: int = 24, inputs: dict[str, list[object]] | None = None
) -> int | None:
    """Feed losses day by day; returns after how many labels the alarm was raised."""
    feedback = Feedback(records.project(root, training={"train": "town:train", "slices": ["place"]}), store)
    production = records.Production(store, records.live(store, 1))
    watch(store, 1)
    for start in range(0, len(losses), chunk):
        day = slice(start, start + chunk)
        given = {name: values[day] for name, values in (inputs or {}).items()}
        production.tell(production.predict({1: [100 * loss for loss in losses[day]]}, answering=1, inputs=given))
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


def seasonal(losses: list[float], places: list[str] | None = None) -> registry.Baseline:
    """The baseline of a model with these losses in the hours before production, and the place of each."""
    cells = drift.cells({"prediction": np.zeros(2)})
    hours = [(3 * 24 + i - len(losses)) % 168 for i in range(len(losses))]  # production begins on a Thursday
    slices = {}
    if places:
        cell = drift.Categories(("centre", "suburb"), ())
        names = ["place = centre", "place = suburb", "place other", "place other", "place missing"]
        of = drift.place(np.array(places, object), cell).tolist()
        slices = {"x_place": registry.Slices(cell, names, of)}
    return registry.Baseline(cells, [], None, hours, slices)


def weekly(hours: int, seed: int) -> list[float]:
    """From the hour `-hours` on: bad on Saturdays and Sundays."""
    week = (np.arange(-hours, 0) + 3 * 24) % 168
    random = np.random.default_rng(seed)
    return (np.where(week >= 5 * 24, 0.5, 0.1) + random.normal(0, 0.05, hours)).clip(0, 1).tolist()


def released(tmp_path: Path, losses: list[float], places: list[str] | None = None) -> Store:
    store = Store.of(tmp_path)
    records.version(store, 1, baseline=seasonal(losses, places), losses=losses)
    return store


def test_a_model_that_is_always_worse_on_weekends_raises_nothing(tmp_path: Path) -> None:
    store = released(tmp_path, weekly(4 * 168, 1))
    losses = weekly(26 * 168, 2)
    assert live_through(store, tmp_path, losses, chunk=168) is None
    kept = store.state.cursor("harm:1", None)
    assert kept["state"]["reference"][0] < 0.2 < 0.4 < kept["state"]["reference"][6 * 24]


def test_it_is_still_found_when_its_weekdays_get_worse(tmp_path: Path) -> None:
    store = released(tmp_path, weekly(4 * 168, 1))
    before, after = weekly(4 * 168, 2), [min(loss + 0.15, 1.0) for loss in weekly(20 * 168, 3)]
    raised = live_through(store, tmp_path, before + after, chunk=168)
    assert raised is not None
    assert 4 * 168 < raised <= 16 * 168


def test_harm_in_a_slice_is_named_though_the_whole_looks_well(tmp_path: Path) -> None:
    random = np.random.default_rng(5)
    places = random.choice(["centre", "suburb"], 24 * 116, p=[0.9, 0.1]).tolist()
    losses = random.normal(0.2, 0.03, 24 * 116)
    store = released(tmp_path, losses[: 24 * 60].tolist(), places[: 24 * 60])
    losses[np.array(places) == "suburb"] += 0.25
    losses[np.array(places) == "centre"] -= 0.05
    inputs = {"place": places[24 * 60 :]}
    assert live_through(store, tmp_path, losses[24 * 60 :].clip(0, 1).tolist(), chunk=168, inputs=inputs)
    assert [(row.slice, row.threshold) for row in store.state.rows(alarms)] == [("place = suburb", 4 * 365)]
