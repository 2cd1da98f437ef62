"""Retraining in production: facts from the store, a recorded decision, nothing asked for twice, gains written back."""

from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from gradino.operate import retraining
from gradino.operate.loop.operator import Operator
from gradino.operate.monitoring import Feedback, watch
from gradino.operate.project import Project
from gradino.operate.store import Store
from gradino.operate.store.state import data_versions, decisions, incidents, releases, retrainings, runs, versions
from tests.operate import records

NOW = records.START + timedelta(days=90)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Champion v1 after 40 days of doing harm; new rows have come since its training."""
    store = Store.of(tmp_path)
    records.rows(store)
    records.version(store, 1, loss=0.2)
    project = records.project(tmp_path)
    feedback, production = Feedback(project, store), records.Production(store, records.live(store, 1))
    watch(store, 1)
    production.tell(production.predict({1: [50.0] * 24 * 40}, answering=1))
    feedback.step()
    assert watch(store, 1)
    arrive(store, 24)
    return store


def arrive(store: Store, rows: int) -> None:
    """New rows in the table."""
    version = store.tables.version("rows") + 1
    times = pa.array([NOW - timedelta(hours=i) for i in range(rows)], pa.timestamp("us", tz="UTC"))
    store.tables.append("rows", pa.table({"t": times, "y": np.zeros(rows)}), "collect", version)
    digests = {"digest": f"d{version}", "raw": f"r{version}", "files": {}}
    store.state.add(data_versions, version=version, rows=rows, quarantined=0, until=NOW, **digests)


def ledger(store: Store) -> list[tuple[str, list[str]]]:
    return [(row.verdict, row.certificate["reasons"]) for row in store.state.rows(decisions)]


def queued(store: Store) -> int:
    return store.state.count(runs, runs.c.status == "queued")


def project(root: Path, **settings: object) -> Project:
    return records.project(root, retraining=settings)


def end(store: Store, status: str, mean: float | None) -> None:
    """The run that was asked for becomes version 2, and its release ends."""
    store.state.change(runs, runs.c.status == "queued", id="run-2", status="finished", version=2, data_version=1)
    store.state.change(retrainings, run="run-2")
    store.state.add(versions, number=2, run="run-2", bundle="b2", status=status)
    store.state.add(releases, version=2, champion=1, stage="done", experiment={"mean": mean} if mean else None)


def test_harm_that_costs_more_than_a_training_is_a_reason_to_retrain_once(store: Store, tmp_path: Path) -> None:
    for _ in range(3):
        retraining.decide(project(tmp_path), store, NOW)
    ((verdict, (reason,)),) = ledger(store)
    assert verdict == "pass"
    assert reason.startswith("because its loss has risen, a fresh model avoids about 30 of loss")
    assert queued(store) == 1
    (row,) = store.state.rows(retrainings)
    assert (row.champion, row.labels, row.policy, row.outcome) == (1, 960, "cost-aware", None)
    assert row.promised == pytest.approx(30, abs=0.5)


@pytest.mark.parametrize(("status", "mean", "gained"), [("champion", 0.25, 25.0), ("refused", None, 0.0)])
def test_what_a_retraining_gained_is_written_back(
    store: Store, tmp_path: Path, status: str, mean: float | None, gained: float
) -> None:
    retraining.decide(project(tmp_path), store, NOW)
    retraining.decide(project(tmp_path), store, NOW)
    assert store.state.rows(retrainings)[0].gained is None
    end(store, status, mean)
    retraining.decide(project(tmp_path), store, NOW)
    (row,) = store.state.rows(retrainings)
    assert row.gained == pytest.approx(gained)
    assert row.outcome == ("promoted" if status == "champion" else status)


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"policy": "never"}, "the policy is never to retrain"),
        ({"policy": "every 52w"}, "the last training is less than 364 days ago"),
        ({"policy": "drift"}, "the rows have not drifted"),
        ({"cost": 1e9}, "it would not pay"),
        ({"min_labels": 10_000}, "fewer than 10,000 new labels"),
        ({"cooldown": "52w"}, "the last training is less than 364 days ago"),
    ],
)
def test_a_no_has_its_reason_and_is_said_once(
    store: Store, tmp_path: Path, settings: dict[str, object], reason: str
) -> None:
    for _ in range(3):
        retraining.decide(project(tmp_path, **settings), store, NOW)
    ((verdict, reasons),) = ledger(store)
    assert verdict == "fail"
    assert reason in reasons
    assert queued(store) == 0


@pytest.mark.parametrize("policy", ["alarm", "every 30d"])
def test_other_policies_have_other_reasons(store: Store, tmp_path: Path, policy: str) -> None:
    retraining.decide(project(tmp_path, policy=policy), store, NOW)
    assert ledger(store)[0][0] == "pass"


def test_labels_are_counted_from_the_last_training_on(store: Store, tmp_path: Path) -> None:
    retraining.decide(project(tmp_path), store, NOW)
    end(store, "rejected", -0.1)
    arrive(store, 24)
    retraining.decide(project(tmp_path), store, NOW + timedelta(days=2))
    assert ("fail", ["fewer than 500 new labels"]) in [(v, r[-1:]) for v, r in ledger(store)]


def test_without_new_rows_nothing_is_trained(tmp_path: Path, store: Store) -> None:
    with store.state.begin() as connection:
        connection.execute(data_versions.delete().where(data_versions.c.version == 1))
    retraining.decide(project(tmp_path), store, NOW)
    assert ledger(store)[0] == ("fail", ["no rows that the last training had not"])


def test_a_project_without_a_model_trains_its_first(tmp_path: Path) -> None:
    store = Store.of(tmp_path)
    retraining.decide(project(tmp_path), store, None)
    assert queued(store) == 0, "there are no rows"
    records.rows(store)
    retraining.decide(project(tmp_path), store, None)
    assert queued(store) == 1
    assert not store.state.rows(retrainings), "there was nothing to improve on"


def test_what_stands_in_the_way_of_a_decision_is_one_incident_and_the_operator_goes_on(
    store: Store, tmp_path: Path
) -> None:
    operator = Operator(project(tmp_path, canary="gone.csv"), store)
    for _ in range(2):
        operator._decide(NOW)
    (row,) = store.state.rows(incidents)
    assert "the retraining decision failed: the canaries cannot be read" in row.title
    assert len(row.timeline) == 1, "it is not tried at every tick"
    assert queued(store) == 0
    operator.close()
