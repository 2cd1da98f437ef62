from pathlib import Path

import pytest

from gradino.operate.monitoring import Feedback
from gradino.operate.store import Store
from tests.operate import records


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store.of(tmp_path)
    records.version(store, 1)
    records.version(store, 2, status="challenger")
    return store


def outcomes(store: Store) -> list[tuple[str, int, float, float]]:
    table = store.tables.read("outcomes")
    rows = table.to_pylist() if table else []
    return sorted((r["prediction_id"], r["version"], r["loss"], r["error"]) for r in rows)


def test_a_label_gives_one_outcome_for_each_model_that_scored_the_request(tmp_path: Path, store: Store) -> None:
    production = records.Production(store, records.live(store, 1, challenger=2))
    ids = production.predict({1: [50.0, 250.0], 2: [10.0, 20.0]}, answering=1)
    production.tell(ids)
    assert Feedback(records.project(tmp_path), store).step().labels == 2
    assert outcomes(store) == [
        (ids[0], 1, 0.5, 50.0),
        (ids[0], 2, 0.1, 10.0),
        (ids[1], 1, 1.0, 250.0),
        (ids[1], 2, 0.2, 20.0),
    ]


def test_labels_join_once_however_often_they_come_and_the_join_restarts(tmp_path: Path, store: Store) -> None:
    production = records.Production(store, records.live(store, 1))
    ids = production.predict({1: [1.0] * 10}, answering=1)
    for part in (ids[:4], ids[2:6], ids):
        production.tell(part)
        feedback = Feedback(records.project(tmp_path), store)
        feedback.step()
        feedback.step()
    assert [row[0] for row in outcomes(store)] == sorted(ids)


def test_a_label_that_is_logged_before_its_prediction_waits_for_it(tmp_path: Path, store: Store) -> None:
    feedback = Feedback(records.project(tmp_path), store)
    production = records.Production(store, records.live(store, 1))
    production.tell(["p1-0", "nobody-0"])
    assert feedback.step().labels == 0
    production.predict({1: [5.0]}, answering=1)
    assert feedback.step().labels == 1
    assert [row[0] for row in outcomes(store)] == ["p1-0"]


def test_a_crash_after_the_commit_repeats_nothing(
    tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    production = records.Production(store, records.live(store, 1))
    production.tell(production.predict({1: [5.0] * 3}, answering=1))
    dying = Feedback(records.project(tmp_path), store)
    append = type(store.tables).append

    def append_and_die(*args: object) -> None:
        append(*args)  # type: ignore[arg-type]
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(type(store.tables), "append", append_and_die)
        with pytest.raises(KeyboardInterrupt):
            dying.step()
    Feedback(records.project(tmp_path), store).step()
    assert len(outcomes(store)) == 3
