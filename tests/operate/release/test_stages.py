"""A release moves by its records alone; whatever is missing or wrong never promotes."""

from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import Row

from gradino.errors import ReleaseError
from gradino.operate import release
from gradino.operate.monitoring import Feedback
from gradino.operate.store import Store
from gradino.operate.store.state import decisions, deployments, gates, releases, versions
from tests.operate import records


class Town:
    """Champion v1 and a candidate v2 in production, driven by the errors that each makes."""

    def __init__(self, root: Path, **settings: object) -> None:
        self.store = Store.of(root)
        self.project = records.project(root, release=settings)
        records.version(self.store, 1)
        records.version(self.store, 2, status="candidate")
        records.live(self.store, 1)
        self.feedback = Feedback(self.project, self.store)

    def gate(self, verdict: str) -> None:
        release.propose(self.store, None)
        row = self.release
        self.store.state.add_once(
            gates, {"release": row.id, "name": "holdout"}, verdict=verdict, evidence={"says": "so"}, seconds=0.1
        )
        release.after_gates(self.project, self.store, row.id, None)

    def day(self, champion: float, challenger: float | None, label: float = 0.0) -> None:
        """24 requests with noisy errors of these means, labelled; then the operator looks."""
        live = self.live
        random = np.random.default_rng(live.id + self.store.tables.version("predictions"))
        errors = {1: (champion + random.normal(0, 10, 24)).tolist()}
        if challenger is not None and 2 in (live.champion, live.challenger):
            errors[2] = (challenger + random.normal(0, 10, 24)).tolist()
        production = records.Production(self.store, live.id)
        production.hour = 24 * (self.store.tables.version("predictions") + 1)
        production.tell(production.predict(errors, answering=live.champion), label)
        self.feedback.step()
        release.advance(self.project, self.store, None)

    @property
    def release(self) -> Row[tuple[object, ...]]:
        row = self.store.state.last(releases, releases.c.version == 2)
        assert row is not None
        return row

    @property
    def live(self) -> Row[tuple[object, ...]]:
        row = self.store.state.last(deployments, deployments.c.environment == "production")
        assert row is not None
        return row

    def status(self, number: int) -> str:
        row = self.store.state.last(versions, versions.c.number == number)
        assert row is not None
        return str(row.status)


@pytest.mark.parametrize("verdict", ["fail", "insufficient"])
def test_a_gate_that_is_not_passed_refuses(tmp_path: Path, verdict: str) -> None:
    town = Town(tmp_path)
    town.gate(verdict)
    assert (town.release.stage, town.release.verdict, town.status(2)) == ("done", "fail", "refused")
    assert town.live.champion == 1


def test_the_first_model_needs_the_gates_only(tmp_path: Path) -> None:
    town = Town(tmp_path)
    with town.store.state.begin() as connection:
        connection.execute(deployments.delete())
    town.gate("pass")
    assert (town.live.champion, town.status(2)) == (2, "champion")


def test_a_better_challenger_is_proven_ramped_and_promoted(tmp_path: Path) -> None:
    town = Town(tmp_path)
    town.gate("pass")
    release.advance(town.project, town.store, None)
    assert (town.live.champion, town.live.challenger, town.live.weight) == (1, 2, 0.0)
    weights = []
    for _ in range(60):
        town.day(champion=50, challenger=20)
        weights.append(town.live.weight)
        if town.release.stage == "done":
            break
    assert (town.live.champion, town.live.challenger) == (2, None)
    assert [w for i, w in enumerate(weights) if i == 0 or w != weights[i - 1]] == [0.0, 0.05, 0.25, 0.0]
    assert (town.status(1), town.status(2)) == ("retired", "champion")
    kinds = {row.kind: row.verdict for row in town.store.state.rows(decisions)}
    assert kinds == {"gates": "pass", "experiment": "pass"}


@pytest.mark.parametrize(
    ("errors", "labels", "expected"),
    [
        ((20, 50), 0.0, ("rejected", "fail")),
        ((30, 30), 0.0, ("rejected", "insufficient")),
        ((50, None), 0.0, ("challenger", None)),  # the challenger does not answer: no pair, no evidence
        ((50, 20), float("nan"), ("challenger", None)),  # labels that say nothing
    ],
)
def test_what_is_worse_equal_silent_or_unlabelled_is_never_promoted(
    tmp_path: Path, errors: tuple[float, float | None], labels: float, expected: tuple[str, str | None]
) -> None:
    town = Town(tmp_path, horizon=240)
    town.gate("pass")
    for _ in range(20):
        town.day(*errors, label=labels)
    assert (town.status(2), town.release.verdict) == expected
    assert town.live.champion == 1


def test_a_version_is_released_once(tmp_path: Path) -> None:
    town = Town(tmp_path)
    for _ in range(3):
        release.propose(town.store, None)
        town.gate("pass")
    assert town.store.state.count(releases) == 1
    assert town.store.state.count(decisions) == 1


def test_rollback_gives_production_back_and_is_signed(tmp_path: Path) -> None:
    town = Town(tmp_path)
    records.live(town.store, 2)
    assert release.rollback(town.store, "a complaint") == 1
    assert town.live.champion == 1
    assert [row.kind for row in town.store.state.rows(decisions)] == ["rollback"]


def test_rollback_without_an_earlier_champion_says_so(tmp_path: Path) -> None:
    with pytest.raises(ReleaseError, match="no earlier champion"):
        release.rollback(Town(tmp_path).store, "a complaint")
