"""Retraining is a decision with a ledger: also a "no" has its reasons, and nothing is asked for twice."""

from datetime import timedelta
from pathlib import Path

import pytest

from gradino.operate import retraining
from gradino.operate.monitoring import Feedback, watch
from gradino.operate.project import Project
from gradino.operate.store import Store
from gradino.operate.store.state import data_versions, decisions, runs
from tests.operate import records

NOW = records.START + timedelta(days=90)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Champion v1, alarmed after 40 days of doing harm; new rows have come since its training."""
    store = Store.of(tmp_path)
    records.rows(store)
    records.version(store, 1, loss=0.2)
    project = records.project(tmp_path)
    feedback, production = Feedback(project, store), records.Production(store, records.live(store, 1))
    watch(store, 1)
    for _ in range(40):
        production.tell(production.predict({1: [50.0] * 24}, answering=1))
        feedback.step()
    assert watch(store, 1)
    store.state.add(data_versions, version=1, digest="d1", files={}, raw="r1", rows=24, quarantined=0, until=NOW)
    return store


def ledger(store: Store) -> list[tuple[str, list[str]]]:
    return [(row.verdict, row.certificate["reasons"]) for row in store.state.rows(decisions)]


def queued(store: Store) -> int:
    return store.state.count(runs, runs.c.status == "queued")


def project(root: Path, **settings: object) -> Project:
    return records.project(root, retraining=settings)


def test_harm_that_costs_more_than_a_training_is_a_reason_to_retrain_once(store: Store, tmp_path: Path) -> None:
    for _ in range(3):
        retraining.decide(project(tmp_path), store, NOW)
    ((verdict, reasons),) = ledger(store)
    assert verdict == "pass"
    assert "v1 does harm" in reasons
    assert queued(store) == 1


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"cost": 1e9, "value": 1.0}, "it would not pay"),
        ({"min_labels": 10_000}, "fewer than 10000 labels"),
        ({"cooldown": "52w"}, "the last training is less than"),
    ],
)
def test_each_guard_can_say_no_and_says_why(
    store: Store, tmp_path: Path, settings: dict[str, object], reason: str
) -> None:
    for _ in range(3):
        retraining.decide(project(tmp_path, **settings), store, NOW)
    ((verdict, reasons),) = ledger(store)
    assert verdict == "fail"
    assert any(said.startswith(reason) for said in reasons)
    assert queued(store) == 0


def test_without_an_alarm_or_new_rows_nothing_is_trained(tmp_path: Path, store: Store) -> None:
    with store.state.begin() as connection:
        connection.execute(data_versions.delete().where(data_versions.c.version == 1))
    retraining.decide(project(tmp_path), store, NOW)
    assert ledger(store)[0] == ("fail", ["no rows that the last training had not"])
    quiet = Store.of(tmp_path / "quiet") if (tmp_path / "quiet").mkdir() is None else store
    records.rows(quiet)
    records.version(quiet, 1)
    records.live(quiet, 1)
    retraining.decide(project(tmp_path / "quiet"), quiet, NOW)
    assert ledger(quiet) == [("fail", ["no harm by v1 has been shown"])]


def test_a_project_without_a_model_trains_its_first(tmp_path: Path) -> None:
    store = Store.of(tmp_path)
    retraining.decide(project(tmp_path), store, None)
    assert queued(store) == 0, "there are no rows"
    records.rows(store)
    retraining.decide(project(tmp_path), store, None)
    assert queued(store) == 1
