"""What goes wrong becomes one incident, and closing it changes the project so that it is caught the next time."""

import json
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from typer.testing import CliRunner

from gradino.cli import app
from gradino.errors import DataError, GradinoError
from gradino.inference import drift
from gradino.operate import registry
from gradino.operate.data import collect
from gradino.operate.incidents import improve, learning, notice, report, texts
from gradino.operate.loop import slow
from gradino.operate.monitoring import Feedback, profile
from gradino.operate.project import load
from gradino.operate.project.reference import Reference
from gradino.operate.registry.schema import Day
from gradino.operate.store import Store
from gradino.operate.store.state import alarms, gates, incidents, releases
from tests.operate import records
from tests.operate.conftest import Shop


def kinds(store: Store) -> list[tuple[str, str, int]]:
    return [(row.kind, row.cause, len(row.timeline)) for row in store.state.rows(incidents)]


def test_each_thing_that_goes_wrong_is_one_incident_and_again_is_a_note(tmp_path: Path) -> None:
    store = Store.of(tmp_path)
    tell = store.state.tell
    tell("alarm", "v1 does harm: its loss has risen", "alarm:1:")
    tell("data", "3 bad rows put in quarantine; most often: hum: in_range", "quarantine:aa", reasons={"hum": 3})
    tell("service", "serving died (exit code -9) and was started again", "death:serving:17")
    notice(store)
    store.state.add(releases, version=2, stage="done", verdict="fail")
    store.state.add(gates, release=1, name="schema", verdict="fail", evidence={}, seconds=0.1)
    tell("release", "v2 refused", "release:1:refused")
    tell("service", "serving died (exit code 1) and was started again", "death:serving:18")
    tell("run", "v2 trained", "run:x:finished")
    tell("deployment", "rolled back from v3 to v2", "rollback:d")
    for _ in range(2):
        notice(store)
    assert kinds(store) == [
        ("alarm", "harm:all rows", 1),
        ("quarantine", "quarantine:hum: in_range", 1),
        ("crash", "crash:serving", 2),
        ("release", "gate:schema", 1),
        ("rollback", "rollback", 1),
    ]


def test_an_error_of_the_slow_lane_is_reported_once_and_repeats_after_it_was_closed(shop: Shop) -> None:
    store = shop.store
    for _ in range(3):
        report(store, "collection", DataError("the source is gone", "bring it back"))
    assert [(row.kind, len(row.timeline)) for row in store.state.rows(incidents)] == [("data", 3)]
    improve.close(shop.project, store, 1, "accepted", "the vendor moved it, and told us late")
    report(store, "collection", DataError("the source is gone", "bring it back"))
    assert store.state.rows(incidents)[1].repeats == 1
    improve.close(shop.project, store, 2, "test", "a test asks whether the source is there")
    assert learning(store) == {"incidents": 2, "open": 0, "repeat_rate": 0.5, "improved": 0.5}


def test_a_failure_of_another_run_is_the_same_cause(shop: Shop) -> None:
    for run in ("68f1-2a", "0c77-91"):
        report(shop.store, f"run {run}", DataError("the model needs 500 rows", "wait"))
    report(shop.store, "run 5d", DataError("the model needs a better lock", "write it"))
    assert [len(row.timeline) for row in shop.store.state.rows(incidents)] == [2, 1]


def test_a_batch_that_is_mostly_bad_is_one_incident_however_often_it_is_asked_for_and_grows(shop: Shop) -> None:
    frame = shop.frame
    for rows, asked in ((150, 2), (200, 1)):
        shop.deliver(frame.head(rows).assign(sold=-1.0))
        for _ in range(asked):
            with slow._opened(str(shop.root), "collection") as (project, store):
                collect(project, store)
        notice(shop.store)
    (incident,) = shop.store.state.rows(incidents)
    assert [entry["says"].partition(" new")[0] for entry in incident.timeline] == ["150 of 150", "200 of 200"]
    improve.close(shop.project, shop.store, 1, "accepted", "the vendor mends it tomorrow")
    shop.deliver(frame.assign(sold=-2.0))
    with slow._opened(str(shop.root), "collection") as (project, store):
        collect(project, store)
    notice(shop.store)
    assert [row.repeats for row in shop.store.state.rows(incidents)] == [None, 1]


def test_closing_needs_an_improvement_or_a_reason(shop: Shop) -> None:
    report(shop.store, "collection", DataError("the source is gone", "bring it back"))
    with pytest.raises(GradinoError, match="say why"):
        improve.close(shop.project, shop.store, 1, "accepted", "")
    with pytest.raises(GradinoError, match="proposes no gate"):
        improve.close(shop.project, shop.store, 1, "gate", "")
    with pytest.raises(GradinoError, match="no incident 7"):
        improve.close(shop.project, shop.store, 7, "gate", "")
    improve.close(shop.project, shop.store, 1, "accepted", "it is back")
    with pytest.raises(GradinoError, match="was closed by accepted"):
        improve.close(shop.project, shop.store, 1, "accepted", "again")


def test_bad_rows_become_a_test_of_the_contract_that_passes(shop: Shop) -> None:
    row = '{"hour": "2024-01-01T00:00:00+00:00", "warmth": 99.0, "open": true, "sold": 3.0}'
    bad = pa.table({"time": [None], "row": [row], "reason": ["warmth: less_than_or_equal_to(50)"], "_batch": ["aa"]})
    shop.store.tables.append("quarantine", bad, "collect", 0)
    reasons = {"warmth: less_than_or_equal_to(50)": 1}
    title = "1 bad row put in quarantine; most often: warmth: less_than_or_equal_to(50)"
    shop.store.state.tell("data", title, "quarantine:aa", reasons=reasons)
    notice(shop.store)
    (proposal,) = [p for p in improve.proposals(shop.project, shop.store, 1) if p.kind == "test"]
    assert proposal.diff(shop.root).startswith("--- /dev/null\n+++ b/tests/test_incident_1.py")
    improve.close(shop.project, shop.store, 1, "test", "")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"],
        cwd=shop.root, env={"PYTHONPATH": str(shop.root)}, capture_output=True, text=True,
    )  # fmt: skip
    assert "1 passed" in done.stdout, done.stdout


@dataclass
class Model:
    """What a gate sees of a model: its inputs, and what it answers."""

    answer: float
    inputs: tuple[registry.Field, ...] = (registry.Field("warmth", "number"), registry.Field("open", "boolean"))

    def predict(self, frame: pd.DataFrame) -> Any:
        assert list(frame.columns) == ["warmth", "open"]
        return np.full(len(frame), self.answer)


@pytest.fixture
def harmed(shop: Shop) -> Shop:
    """A shop whose champion did harm: it answers 80 where the truth is 0, and it has become warm."""
    store, random = shop.store, np.random.default_rng(0)
    columns = {
        "x_warmth": random.uniform(0, 20, 1000),
        "x_open": np.ones(1000),
        "prediction": random.uniform(0, 80, 1000),
    }
    cells = drift.cells(columns)
    counts = drift.profile(columns, cells)
    days = [Day(records.START.date() - timedelta(days=1), 1000, counts.counts)]
    records.version(store, 1, baseline=registry.Baseline(cells, days, None, [0] * 500))
    production = records.Production(store, records.live(store, 1))
    inputs: dict[str, list[object]] = {"warmth": [35.0] * 600, "open": [True] * 600}
    production.tell(production.predict({1: [80.0] * 600}, answering=1, inputs=inputs))
    Feedback(shop.project, store).step()
    profile(store)
    store.state.add(alarms, version=1, evidence=400.0, threshold=365.0, since=records.START, detail={})
    store.state.tell("alarm", "v1 does harm: its loss has risen", "alarm:1:")
    notice(store)
    return shop


def test_an_alarm_becomes_a_gate_of_its_own_rows(harmed: Shop) -> None:
    proposals = {p.kind: p for p in improve.proposals(harmed.project, harmed.store, 1)}
    assert list(proposals) == ["gate", "slice", "threshold"]
    improve.close(harmed.project, harmed.store, 1, "gate", "")
    (gate,) = load(harmed.root).release.gates
    assert gate == Reference("incidents.incident_1", "incident_1")
    function = gate.load(harmed.root)
    assert function(None, Model(70.0), None)[0] is True
    passed, said = function(None, Model(90.0), None)
    assert (passed, said) == (False, "mean error 90 on the rows of incident_1, v1: 80")
    assert len(pd.read_csv(harmed.root / "incidents" / "incident_1.csv")) == 200
    assert harmed.store.state.rows(incidents)[0].improved_by == "gate"


def test_an_alarm_may_become_a_slice_a_bound_or_an_alert(harmed: Shop) -> None:
    harmed.rewrite("warmth: float = pa.Field(ge=-30, le=50)", "warmth: float")
    proposals = {p.kind: p for p in improve.proposals(harmed.project, harmed.store, 1)}
    assert proposals["slice"].says.startswith("`warmth` changed most")
    for proposal in proposals.values():
        proposal.write(harmed.root)
    project = load(harmed.root)
    assert project.training.slices == ["warmth"]
    assert "warmth: float = pa.Field(ge=0" in (harmed.root / "shop.py").read_text()
    from gradino.operate.monitoring import alerts

    assert [rule.name for rule in alerts.rules(harmed.root)] == ["errors", "slow", "log", "silent", "harm-early"]


def test_what_a_person_wrote_in_the_project_file_stays(harmed: Shop) -> None:
    harmed.rewrite("[training]", "[release]  # careful\nalpha = 0.01 # one in a hundred\n\n[training]", "gradino.toml")
    before = (harmed.root / "gradino.toml").read_text()
    (proposal,) = [p for p in improve.proposals(harmed.project, harmed.store, 1) if p.kind == "gate"]
    after = proposal.files["gradino.toml"]
    assert [line for line in after.splitlines() if line not in before.splitlines()] == [
        'gates = ["incidents.incident_1:incident_1"]'
    ]
    assert [line for line in before.splitlines() if line not in after.splitlines()] == []
    assert tomllib.loads(texts.with_entry(after, "release", "gates", "a:b"))["release"]["gates"][1] == "a:b"


def test_the_command_line_lists_shows_and_closes(harmed: Shop) -> None:
    def gradino(*words: str) -> str:
        done = CliRunner().invoke(app, ["incidents", *words])
        return f"{done.output} {done.exception or ''}"

    place = ["--project", str(harmed.root)]
    assert "v1 does harm" in gradino(*place)
    assert "+gates = " in gradino("show", "1", *place)
    assert "say why" in gradino("close", "1", "--by", "accepted", *place)
    assert not harmed.store.state.rows(incidents)[0].closed
    assert "incidents/incident_1.py" in gradino("close", "1", "--by", "gate", "--yes", *place)
    assert "was closed by gate" in gradino("close", "1", "--by", "gate", "--yes", *place)
    shown = json.loads(gradino("--json", *place))
    assert shown["learning"] == {"incidents": 1, "open": 0, "repeat_rate": 0.0, "improved": 1.0}
