"""A release moves by its records alone; whatever is missing or wrong never promotes."""

from datetime import timedelta
from pathlib import Path

import pytest

from gradino.errors import ReleaseError
from gradino.operate import release
from gradino.operate.incidents import notice
from gradino.operate.store.state import decisions, deployments, incidents, releases
from tests.operate import records
from tests.operate.release.town import Town


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
    assert (town.live.champion, town.status(2), town.release.stage) == (2, "champion", "done")


def test_a_better_challenger_is_proven_ramped_promoted_and_passes_its_probation(tmp_path: Path) -> None:
    town = Town(tmp_path)
    town.gate("pass")
    town.look()
    assert (town.live.champion, town.live.challenger, town.live.weight) == (1, 2, 0.0)
    town.until("done", champion=50, challenger=20)
    rows = town.store.state.rows(deployments, deployments.c.environment == "production")
    assert [(row.champion, row.challenger, row.weight) for row in rows] == [
        (1, None, 0.0),
        (1, 2, 0.0),
        (1, 2, 0.05),
        (1, 2, 0.25),
        (2, 1, 0.0),  # on probation: the champion before answers unseen
        (2, None, 0.0),
    ]
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
        ((50, float("nan")), 0.0, ("rejected", "fail")),  # it leaves rows out
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


@pytest.mark.parametrize(
    ("rule", "errors", "stage"),
    [("keep", (31, 28), "done"), ("promote-if-better", (31, 28), "ramp"), ("promote-if-better", (28, 31), "done")],
)
def test_at_the_horizon_the_projects_rule_holds_and_the_certificate_says_what_it_is_worth(
    tmp_path: Path, rule: str, errors: tuple[float, float], stage: str
) -> None:
    town = Town(tmp_path, horizon=240, at_horizon=rule, alpha=0.0001)
    town.gate("pass")
    town.until(stage, *errors, days=11)
    row = town.store.state.last(decisions, decisions.c.kind == "experiment")
    assert row is not None
    assert row.verdict == "insufficient"
    assert row.certificate["evidence"]["promote"] == (stage == "ramp")
    assert row.certificate["evidence"]["guarantee"].startswith("none")


def test_a_promoted_model_that_turns_out_worse_is_rolled_back_by_itself(tmp_path: Path) -> None:
    town = Town(tmp_path, probation=2000)
    town.gate("pass")
    town.until("probation", champion=50, challenger=20)
    assert (town.live.champion, town.live.challenger) == (2, 1)
    town.until("done", champion=20, challenger=50)
    assert (town.live.champion, town.live.challenger, town.status(2)) == (1, None, "rolled back")
    last = town.store.state.last(decisions, decisions.c.kind == "rollback")
    assert last is not None
    assert last.certificate["evidence"]["against"] > 20
    notice(town.store)
    opened = town.store.state.rows(incidents)
    assert [row.kind for row in opened] == ["rollback"]
    for _ in range(3):
        town.day(20, 50)
    assert town.store.state.count(decisions, decisions.c.kind == "rollback") == 1


@pytest.mark.parametrize("slow", [False, True])
def test_failing_or_slow_requests_stop_the_ramp_and_after_it_roll_back(tmp_path: Path, slow: bool) -> None:
    ramping, promoted = (Town(tmp_path / name) for name in ("ramping", "promoted"))
    for town, stage in ((ramping, "ramp"), (promoted, "probation")):
        town.gate("pass")
        town.until(stage, champion=50, challenger=20)
        town.day(50, 20)
        assert (town.live.weight > 0) == (stage == "ramp")
        town.serve(answered=300, failed=0 if slow else 60, slow=slow)
        town.look()
        assert (town.live.champion, town.live.challenger) == (1, None)
        last = sorted(town.store.state.rows(decisions), key=lambda row: row.at)[-1]
        assert last.verdict == "fail"
        assert ("95 % of requests" if slow else "60 of 360 requests failed") in last.certificate["reasons"][0]
    assert (ramping.status(2), promoted.status(2)) == ("rejected", "rolled back")


def test_the_aliases_follow_the_release(tmp_path: Path) -> None:
    town = Town(tmp_path)
    assert release.aliases(town.store) == {"champion": 1, "challenger": None, "previous": None}
    town.gate("pass")
    town.look()
    assert release.aliases(town.store) == {"champion": 1, "challenger": 2, "previous": None}
    town.until("probation", champion=50, challenger=20)
    assert release.aliases(town.store) == {"champion": 2, "challenger": None, "previous": 1}


def test_a_few_failed_requests_stop_nothing(tmp_path: Path) -> None:
    town = Town(tmp_path)
    town.gate("pass")
    town.until("ramp", champion=50, challenger=20)
    town.serve(answered=300, failed=10)
    town.until("done", champion=50, challenger=20)
    assert town.status(2) == "champion"


def test_a_version_is_released_once(tmp_path: Path) -> None:
    town = Town(tmp_path)
    for _ in range(3):
        release.propose(town.store, None)
        town.gate("pass")
    assert town.store.state.count(releases) == 1
    assert town.store.state.count(decisions) == 1


def test_rollback_gives_production_back_is_signed_and_opens_an_incident(tmp_path: Path) -> None:
    town = Town(tmp_path)
    records.live(town.store, 2)
    assert release.rollback(town.store, "a complaint") == 1
    assert town.live.champion == 1
    assert [row.kind for row in town.store.state.rows(decisions)] == ["rollback"]
    notice(town.store)
    assert [row.evidence["reason"] for row in town.store.state.rows(incidents)] == ["a complaint"]


def test_rollback_without_an_earlier_champion_says_so(tmp_path: Path) -> None:
    with pytest.raises(ReleaseError, match="no earlier champion"):
        release.rollback(Town(tmp_path).store, "a complaint")


def test_who_was_champion_when_and_why(tmp_path: Path) -> None:
    town = Town(tmp_path)
    records.live(town.store, 2)
    later = records.START + timedelta(days=3)
    release.rollback(town.store, "a complaint", later)
    assert [reign.version for reign in release.reigns(town.store)] == [1, 2, 1]
    found = release.champion_at(town.store, later)
    assert found is not None
    assert (found.version, found.reasons) == (1, ["a complaint"])
    before = release.champion_at(town.store, later - timedelta(hours=1))
    assert before is not None
    assert before.version == 2
