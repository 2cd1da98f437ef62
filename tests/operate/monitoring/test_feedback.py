import tempfile
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gradino.operate.monitoring import Feedback, profile
from gradino.operate.store import Store
from gradino.operate.store.state import cursors, profiles
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


def test_a_correction_replaces_the_label_for_sums_and_leaves_the_outcome_as_it_was_seen(
    tmp_path: Path, store: Store
) -> None:
    project = records.project(tmp_path)
    production = records.Production(store, records.live(store, 1, challenger=2))
    ids = production.predict({1: [50.0], 2: [10.0]}, answering=1)
    production.tell(ids)
    Feedback(project, store).step()
    before = outcomes(store)
    production.tell(ids, label=20.0)
    assert Feedback(project, store).step().corrected == 2
    production.tell(ids, label=20.0)
    production.tell(ids, label=40.0)
    assert Feedback(project, store).step().corrected == 2, "20 again is nothing new, 40 is"
    assert outcomes(store) == before
    found = store.tables.read("corrections").sort_by("at").to_pylist()  # type: ignore[union-attr]
    told = sorted((r["version"], r["label_before"], r["label"], round(r["loss"] - r["loss_before"], 9)) for r in found)
    assert told == [(1, 0.0, 20.0, -0.2), (1, 20.0, 40.0, -0.2), (2, 0.0, 20.0, 0.0), (2, 20.0, 40.0, 0.2)]


def test_sums_by_day_follow_the_newest_label(tmp_path: Path, store: Store) -> None:
    production = records.Production(store, records.live(store, 1))
    ids = production.predict({1: [50.0] * 30}, answering=1)
    production.tell(ids[:20])
    feedback = Feedback(records.project(tmp_path), store)
    feedback.step()
    profile(store)
    production.tell(ids[:1], label=50.0)
    feedback.step()
    profile(store)
    profile(store)
    days = store.state.rows(profiles)
    assert [(day.day, day.rows, day.labels) for day in days] == [("2026-01-01", 24, 20), ("2026-01-02", 6, 0)]
    assert days[0].loss == pytest.approx(19 * 0.5)
    assert days[0].delay / days[0].labels == 24 * 3600


def test_a_label_by_key_is_for_every_prediction_of_that_moment(tmp_path: Path, store: Store) -> None:
    project = records.project(tmp_path)
    production = records.Production(store, records.live(store, 1))
    production.tell_by_key([1, 77])
    ids = production.predict({1: [10.0] * 3}, answering=1)
    production.tell_by_key([0])
    assert Feedback(project, store).step().labels == 2
    assert [row[0] for row in outcomes(store)] == ids[:2]
    production.tell_by_key([1], label=10.0)
    again = Feedback(project, store)
    assert again.step().corrected == 1
    production.predict({1: [10.0] * 97}, answering=1)
    assert again.step().labels == 1, "the label of hour 77 came long before"


def test_labels_of_whole_days_in_any_order_give_the_same_sums(tmp_path: Path, store: Store) -> None:
    production = records.Production(store, records.live(store, 1))
    ids = production.predict({1: [float(i) for i in range(48)]}, answering=1)
    for i in np.random.default_rng(0).permutation(48)[:40]:
        production.tell([ids[i]])
        if i % 3 == 0:
            Feedback(records.project(tmp_path), store).step()
            profile(store)
    Feedback(records.project(tmp_path), store).step()
    profile(store)
    kept = {name: loss for name, _, loss, _ in outcomes(store)}
    assert len(kept) == 40
    assert sum(day.loss for day in store.state.rows(profiles)) == pytest.approx(sum(kept.values()))


def opened(feedback: Feedback) -> tuple[object, ...]:
    """What a join waits for."""
    waiting = {name: sorted(row["version"] for row in rows) for name, rows in feedback._open.items()}
    early = [key if isinstance(key, str) else f"{key[0]} {key[1]}" for key in feedback._early]
    return waiting, sorted(early)


@settings(max_examples=15, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(("predict", "tell", "tell early", "by key", "step", "save", "kill")), st.integers(0, 9)
        ),
        min_size=6,
        max_size=10,
    )
)
@example([("tell", 0), ("tell early", 0), ("by key", 3), ("step", 0), ("predict", 0), ("kill", 0)])
def test_a_start_knows_what_waits_whether_it_was_saved_or_not(story: list[tuple[str, int]]) -> None:
    """One join is never ended, one is ended again and again: they agree with each other and with one from scratch."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        store, project = Store.of(root), records.project(root)
        records.version(store, 1)
        production = records.Production(store, records.live(store, 1))
        joining, ids = Feedback(project, store), production.predict({1: [5.0] * 3}, answering=1)
        for what, number in story:
            match what:
                case "predict":
                    ids += production.predict({1: [5.0] * (1 + number % 3)}, answering=1)
                case "tell":
                    production.tell([ids[number % len(ids)]], label=float(number % 2))
                case "tell early":
                    production.tell([f"p1-{len(ids) + number % 4}"])
                case "by key":
                    production.tell_by_key([number])
                case "step":
                    joining.step()
                case "save":
                    joining.save()
                case "kill":
                    joining.step()
                    before = opened(joining)
                    joining = Feedback(project, store)
                    assert opened(joining) == before
        joining.step()
        store.state.remove(cursors, cursors.c.name == "waiting")
        assert opened(Feedback(project, store)) == opened(joining)
        found = [row[0] for row in outcomes(store)]
        assert len(found) == len(set(found))
        store.state.close()


def test_what_was_saved_and_changed_is_not_believed(tmp_path: Path, store: Store) -> None:
    production, project = records.Production(store, records.live(store, 1)), records.project(tmp_path)
    ids = production.predict({1: [5.0] * 3}, answering=1)
    production.tell(ids[:1])
    feedback = Feedback(project, store)
    feedback.step()
    feedback.save()
    (file,) = (store.root / "waiting").glob("*")
    for damage in (lambda: file.write_bytes(file.read_bytes() + b"!"), file.unlink):
        damage()
        assert opened(Feedback(project, store)) == opened(feedback)
    feedback.save()
    assert len(list((store.root / "waiting").glob("*"))) == 1


def test_what_retention_let_go_waits_no_longer(tmp_path: Path, store: Store) -> None:
    production = records.Production(store, records.live(store, 1))
    project = records.project(tmp_path, serving={"keep": "2d"})
    ids = production.predict({1: [5.0] * 72}, answering=1)
    production.tell(["never-0"])
    feedback = Feedback(project, store)
    feedback.step()
    with store.state.begin() as connection:
        store.state.move_cursor(connection, "clock", (records.START + timedelta(days=4)).isoformat())
    feedback.save()
    waiting, early = opened(feedback)
    assert sorted(waiting) == sorted(ids[48:])  # type: ignore[call-overload]
    assert early == []
